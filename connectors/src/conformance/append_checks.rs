//! What a log promises to those who append.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;

use super::log_steps::{PARTITIONS, append, by_position, consumer, numbered, options, read, topic};
use super::unique;
use crate::{Log, LogError, Message, Record, TopicOptions, partition_of};

pub(super) async fn a_message_comes_back_as_it_was(log: &impl Log) {
    let topic = topic(log, "message").await;
    let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from_static(value));
    let messages = vec![
        Message {
            key: Bytes::from_static(b"\x00\xff key"),
            value: Bytes::from_static(b"{\"price\": 1 }\r\n\x00\xfe"),
            timestamp_ms: 1_729_296_000_123,
            headers: vec![header("source", b"kraken"), header("", b""), header("source", b"\xf0\x28")],
        },
        Message { key: Bytes::from_static(b"k"), timestamp_ms: 2, ..Message::default() },
        Message { value: Bytes::from(vec![0xab; 300_000]), timestamp_ms: 1, ..Message::default() },
    ];
    let positions = append(log, &topic, messages.clone()).await;
    let mut records = read(&mut *consumer(log, &topic, &unique("group"), 0, 1), messages.len());
    let mut expected: Vec<_> =
        positions.into_iter().zip(messages).map(|(position, message)| Record { position, message }).collect();
    records.sort_by(|a, b| a.position.cmp(&b.position));
    expected.sort_by(|a, b| a.position.cmp(&b.position));
    assert_eq!(records, expected);
}

pub(super) async fn offsets_are_dense_and_answered_in_order(log: &impl Log) {
    let topic = topic(log, "dense").await;
    let mut next = BTreeMap::new();
    for batch in 0..5 {
        let messages = numbered(batch * 20..batch * 20 + 20);
        for (position, message) in append(log, &topic, messages.clone()).await.iter().zip(&messages) {
            let offset = next.entry(position.partition).or_insert(0);
            assert_eq!(position.offset, *offset, "{position} for {message:?}");
            assert_eq!(position.topic, topic);
            *offset += 1;
        }
    }
    assert_eq!(next.values().sum::<u64>(), 100);
}

pub(super) async fn a_key_decides_the_partition(log: &impl Log) {
    let topic = topic(log, "key").await;
    let messages = numbered(0..50);
    for (position, message) in append(log, &topic, messages.clone()).await.iter().zip(&messages) {
        assert_eq!(position.partition, partition_of(&message.key, PARTITIONS), "key {:?}", message.key);
    }
}

pub(super) async fn concurrent_appends_do_not_mix_up_positions(log: &impl Log) {
    let topic = topic(log, "concurrent").await;
    let batches: Vec<_> = (0..16).map(|batch| numbered(batch * 10..batch * 10 + 10)).collect();
    let answers = join_all(batches.iter().map(|batch| append(log, &topic, batch.clone()))).await;
    let mut expected = BTreeMap::new();
    for (positions, messages) in answers.into_iter().zip(batches) {
        for partition in 0..PARTITIONS {
            let own = positions.iter().filter(|position| position.partition == partition);
            assert!(own.is_sorted(), "a batch keeps its order within a partition");
        }
        expected.extend(positions.into_iter().zip(messages));
    }
    let records = read(&mut *consumer(log, &topic, &unique("group"), 0, 1), 160);
    assert_eq!(by_position(records), expected);
}

pub(super) async fn an_empty_append_is_nothing(log: &impl Log) {
    let topic = topic(log, "empty").await;
    assert_eq!(append(log, &topic, vec![]).await, []);
    assert_eq!(append(log, &topic, numbered(0..1)).await[0].offset, 0);
}

pub(super) async fn a_batch_with_a_message_too_large_is_refused_whole(log: &impl Log) {
    let topic = topic(log, "large").await;
    let mut messages = numbered(0..3);
    messages[1].value = Bytes::from(vec![b'x'; 64 << 20]);
    let key = String::from_utf8_lossy(&messages[1].key).into_owned();
    match log.append(&topic, messages).await {
        Err(LogError::MessageTooLarge { bytes, bytes_max, key: named }) => {
            assert!(bytes > bytes_max);
            assert_eq!(named, key);
        }
        other => panic!("expected MessageTooLarge, not {other:?}"),
    }
    assert_eq!(append(log, &topic, numbered(0..1)).await[0].offset, 0, "nothing of the batch is there");
}

pub(super) async fn a_missing_topic_is_an_error(log: &impl Log) {
    let topic = unique("missing");
    let is_missing = |error: &LogError| matches!(error, LogError::NoSuchTopic(name) if *name == topic);
    let appended = log.append(&topic, numbered(0..1)).await;
    assert!(appended.as_ref().is_err_and(is_missing), "{appended:?}");
    let opened = log.consumer(options(&topic, &unique("group"), 0, 1));
    assert!(opened.as_ref().is_err_and(is_missing), "{:?}", opened.err());
}

pub(super) async fn a_topic_keeps_its_partitions(log: &impl Log) {
    let topic = topic(log, "again").await;
    append(log, &topic, numbered(0..9)).await;
    let wider = TopicOptions { partitions: PARTITIONS * 2, retention_ms: Some(7 * 86_400_000) };
    log.create_topic(&topic, &wider).await.expect("creating a topic again is no error");
    let messages = numbered(9..30);
    for (position, message) in append(log, &topic, messages.clone()).await.iter().zip(&messages) {
        assert_eq!(position.partition, partition_of(&message.key, PARTITIONS));
    }
    read(&mut *consumer(log, &topic, &unique("group"), 0, 1), 30);
}
