//! The sightings of one key group in one hour: the unit that is loaded, counted and written.

use std::hash::BuildHasher;

use btc_records::Txid;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Partial, Sighting};

/// Sightings of one row in the store. Rows are written whole, so that a row is small enough to rewrite for each
/// transaction of a slow feed and large enough to be few in a replay.
const CHUNK_COUNT_MAX: usize = 64;

/// One sighting of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) txid: Txid,
    pub(super) sighting: Sighting,
}

impl Entry {
    const BYTES: usize = 32 + 24;

    fn encode(&self, row: &mut Vec<u8>) {
        row.extend_from_slice(self.txid.as_bytes());
        row.extend_from_slice(&self.sighting.time_s.to_le_bytes());
        row.extend_from_slice(&self.sighting.outputs_sat.to_le_bytes());
        row.extend_from_slice(&self.sighting.adjusted_sat.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (txid, rest) = bytes.split_first_chunk::<32>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (outputs, rest) = rest.split_first_chunk::<8>()?;
        let (adjusted, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            txid: Txid::from_bytes(*txid),
            sighting: Sighting {
                time_s: i64::from_le_bytes(*time),
                outputs_sat: u64::from_le_bytes(*outputs),
                adjusted_sat: u64::from_le_bytes(*adjusted),
            },
        })
    }

    /// The entries of a stored row.
    pub(super) fn decode_row(row: &[u8]) -> impl Iterator<Item = Self> + '_ {
        row.chunks_exact(Self::BYTES).filter_map(Self::decode)
    }
}

/// A stored row, read and written again.
pub(crate) fn rewritten(row: &[u8]) -> Vec<u8> {
    let mut again = Vec::with_capacity(row.len());
    Entry::decode_row(row).for_each(|entry| entry.encode(&mut again));
    again
}

/// All sightings of one key group in one hour.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    entries: Vec<Entry>,
    /// Indices of `entries`, by txid.
    table: HashTable<u32>,
    /// The first entry of the row that still has room.
    tail_start: usize,
    /// That row's number.
    tail_row: u32,
    /// How many entries are in the store.
    durable_count: usize,
    /// What the entries add up to, as far as it is known; `None` asks for a recount.
    pub(super) partial: Option<Partial>,
    /// When it was last used, in flushes.
    pub(super) last_used: u64,
}

impl Bucket {
    /// Without entries. `partial` is empty if there are none in the store either.
    pub(super) fn new(partial: Option<Partial>, last_used: u64) -> Self {
        Self { partial, last_used, ..Self::default() }
    }

    /// Takes over a stored row; rows come in order.
    pub(super) fn load_row(&mut self, number: u32, row: &[u8], hasher: &DefaultHashBuilder) {
        let start = self.entries.len();
        for entry in Entry::decode_row(row) {
            self.push(entry, hasher);
        }
        let full = self.entries.len() - start >= CHUNK_COUNT_MAX;
        (self.tail_start, self.tail_row) =
            if full { (self.entries.len(), number + 1) } else { (start, number) };
        self.durable_count = self.entries.len();
    }

    pub(super) fn push(&mut self, entry: Entry, hasher: &DefaultHashBuilder) {
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(entry);
        let entries = &self.entries;
        let hash = hasher.hash_one(entry.txid);
        self.table.insert_unique(hash, index, |&index| hasher.hash_one(entries[index as usize].txid));
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The sightings of `txid`, whose hash is `hash`.
    pub(super) fn sightings<'a>(&'a self, hash: u64, txid: &'a Txid) -> impl Iterator<Item = &'a Sighting> {
        let found = self.table.iter_hash(hash).map(|&index| &self.entries[index as usize]);
        found.filter(move |entry| entry.txid == *txid).map(|entry| &entry.sighting)
    }

    /// Whether every entry is in the store.
    pub(super) fn is_durable(&self) -> bool {
        self.durable_count == self.entries.len()
    }

    /// The rows to write so that every entry is in the store: number and content.
    pub(super) fn unwritten_rows(&self) -> impl Iterator<Item = (u32, Vec<u8>)> + '_ {
        let from = if self.is_durable() { self.entries.len() } else { self.tail_start };
        (self.tail_row..).zip(self.entries[from..].chunks(CHUNK_COUNT_MAX)).map(|(number, entries)| {
            let mut row = Vec::with_capacity(entries.len() * Entry::BYTES);
            for entry in entries {
                entry.encode(&mut row);
            }
            (number, row)
        })
    }

    /// Notes that the unwritten rows have been written.
    pub(super) fn written(&mut self) {
        let full_rows = (self.entries.len() - self.tail_start) / CHUNK_COUNT_MAX;
        self.tail_start += full_rows * CHUNK_COUNT_MAX;
        self.tail_row += u32::try_from(full_rows).unwrap_or(u32::MAX);
        self.durable_count = self.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u8) -> Entry {
        let sighting = Sighting { time_s: i64::from(number), outputs_sat: 2, adjusted_sat: 1 };
        Entry { txid: Txid::from_bytes([number; 32]), sighting }
    }

    /// Writes and loads in between must leave the rows that one write at the end leaves.
    #[test]
    fn rows_do_not_depend_on_when_they_were_written() {
        let hasher = DefaultHashBuilder::default();
        let mut rows = std::collections::BTreeMap::new();
        let mut bucket = Bucket::default();
        for number in 0..200 {
            bucket.push(entry(number), &hasher);
            if number % 7 == 0 {
                rows.extend(bucket.unwritten_rows());
                bucket.written();
            }
            if number % 31 == 0 {
                rows.extend(bucket.unwritten_rows());
                bucket = Bucket::default();
                for (&number, row) in &rows {
                    bucket.load_row(number, row, &hasher);
                }
                assert!(bucket.is_durable());
            }
        }
        rows.extend(bucket.unwritten_rows());
        let mut at_once = Bucket::default();
        for number in 0..200 {
            at_once.push(entry(number), &hasher);
        }
        assert_eq!(rows, at_once.unwritten_rows().collect());
        assert_eq!(rows.len(), 4);
    }
}
