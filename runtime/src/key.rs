//! The hash of keys and the groups that keys fall into.

use std::hash::{Hash, Hasher};
use std::ops::Range;

/// Key groups in all. Groups, not keys, are dealt to tasks, so that state moves group by group when the tasks change.
pub const KEY_GROUPS: u16 = 64;

/// The hash that groupings by key use: the same on every machine, so that state outlives the process that wrote it.
///
/// It reads what the key's `Hash` writes as 64-bit little-endian words, the last one filled with its length, and folds each
/// into the state by a 64 x 64 to 128-bit multiplication whose halves are xored (the principle of `wyhash`). Integers hash alike on machines of either
/// byte order, and `usize` like `u64`. It does not resist keys chosen to collide.
#[derive(Clone, Debug)]
pub struct KeyHasher {
    state: u64,
}

const SEED: u64 = 0x243f_6a88_85a3_08d3; // the fraction of pi
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio

impl Default for KeyHasher {
    fn default() -> Self {
        Self { state: SEED }
    }
}

impl KeyHasher {
    #[inline]
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(FACTOR);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let (low, high) = (product as u64, (product >> 64) as u64);
        self.state = low ^ high;
    }
}

/// One to seven bytes with their number, by overlapping reads instead of a copy of unknown length.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    let word = if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 24
    } else {
        u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8 | u64::from(bytes[len - 1]) << 16
    };
    word | (len as u64) << 56
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.fold(last_word(rest));
        }
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.fold(u64::from(n));
    }

    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.fold(u64::from(n));
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.fold(u64::from(n));
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.fold(n);
    }

    #[inline]
    fn write_u128(&mut self, n: u128) {
        self.write(&n.to_le_bytes());
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.fold(n as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // Once more, so that the last word reaches the upper bits, which choose the group.
        let mut last = self.clone();
        last.fold(FACTOR);
        last.state
    }
}

/// The stable hash of a key.
#[inline]
pub fn key_hash<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = KeyHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The group of a key's hash: its six upper bits.
#[inline]
pub fn key_group(hash: u64) -> u16 {
    (hash >> 58) as u16
}

/// The task out of `tasks` that has a key group: groups are dealt in runs of equal length, give or take one.
#[inline]
pub fn task_of_group(group: u16, tasks: usize) -> usize {
    usize::from(group) * tasks / usize::from(KEY_GROUPS)
}

/// The key groups of a task; the inverse of [`task_of_group`].
pub fn groups_of_task(task: usize, tasks: usize) -> Range<u16> {
    let first = |task: usize| {
        let group = (task * usize::from(KEY_GROUPS)).div_ceil(tasks.max(1));
        u16::try_from(group).unwrap_or(KEY_GROUPS).min(KEY_GROUPS)
    };
    first(task)..first(task + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// State on disk is found again only if these never change.
    #[test]
    fn hashes_are_pinned() {
        let hashes =
            [key_hash("foundry"), key_hash(""), key_hash(&7_u32), key_hash(&7_u64), key_hash(&(1_u8, "a"))];
        expect_test::expect![[r#"
            [
                "958c26a33d7da153",
                "d9dc00ef844d2837",
                "e79a359cada568bc",
                "e79a359cada568bc",
                "ea1636c7e620e0fe",
            ]
        "#]]
        .assert_debug_eq(&hashes.map(|hash| format!("{hash:016x}")));
        assert_eq!(key_hash(&7_u64), key_hash(&7_usize));
        assert_eq!(key_hash("a"), key_hash(&String::from("a")));
    }

    #[test]
    fn groups_are_evenly_used_by_similar_keys() {
        let mut counts = [0_u32; KEY_GROUPS as usize];
        for n in 0..64_000_u32 {
            counts[usize::from(key_group(key_hash(&format!("2024-10-{n}"))))] += 1;
        }
        let (min, max) = (counts.iter().min(), counts.iter().max());
        assert!(min > Some(&850) && max < Some(&1150), "{min:?} {max:?}");
        let mut counts = [0_u32; KEY_GROUPS as usize];
        for n in 0..64_000_u64 {
            counts[usize::from(key_group(key_hash(&n)))] += 1;
        }
        let (min, max) = (counts.iter().min(), counts.iter().max());
        assert!(min > Some(&850) && max < Some(&1150), "{min:?} {max:?}");
    }

    #[test]
    fn every_group_has_one_task_and_both_directions_agree() {
        for tasks in 1..=80 {
            for task in 0..tasks {
                for group in groups_of_task(task, tasks) {
                    assert_eq!(task_of_group(group, tasks), task);
                }
            }
            let dealt: usize = (0..tasks).map(|task| groups_of_task(task, tasks).len()).sum();
            assert_eq!(dealt, usize::from(KEY_GROUPS), "{tasks} tasks");
        }
    }
}
