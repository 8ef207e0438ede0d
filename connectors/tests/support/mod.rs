//! What the tests of the embedded store share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;

use bytes::Bytes;
use rusqlite::Connection;
use trombe_connectors::{
    ConsumerOptions, EmbeddedConfig, EmbeddedStore, Log, LogConsumer, Message, Record, Synchronous,
    TopicOptions,
};

pub(crate) const BYTES_MAX: usize = 1 << 30;

/// Forcing to the disk is left out: a killed process loses nothing that it gave to the system.
pub(crate) fn config() -> EmbeddedConfig {
    EmbeddedConfig { synchronous: Synchronous::Normal, ..EmbeddedConfig::default() }
}

pub(crate) fn open(path: &Path) -> EmbeddedStore {
    EmbeddedStore::open(path, config()).unwrap()
}

pub(crate) async fn topic(store: &EmbeddedStore, name: &str, partitions: u32, retention_ms: Option<i64>) {
    store.create_topic(name, &TopicOptions { partitions, retention_ms }).await.unwrap();
}

pub(crate) fn message(key: &str, value: &str) -> Message {
    Message {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..Message::default()
    }
}

pub(crate) fn member(group: &str, topic: &str, member: u32, members: u32) -> ConsumerOptions {
    ConsumerOptions::member(group, &[topic], member, members)
}

pub(crate) fn consumer(store: &EmbeddedStore, group: &str, topic: &str) -> Box<dyn LogConsumer> {
    store.consumer(member(group, topic, 0, 1)).unwrap()
}

/// Everything that the consumer finds now.
pub(crate) fn drain(consumer: &mut dyn LogConsumer) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let before = records.len();
        consumer.poll(1000, BYTES_MAX, &mut records).unwrap();
        if records.len() == before {
            return records;
        }
    }
}

pub(crate) fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Keeps every writer of the file waiting until it is dropped.
pub(crate) fn occupy(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}
