//! Which records wait for which file, and when a batch is full: the pure half of the sink.

use std::collections::BTreeMap;
use std::time::Duration;

use trombe_connectors::Record;

use super::config::ArchiveConfig;

/// What waits, by topic and partition. `A` is what each record is answered for by.
#[derive(Debug)]
pub(super) struct Batches<A> {
    config: ArchiveConfig,
    waiting: BTreeMap<(String, u32), Batch<A>>,
    bytes: usize,
    count: usize,
}

/// Records of one partition on their way into a file.
#[derive(Debug)]
pub(super) struct Batch<A> {
    pub(super) records: Vec<Record>,
    pub(super) answers: Vec<A>,
    bytes: usize,
    since: Duration,
}

/// A topic and one of its partitions.
pub(super) type Key = (String, u32);

impl<A> Batches<A> {
    pub(super) fn new(config: ArchiveConfig) -> Self {
        Self { config, waiting: BTreeMap::new(), bytes: 0, count: 0 }
    }

    pub(super) fn add(&mut self, record: Record, answer: A, now: Duration) {
        let key = (record.position.topic.clone(), record.position.partition);
        let bytes = size(&record);
        let new = || Batch { records: Vec::new(), answers: Vec::new(), bytes: 0, since: now };
        let batch = self.waiting.entry(key).or_insert_with(new);
        batch.bytes += bytes;
        batch.records.push(record);
        batch.answers.push(answer);
        self.bytes += bytes;
        self.count += 1;
    }

    /// The next batch to write: a full one, an old one, or the largest of too many. `is_last` takes any.
    ///
    /// `count_max` records may wait in all.
    pub(super) fn due(&self, now: Duration, count_max: usize, is_last: bool) -> Option<Key> {
        let age_max = Duration::from_millis(self.config.roll_age_ms_max);
        let is_due = |batch: &Batch<A>| {
            batch.bytes >= self.config.roll_bytes_max
                || batch.records.len() >= self.config.roll_count_max
                || now.saturating_sub(batch.since) >= age_max
                || is_last
        };
        if let Some((key, _)) = self.waiting.iter().find(|(_, batch)| is_due(batch)) {
            return Some(key.clone());
        }
        let largest = if self.bytes > self.config.held_bytes_max {
            self.waiting.iter().max_by_key(|(_, batch)| batch.bytes)
        } else if self.count >= count_max {
            self.waiting.iter().max_by_key(|(_, batch)| batch.records.len())
        } else {
            None
        };
        largest.map(|(key, _)| key.clone())
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Batch<A>> {
        self.waiting.get(key)
    }

    /// Lets go of a batch.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Batch<A>> {
        let batch = self.waiting.remove(key)?;
        self.bytes -= batch.bytes;
        self.count -= batch.records.len();
        Some(batch)
    }
}

/// What a record takes in memory, nearly.
fn size(record: &Record) -> usize {
    let message = &record.message;
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len());
    size_of::<Record>() + message.key.len() + message.value.len() + headers.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use trombe_connectors::{Message, Position};

    use super::*;

    fn record(partition: u32, bytes: usize) -> Record {
        let position = Position { topic: "t".to_owned(), partition, offset: 0 };
        Record { position, message: Message { value: vec![0; bytes].into(), ..Message::default() } }
    }

    fn batches(waiting: &[(u32, usize)]) -> Batches<()> {
        let config = ArchiveConfig {
            roll_bytes_max: 10_000,
            roll_count_max: 5,
            roll_age_ms_max: 1_000,
            held_bytes_max: 20_000,
            ..ArchiveConfig::default()
        };
        let mut batches = Batches::new(config);
        for (at, &(partition, bytes)) in waiting.iter().enumerate() {
            batches.add(record(partition, bytes), (), Duration::from_millis(at as u64));
        }
        batches
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_old_or_there_are_too_many() {
        type Case = (&'static str, &'static [(u32, usize)], u64, bool, Option<u32>);
        let cases: [Case; 8] = [
            ("nothing", &[], 5_000, true, None),
            ("young and small", &[(1, 1), (2, 1)], 900, false, None),
            ("the last ones", &[(1, 1), (2, 1)], 900, true, Some(1)),
            ("old", &[(2, 1), (1, 1)], 1_000, false, Some(2)),
            ("many bytes", &[(1, 1), (2, 9_999)], 0, false, Some(2)),
            ("many records", &[(1, 1), (2, 1), (2, 1), (2, 1), (2, 1), (2, 1)], 10, false, Some(2)),
            ("many bytes in all", &[(1, 7_000), (2, 8_000), (3, 6_000)], 10, false, Some(2)),
            (
                "many records in all",
                &[(1, 1), (2, 1), (3, 1), (3, 1), (4, 1), (5, 1), (6, 1)],
                10,
                false,
                Some(3),
            ),
        ];
        for (what, waiting, now_ms, is_last, due) in cases {
            let found = batches(waiting).due(Duration::from_millis(now_ms), 7, is_last);
            assert_eq!(found.map(|(_, partition)| partition), due, "{what}");
        }
    }

    #[test]
    fn what_is_removed_counts_no_more() {
        let mut batches = batches(&[(1, 7_000), (2, 8_000), (3, 6_000)]);
        let due = batches.due(Duration::ZERO, 99, false).unwrap();
        assert_eq!(batches.remove(&due).unwrap().records.len(), 1);
        assert_eq!(batches.due(Duration::ZERO, 99, false), None);
        while let Some(due) = batches.due(Duration::ZERO, 99, true) {
            batches.remove(&due);
        }
        assert!(batches.waiting.is_empty() && batches.bytes == 0 && batches.count == 0);
    }
}
