//! Which records of the log are done, and how far that is without a gap.

use std::collections::BTreeMap;

/// Bits of an id that hold the offset; the rest holds the partition.
const OFFSET_BITS: u32 = 48;

/// A record's id: its partition and offset in one number. 48 bits of offset last nine years at a million records a second.
pub(crate) fn id(partition: u32, offset: u64) -> u64 {
    u64::from(partition) << OFFSET_BITS | offset
}

/// The partition and offset of an id.
pub(crate) fn partition_and_offset(id: u64) -> (u32, u64) {
    let partition = u32::try_from(id >> OFFSET_BITS).unwrap_or_default();
    (partition, id & ((1 << OFFSET_BITS) - 1))
}

/// The records of one topic that were given out and are not done yet.
///
/// Offsets that were never given out (of compacted records, or of a transaction's markers) are no gaps.
#[derive(Debug, Default)]
pub(crate) struct OpenOffsets {
    partitions: BTreeMap<u32, Partition>,
    open_count: usize,
    open_bytes: usize,
}

#[derive(Debug, Default)]
struct Partition {
    /// With each record's size in bytes.
    open: BTreeMap<u64, usize>,
    /// One past the last record given out.
    next: u64,
    committed: u64,
}

impl Partition {
    /// The offset below which every record given out is done.
    fn done_below(&self) -> u64 {
        self.open.first_key_value().map_or(self.next, |(offset, _)| *offset)
    }
}

impl OpenOffsets {
    /// A record of so many bytes is given out.
    pub(crate) fn opened(&mut self, partition: u32, offset: u64, bytes: usize) {
        let first = || Partition { committed: offset, ..Partition::default() };
        let partition = self.partitions.entry(partition).or_insert_with(first);
        match partition.open.insert(offset, bytes) {
            None => self.open_count += 1,
            // Read again, it may be another record: a topic that was made anew begins at its old offsets.
            Some(before) => self.open_bytes -= before,
        }
        self.open_bytes += bytes;
        partition.next = partition.next.max(offset + 1);
    }

    /// A record is done. One of a partition that is forgotten is no concern any more.
    pub(crate) fn done(&mut self, partition: u32, offset: u64) {
        if let Some(bytes) = self.partitions.get_mut(&partition).and_then(|known| known.open.remove(&offset))
        {
            self.open_count -= 1;
            self.open_bytes -= bytes;
        }
    }

    /// The partition belongs to somebody else now.
    pub(crate) fn forget(&mut self, partition: u32) {
        if let Some(partition) = self.partitions.remove(&partition) {
            self.open_count -= partition.open.len();
            self.open_bytes -= partition.open.values().sum::<usize>();
        }
    }

    /// How many records are out.
    pub(crate) fn open_count(&self) -> usize {
        self.open_count
    }

    /// How many bytes the records have that are out.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Whether the record is out.
    pub(crate) fn is_open(&self, partition: u32, offset: u64) -> bool {
        self.partitions.get(&partition).is_some_and(|partition| partition.open.contains_key(&offset))
    }

    /// Whether any record of the partition is out.
    pub(crate) fn has_open(&self, partition: u32) -> bool {
        self.partitions.get(&partition).is_some_and(|partition| !partition.open.is_empty())
    }

    /// The partition that would give most offsets again after a restart: its number, how many, and the first of them.
    pub(crate) fn longest_uncommitted(&self) -> Option<(u32, u64, u64)> {
        let spans = self.partitions.iter().map(|(&number, partition)| {
            (number, partition.next.saturating_sub(partition.committed), partition.done_below())
        });
        spans.max_by_key(|(_, span, _)| *span)
    }

    /// What is to be committed: partition, and the offset below which every record is done.
    pub(crate) fn uncommitted(&self) -> Vec<(u32, u64)> {
        self.beyond_committed(Partition::done_below)
    }

    /// As [`uncommitted`](Self::uncommitted), with the offset below which every record is given out, done or not.
    pub(crate) fn given_out(&self) -> Vec<(u32, u64)> {
        self.beyond_committed(|partition| partition.next)
    }

    fn beyond_committed(&self, below: impl Fn(&Partition) -> u64) -> Vec<(u32, u64)> {
        let partitions = self.partitions.iter();
        let below = partitions.filter_map(|(&number, partition)| {
            let below = below(partition);
            (below > partition.committed).then_some((number, below))
        });
        below.collect()
    }

    /// The offset below which every record is done and none is read again; zero of a partition that is not known. Where records are
    /// committed before they are given out, some below the commit are still to be done.
    pub(crate) fn settled_below(&self, partition: u32) -> u64 {
        self.partitions.get(&partition).map_or(0, |partition| partition.committed.min(partition.done_below()))
    }

