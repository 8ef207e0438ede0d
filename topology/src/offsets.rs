//! Which records of the log are done, and how far that is without a gap.

use std::collections::{BTreeMap, BTreeSet};

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
#[derive(Debug, Default)]
pub(crate) struct OpenOffsets {
    partitions: BTreeMap<u32, Partition>,
    open_count: usize,
}

#[derive(Debug, Default)]
struct Partition {
    open: BTreeSet<u64>,
    /// One past the last record given out.
    next: u64,
    committed: u64,
}

impl Partition {
    /// The offset below which every record given out is done.
    fn done_below(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.next)
    }
}

impl OpenOffsets {
    /// A record is given out.
    pub(crate) fn opened(&mut self, partition: u32, offset: u64) {
        let partition = self.partitions.entry(partition).or_default();
        self.open_count += usize::from(partition.open.insert(offset));
        partition.next = partition.next.max(offset + 1);
    }

    /// A record is done.
    pub(crate) fn done(&mut self, partition: u32, offset: u64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            self.open_count -= usize::from(partition.open.remove(&offset));
        }
    }

    /// How many records are out.
    pub(crate) fn open_count(&self) -> usize {
        self.open_count
    }

    /// What is to be committed: partition, and the offset below which every record is done.
    pub(crate) fn uncommitted(&self) -> Vec<(u32, u64)> {
        let partitions = self.partitions.iter().map(|(&number, partition)| (number, partition.done_below()));
        partitions.filter(|(number, below)| self.partitions[number].committed < *below).collect()
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
                offsets.opened(partition, offset);
                records.push((partition, offset));
            }
            let done: BTreeSet<_> = done.iter().map(|index| records[index.index(records.len())]).collect();
            for &(partition, offset) in &done {
                offsets.done(partition, offset);
                offsets.done(partition, offset);
            }
            prop_assert_eq!(offsets.open_count(), records.len() - done.len());
            for (partition, below) in offsets.uncommitted() {
                let mut open = records.iter().filter(|r| r.0 == partition && !done.contains(r)).map(|r| r.1);
                prop_assert_eq!(below, open.next().unwrap_or(next[partition as usize]));
            }
            let uncommitted = offsets.uncommitted();
            offsets.committed(&uncommitted);
            prop_assert_eq!(offsets.uncommitted(), vec![]);
        }
    }
}
