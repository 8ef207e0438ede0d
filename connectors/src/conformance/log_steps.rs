//! The steps that the checks of a log are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Instant;

use bytes::Bytes;

use super::{PATIENCE, PAUSE, unique};
use crate::{ConsumerOptions, Log, LogConsumer, Message, Position, Record, TopicOptions};

pub(super) const PARTITIONS: u32 = 3;
/// More than any poll here is to be limited by.
pub(super) const BYTES_MAX: usize = 1 << 30;

pub(super) async fn topic(log: &impl Log, name: &str) -> String {
    let topic = unique(name);
    let options = TopicOptions { partitions: PARTITIONS, retention_ms: None };
    log.create_topic(&topic, &options).await.expect("the topic is created");
    topic
}

pub(super) async fn append(log: &impl Log, topic: &str, messages: Vec<Message>) -> Vec<Position> {
    let count = messages.len();
    let positions = log.append(topic, messages).await.expect("the append succeeds");
    assert_eq!(positions.len(), count, "a position for each message");
    positions
}

/// Messages whose values are these numbers, each with a key of its own.
pub(super) fn numbered(numbers: std::ops::Range<u32>) -> Vec<Message> {
    let message = |number: u32| Message {
        key: Bytes::from(format!("key {number}")),
        value: Bytes::from(number.to_string()),
        timestamp_ms: 1_729_296_000_000 + i64::from(number),
        headers: vec![("number".into(), Bytes::from(number.to_string()))],
    };
    numbers.map(message).collect()
}

pub(super) fn values(records: &[Record]) -> BTreeSet<u32> {
    let value = |record: &Record| String::from_utf8_lossy(&record.message.value).parse().expect("a number");
    records.iter().map(value).collect()
}

pub(super) fn by_position(records: Vec<Record>) -> BTreeMap<Position, Message> {
    records.into_iter().map(|record| (record.position, record.message)).collect()
}

pub(super) fn after(records: &[Record]) -> Position {
    let last = records.last().expect("there are records");
    Position { offset: last.position.offset + 1, ..last.position.clone() }
}

pub(super) fn options(topic: &str, group: &str, member: u32, members: u32) -> ConsumerOptions {
    ConsumerOptions::member(group, &[topic], member, members)
}

pub(super) fn consumer(
    log: &impl Log,
    topic: &str,
    group: &str,
    member: u32,
    members: u32,
) -> Box<dyn LogConsumer> {
    log.consumer(options(topic, group, member, members)).expect("the consumer opens")
}

/// Gives a server time for what it tells nobody.
pub(super) fn pause() {
    thread::sleep(PAUSE);
}

/// Polls until `count` records are there, and checks that each partition's are dense and in order.
pub(super) fn read(consumer: &mut dyn LogConsumer, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    loop {
        consumer.poll(count - records.len(), BYTES_MAX, &mut records).expect("the poll succeeds");
        if records.len() >= count || Instant::now() > deadline {
            break;
        }
        pause();
    }
    assert_eq!(records.len(), count, "as many records as were appended");
    let mut last = BTreeMap::new();
    for Record { position, .. } in &records {
        if let Some(before) = last.insert((&position.topic, position.partition), position.offset) {
            assert_eq!(position.offset, before + 1, "{position} follows offset {before}");
        }
    }
    records
}
