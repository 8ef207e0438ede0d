//! The embedded store against simple models in memory, on random operations.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use trombe_connectors::{
    Document, EmbeddedConfig, EmbeddedStore, Index, Log, LogConsumer, Message, Outcome, Position, Range,
    State, StateChange, StoredDocument, partition_of,
};

use crate::support::{BYTES_MAX, config, consumer, message, topic};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[derive(Clone, Debug)]
enum LogStep {
    Append(Vec<u8>),
    Poll { records_max: usize, bytes_max: usize },
    Commit,
    Restart,
    ReadAgain,
}

fn log_step() -> impl Strategy<Value = LogStep> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..30).prop_map(LogStep::Append),
        4 => (0usize..20, 0usize..200).prop_map(|(records_max, bytes_max)| LogStep::Poll { records_max, bytes_max }),
        2 => Just(LogStep::Commit),
        1 => Just(LogStep::Restart),
        1 => Just(LogStep::ReadAgain),
    ]
}

const PARTITIONS: u32 = 3;

/// A log is a list of messages a partition; a consumer is an offset into each.
#[derive(Default)]
struct LogModel {
    partitions: [Vec<Message>; PARTITIONS as usize],
    next: [usize; PARTITIONS as usize],
    committed: [usize; PARTITIONS as usize],
}

impl LogModel {
    fn append(&mut self, message: &Message) -> (u32, u64) {
        let partition = partition_of(&message.key, PARTITIONS);
        let messages = &mut self.partitions[partition as usize];
        messages.push(message.clone());
        (partition, messages.len() as u64 - 1)
    }

    fn unread(&self) -> usize {
        (0..PARTITIONS as usize)
            .map(|partition| self.partitions[partition].len() - self.next[partition])
            .sum()
    }
}

fn poll(model: &mut LogModel, reader: &mut dyn LogConsumer, records_max: usize, bytes_max: usize) {
    let mut records = Vec::new();
    reader.poll(records_max, bytes_max, &mut records).unwrap();
    let bytes = |records: &[trombe_connectors::Record]| -> usize {
        records.iter().map(|record| record.message.key.len() + record.message.value.len()).sum()
    };
    assert!(records.len() <= records_max);
    if let [before @ .., _] = &records[..] {
        assert!(bytes(before) <= bytes_max, "it stops once the limit is exceeded");
    }
    if records.len() < records_max && bytes(&records) < bytes_max {
        assert_eq!(records.len(), model.unread(), "there was room for everything");
    }
    for record in records {
        let partition = record.position.partition as usize;
        assert_eq!(record.position.offset, model.next[partition] as u64);
        assert_eq!(record.message, model.partitions[partition][model.next[partition]]);
        model.next[partition] += 1;
    }
}

fn run_log(steps: Vec<LogStep>) {
    let folder = tempfile::tempdir().unwrap();
    // Rows of about three messages.
    let config = EmbeddedConfig { record_batch_bytes_max: 80, ..config() };
    let store = EmbeddedStore::open(folder.path().join("store"), config).unwrap();
    block_on(topic(&store, "topic", PARTITIONS, None));
    let mut model = LogModel::default();
    let mut reader = Some(consumer(&store, "g", "topic"));
    for step in steps {
        let current = reader.as_deref_mut().unwrap();
        match step {
            LogStep::Append(keys) => {
                let messages: Vec<_> = keys.iter().map(|key| message(&key.to_string(), "value")).collect();
                let positions = block_on(store.append("topic", messages.clone())).unwrap();
                for (position, message) in positions.iter().zip(&messages) {
                    assert_eq!((position.partition, position.offset), model.append(message));
                }
            }
            LogStep::Poll { records_max, bytes_max } => poll(&mut model, current, records_max, bytes_max),
            LogStep::Commit => {
                let next: Vec<_> = (0..PARTITIONS)
                    .map(|partition| Position {
                        topic: "topic".into(),
                        partition,
                        offset: model.next[partition as usize] as u64,
                    })
                    .collect();
                current.commit(&next).unwrap();
                model.committed = model.next;
            }
            LogStep::Restart => {
                drop(reader.take());
                reader = Some(consumer(&store, "g", "topic"));
                model.next = model.committed;
            }
            LogStep::ReadAgain => {
                for (partition, messages) in (0..).zip(&model.partitions) {
                    for (offset, message) in (0..).zip(messages) {
                        let position = Position { topic: "topic".into(), partition, offset };
                        let record = current.read(&position).unwrap().unwrap();
                        assert_eq!((&record.message, record.position), (message, position));
                    }
                }
            }
        }
    }
    let lags = reader.as_deref_mut().unwrap().lag().unwrap();
    for lag in lags {
        let partition = lag.committed.partition as usize;
        assert_eq!(lag.committed.offset, model.committed[partition] as u64);
        assert_eq!(lag.end_offset, model.partitions[partition].len() as u64);
    }
    poll(&mut model, reader.as_deref_mut().unwrap(), 10_000, BYTES_MAX);
    assert_eq!(model.unread(), 0);
}

