use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use trombe_connectors::archive::{ArchiveError, Manifest, Origin, Place, Reader};
use trombe_connectors::{Message, Position, Record};

/// What a sweep may remove at once: here nobody else writes.
pub(crate) const AT_ONCE: Duration = Duration::ZERO;

/// So long that no test comes near it.
pub(crate) const LONG: Duration = Duration::from_hours(1);

/// 2024-10-19T23:59:50Z: ten records later it is another day.
const START_MS: i64 = 1_729_382_390_000;

/// The record at this offset, always the same one.
pub(crate) fn record(partition: u32, offset: u64) -> Record {
    let position = Position { topic: "t".to_owned(), partition, offset };
    let message = Message {
        key: format!("key {partition} {offset}").into(),
        value: format!("value of {offset}").repeat(usize::try_from(offset % 7).unwrap()).into(),
        timestamp_ms: START_MS + i64::try_from(offset).unwrap() * 1_000,
        headers: vec![("source".to_owned(), "test".into()); usize::try_from(offset % 3).unwrap()],
    };
    Record { position, message }
}

pub(crate) fn records(partition: u32, offsets: impl IntoIterator<Item = u64>) -> Vec<Record> {
    offsets.into_iter().map(|offset| record(partition, offset)).collect()
}

pub(crate) fn origin() -> Origin {
    Origin { log: "log".to_owned(), feed: "sample".to_owned() }
}

/// A place with the beginnings of an archive.
pub(crate) async fn place(store: Arc<dyn ObjectStore>) -> Place {
    let place = Place::of(store, "memory");
    Manifest::open(&place, &origin(), "id").await.unwrap();
    place
}

/// Every record that a reader finds.
pub(crate) async fn read_all(place: &Place) -> Result<Vec<Record>, ArchiveError> {
    let mut reader = Reader::open(place.clone()).await?;
    let mut records = Vec::new();
    while let Some(record) = reader.next().await? {
        records.push(record);
    }
    assert_eq!(records.len() as u64, reader.records_total());
    Ok(records)
}

/// Checks that the archive has exactly these offsets of each partition, in order and unchanged.
#[track_caller]
pub(crate) fn expect_exactly(records: &[Record], partitions: &[(u32, Vec<u64>)]) {
    let mut offsets: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for found in records {
        let Position { partition, offset, .. } = found.position;
        assert_eq!(*found, record(partition, offset));
        offsets.entry(partition).or_default().push(offset);
    }
    let expected: BTreeMap<u32, Vec<u64>> =
        partitions.iter().filter(|(_, offsets)| !offsets.is_empty()).cloned().collect();
    assert_eq!(offsets, expected);
}