    /// Notes what has been committed.
    pub(crate) fn committed(&mut self, offsets: &[(u32, u64)]) {
        for (number, below) in offsets {
            if let Some(partition) = self.partitions.get_mut(number) {
                partition.committed = *below;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_hold_both_numbers() {
        for (partition, offset) in [(0, 0), (8, 7), (65_535, (1 << 48) - 1)] {
            assert_eq!(partition_and_offset(id(partition, offset)), (partition, offset));
        }
    }

    proptest! {
        /// Records done in any order: what may be committed is what a look at every offset finds.
        #[test]
        fn commits_stop_at_the_first_gap(
            given in prop::collection::vec((0_u32..3, 1_u64..4), 1..40),
            done in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut offsets = OpenOffsets::default();
            let mut next = [10_u64; 3];
            let mut records = Vec::new();
            for (partition, gap) in given {
                next[partition as usize] += gap;
                let offset = next[partition as usize] - 1;
                offsets.opened(partition, offset, 10);
                records.push((partition, offset));
            }
            let done: BTreeSet<_> = done.iter().map(|index| records[index.index(records.len())]).collect();
            for &(partition, offset) in &done {
                offsets.done(partition, offset);
                offsets.done(partition, offset);
            }
            prop_assert_eq!(offsets.open_count(), records.len() - done.len());
            prop_assert_eq!(offsets.open_bytes(), 10 * offsets.open_count());
            for (partition, below) in offsets.uncommitted() {
                let mut open = records.iter().filter(|r| r.0 == partition && !done.contains(r)).map(|r| r.1);
                prop_assert_eq!(below, open.next().unwrap_or(next[partition as usize]));
            }
            let uncommitted = offsets.uncommitted();
            offsets.committed(&uncommitted);
            prop_assert_eq!(offsets.uncommitted(), vec![]);
        }
    }

    /// What happens to one record of one of two partitions, each offset from 0 to 11.
    #[derive(Clone, Debug)]
    enum Step {
        Open(u32, u64, usize),
        Done(u32, u64),
        Forget(u32),
        Commit,
    }

    fn step() -> impl Strategy<Value = Step> {
        let (partition, offset) = (0_u32..2, 0_u64..12);
        prop_oneof![
            6 => (partition.clone(), offset.clone(), 0_usize..100).prop_map(|(p, o, bytes)| Step::Open(p, o, bytes)),
            6 => (partition.clone(), offset).prop_map(|(p, o)| Step::Done(p, o)),
            1 => partition.prop_map(Step::Forget),
            2 => Just(Step::Commit),
        ]
    }

    proptest! {
        /// Replays, rebalances and answers that come late or twice: the window's counts are those of the records in it, and what is
        /// committed never passes a record that is out.
        #[test]
        fn the_window_holds_what_is_out(steps in prop::collection::vec(step(), 0..80)) {
            let mut offsets = OpenOffsets::default();
            let mut out = std::collections::BTreeMap::new();
            for step in steps {
                match step {
                    Step::Open(partition, offset, bytes) => {
                        offsets.opened(partition, offset, bytes);
                        out.insert((partition, offset), bytes);
                    }
                    Step::Done(partition, offset) => {
                        offsets.done(partition, offset);
                        out.remove(&(partition, offset));
                    }
                    Step::Forget(partition) => {
                        offsets.forget(partition);
                        out.retain(|(of, _), _| *of != partition);
                    }
                    Step::Commit => {
                        let uncommitted = offsets.uncommitted();
                        for (partition, below) in &uncommitted {
                            let lowest = out.keys().find(|(of, _)| of == partition);
                            prop_assert!(lowest.is_none_or(|(_, offset)| below <= offset));
                        }
                        offsets.committed(&uncommitted);
                        prop_assert_eq!(offsets.uncommitted(), vec![]);
                    }
                }
                prop_assert_eq!(offsets.open_count(), out.len());
                prop_assert_eq!(offsets.open_bytes(), out.values().sum::<usize>());
                prop_assert!(out.keys().all(|&(partition, offset)| offsets.is_open(partition, offset)));
                for partition in 0..2 {
                    prop_assert_eq!(offsets.has_open(partition), out.keys().any(|(of, _)| *of == partition));
                }
            }
        }
    }

    /// Storm's rule: what was never given out (compacted away, or a transaction's marker) is jumped over, what was given out
    /// and is not done is not.
    #[test]
    fn offsets_that_were_never_given_out_are_no_gaps() {
        let mut offsets = OpenOffsets::default();
        for offset in [5, 9, 12] {
            offsets.opened(0, offset, 1);
        }
        assert_eq!(offsets.uncommitted(), []);
        offsets.done(0, 9);
        assert_eq!(offsets.uncommitted(), []);
        offsets.done(0, 5);
        assert_eq!((offsets.uncommitted(), offsets.given_out()), (vec![(0, 12)], vec![(0, 13)]));
        assert_eq!(offsets.longest_uncommitted(), Some((0, 8, 12)));
        offsets.committed(&[(0, 12)]);
        assert_eq!((offsets.uncommitted(), offsets.longest_uncommitted()), (vec![], Some((0, 1, 12))));
        offsets.done(0, 12);
        assert_eq!(offsets.uncommitted(), [(0, 13)]);
    }

    #[test]
    fn what_is_done_of_a_forgotten_partition_changes_nothing() {
        let mut offsets = OpenOffsets::default();
        offsets.opened(0, 5, 1);
        offsets.opened(1, 5, 2);
        offsets.forget(1);
        offsets.done(1, 5);
        assert_eq!((offsets.open_count(), offsets.open_bytes(), offsets.uncommitted()), (1, 1, vec![]));
        assert!(offsets.has_open(0) && !offsets.has_open(1) && !offsets.is_open(1, 5));
    }
}