fn document() -> impl Strategy<Value = Document> {
    (prop::sample::select(vec!["one", "two"]), "[a-c\u{e9}]{1,2}", 0u64..6, 0i64..8, any::<bool>()).prop_map(
        |(index, id, version, at_s, is_object)| Document {
            index: index.into(),
            id,
            version,
            timestamp: DateTime::UNIX_EPOCH + TimeDelta::seconds(at_s),
            source: if is_object { format!("{{\"v\":{version}, \"t\":{at_s}}}") } else { "[]".into() },
        },
    )
}

fn run_index(bulks: Vec<Vec<Document>>) {
    let store = EmbeddedStore::open_in_memory().unwrap();
    let mut model: BTreeMap<(String, String), Document> = BTreeMap::new();
    let stored = |document: &Document| StoredDocument {
        id: document.id.clone(),
        version: document.version,
        source: document.source.clone(),
    };
    for bulk in bulks {
        let outcomes = block_on(store.bulk(bulk.clone())).unwrap();
        for (document, outcome) in bulk.into_iter().zip(outcomes) {
            let key = (document.index.clone(), document.id.clone());
            if document.source == "[]" {
                assert!(matches!(outcome, Outcome::Rejected(_)));
            } else if model.get(&key).is_some_and(|known| known.version >= document.version) {
                assert_eq!(outcome, Outcome::Stale);
            } else {
                assert_eq!(outcome, Outcome::Indexed);
                model.insert(key, document);
            }
        }
    }
    for name in ["one", "two"] {
        let mut documents: Vec<_> = model.values().filter(|document| document.index == name).collect();
        assert_eq!(block_on(store.count(name)).unwrap(), documents.len() as u64);
        let scanned = block_on(store.scan(name, None, 1000)).unwrap();
        assert_eq!(scanned, documents.iter().copied().map(stored).collect::<Vec<_>>());
        documents.sort_by_key(|document| (document.timestamp, document.id.clone()));
        documents.retain(|document| (2..6).contains(&document.timestamp.timestamp()));
        let newest = documents.split_off(documents.len().saturating_sub(3));
        let at = |at_s| DateTime::UNIX_EPOCH + TimeDelta::seconds(at_s);
        let range = Range { index: name.into(), from: at(2), until: at(6), documents_max: 3 };
        assert_eq!(
            block_on(store.range(&range)).unwrap(),
            newest.into_iter().map(stored).collect::<Vec<_>>()
        );
    }
}

fn change() -> impl Strategy<Value = StateChange> {
    let bytes = || prop::collection::vec(prop::sample::select(vec![0u8, 1, 254, 255]), 0..4);
    let expires = prop::option::weighted(0.3, prop_oneof![Just(1i64), Just(i64::MAX)]);
    (prop::sample::select(vec!["one", "two"]), bytes(), prop::option::of(bytes()), expires).prop_map(
        |(namespace, key, value, expires_ms)| StateChange {
            namespace: namespace.into(),
            key,
            value,
            expires_ms,
        },
    )
}

fn run_state(applies: Vec<(Vec<StateChange>, bool)>) {
    let store = EmbeddedStore::open_in_memory().unwrap();
    let mut model: BTreeMap<(String, Vec<u8>), Vec<u8>> = BTreeMap::new();
    for (changes, is_pruned) in applies {
        store.state_apply(changes.clone()).unwrap();
        for StateChange { namespace, key, value, expires_ms } in changes {
            match value {
                Some(value) if expires_ms != Some(1) => model.insert((namespace, key), value),
                _ => model.remove(&(namespace, key)),
            };
        }
        if is_pruned {
            store.prune(1_000_000).unwrap();
        }
    }
    for namespace in ["one", "two", "three"] {
        for prefix in [&[][..], &[0], &[255], &[255, 255], &[1, 254]] {
            let mut found = Vec::new();
            store
                .state_scan(namespace, prefix, &mut |key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                })
                .unwrap();
            let wanted =
                |((of, key), _): &(&(String, Vec<u8>), &Vec<u8>)| of == namespace && key.starts_with(prefix);
            let expected: Vec<_> =
                model.iter().filter(wanted).map(|((_, key), value)| (key.clone(), value.clone())).collect();
            assert_eq!(found, expected);
            for (key, value) in expected {
                assert_eq!(store.state_get(namespace, &key).unwrap(), Some(value));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_lists_of_messages(steps in prop::collection::vec(log_step(), 1..40)) {
        run_log(steps);
    }

    #[test]
    fn the_index_is_a_map_of_documents(bulks in prop::collection::vec(prop::collection::vec(document(), 0..12), 1..8)) {
        run_index(bulks);
    }

    #[test]
    fn the_state_is_a_map_of_values(
        applies in prop::collection::vec((prop::collection::vec(change(), 0..12), any::<bool>()), 1..8)
    ) {
        run_state(applies);
    }
}
