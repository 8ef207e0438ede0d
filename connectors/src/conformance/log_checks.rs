//! The promises of a log.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;

use super::{PATIENCE, PAUSE, unique};
use crate::{
    ConsumerOptions, Lag, Log, LogConsumer, LogError, Message, Position, Record, TopicOptions, partition_of,
};

const PARTITIONS: u32 = 3;
/// More than any poll here is to be limited by.
const BYTES_MAX: usize = 1 << 30;

pub(super) async fn a_message_comes_back_as_it_was(log: &impl Log) {
    let topic = topic(log, "message").await;
    let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from_static(value));
    let messages = vec![
        Message {
            key: Bytes::from_static(b"\x00\xff key"),
            value: Bytes::from_static(b"{\"price\": 1 }\r\n\x00\xfe"),
            timestamp_ms: 1_729_296_000_123,
            headers: vec![
                header("source", b"kraken"),
                header("", b""),
                header("source", b"\xf0\x28"),
            ],
        },
        Message {
            key: Bytes::from_static(b"k"),
            timestamp_ms: 0,
            ..Message::default()
        },
        Message {
            value: Bytes::from(vec![0xab; 300_000]),
            timestamp_ms: 1,
            ..Message::default()
        },
    ];
    let positions = append(log, &topic, messages.clone()).await;
    let mut records = read(
        &mut *consumer(log, &topic, &unique("group"), 0, 1),
        messages.len(),
    );
    let mut expected: Vec<_> = positions
        .into_iter()
        .zip(messages)
        .map(|(position, message)| Record { position, message })
        .collect();
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
        assert_eq!(
            position.partition,
            partition_of(&message.key, PARTITIONS),
            "key {:?}",
            message.key
        );
    }
}

pub(super) async fn concurrent_appends_do_not_mix_up_positions(log: &impl Log) {
    let topic = topic(log, "concurrent").await;
    let batches: Vec<_> = (0..16)
        .map(|batch| numbered(batch * 10..batch * 10 + 10))
        .collect();
    let answers = join_all(batches.iter().map(|batch| append(log, &topic, batch.clone()))).await;
    let mut expected = BTreeMap::new();
    for (positions, messages) in answers.into_iter().zip(batches) {
        for partition in 0..PARTITIONS {
            let own = positions
                .iter()
                .filter(|position| position.partition == partition);
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
        Err(LogError::MessageTooLarge {
            bytes,
            bytes_max,
            key: named,
        }) => {
            assert!(bytes > bytes_max);
            assert_eq!(named, key);
        }
        other => panic!("expected MessageTooLarge, not {other:?}"),
    }
    assert_eq!(
        append(log, &topic, numbered(0..1)).await[0].offset,
        0,
        "nothing of the batch is there"
    );
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
    let wider = TopicOptions {
        partitions: PARTITIONS * 2,
        retention_ms: Some(7 * 86_400_000),
    };
    log.create_topic(&topic, &wider)
        .await
        .expect("creating a topic again is no error");
    let messages = numbered(9..30);
    for (position, message) in append(log, &topic, messages.clone()).await.iter().zip(&messages) {
        assert_eq!(position.partition, partition_of(&message.key, PARTITIONS));
    }
    read(&mut *consumer(log, &topic, &unique("group"), 0, 1), 30);
}

pub(super) async fn a_group_without_commits_starts_at_the_oldest_message(log: &impl Log) {
    let (topic, group) = (topic(log, "oldest").await, unique("group"));
    append(log, &topic, numbered(0..10)).await;
    for _ in 0..2 {
        let records = read(&mut *consumer(log, &topic, &group, 0, 1), 10);
        assert_eq!(
            values(&records),
            (0..10).collect(),
            "nothing was committed, so all is read again"
        );
    }
}

pub(super) async fn a_group_goes_on_where_it_committed(log: &impl Log) {
    let (topic, group) = (topic(log, "commit").await, unique("group"));
    append(log, &topic, numbered(0..30)).await;
    let mut first = consumer(log, &topic, &group, 0, 1);
    let done = read(&mut *first, 30);
    // All of partition 0, nothing of the others.
    let (done, open): (Vec<_>, Vec<_>) = done
        .into_iter()
        .partition(|record| record.position.partition == 0);
    first.commit(&[after(&done)]).expect("the commit succeeds");
    drop(first);
    let records = read(&mut *consumer(log, &topic, &group, 0, 1), open.len());
    assert_eq!(by_position(records), by_position(open));
}

pub(super) async fn a_commit_never_goes_back(log: &impl Log) {
    let (topic, group) = (topic(log, "backward").await, unique("group"));
    let positions = append(log, &topic, vec![Message::default(); 10]).await;
    let at = |offset| {
        [Position {
            offset,
            ..positions[0].clone()
        }]
    };
    let mut consumer = consumer(log, &topic, &group, 0, 1);
    for offset in [7, 3, 0, 5] {
        consumer.commit(&at(offset)).expect("an older commit is ignored");
    }
    let lags = consumer.lag().expect("the lag is known");
    let lag = lags
        .iter()
        .find(|lag| lag.committed.partition == positions[0].partition);
    assert_eq!(lag.map(|lag| lag.committed.offset), Some(7));
}

pub(super) async fn groups_do_not_know_each_other(log: &impl Log) {
    let topic = topic(log, "groups").await;
    append(log, &topic, vec![Message::default(); 5]).await;
    let mut first = consumer(log, &topic, &unique("group"), 0, 1);
    let done = read(&mut *first, 5);
    first.commit(&[after(&done)]).expect("the commit succeeds");
    assert_eq!(read(&mut *consumer(log, &topic, &unique("group"), 0, 1), 5), done);
}

pub(super) async fn members_share_every_partition_once(log: &impl Log) {
    let (topic, group) = (topic(log, "members").await, unique("group"));
    let expected: BTreeSet<_> = append(log, &topic, numbered(0..60)).await.into_iter().collect();
    let mut seen = Vec::new();
    for member in 0..2 {
        let own = expected
            .iter()
            .filter(|position| position.partition % 2 == member)
            .count();
        let records = read(&mut *consumer(log, &topic, &group, member, 2), own);
        assert!(
            records
                .iter()
                .all(|record| record.position.partition % 2 == member)
        );
        seen.extend(records.into_iter().map(|record| record.position));
    }
    assert_eq!(seen.len(), expected.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub(super) async fn a_member_that_makes_no_sense_is_refused(log: &impl Log) {
    let topic = topic(log, "nonsense").await;
    for (member, members) in [(0, 0), (1, 1), (3, 2)] {
        let opened = log.consumer(options(&topic, &unique("group"), member, members));
        assert!(
            matches!(opened, Err(LogError::Refused(_))),
            "member {member} of {members}"
        );
    }
}

pub(super) async fn a_poll_keeps_its_limits(log: &impl Log) {
    let topic = topic(log, "limits").await;
    let messages = numbered(0..60).into_iter();
    let messages = messages
        .map(|message| Message {
            headers: vec![],
            ..message
        })
        .collect();
    append(log, &topic, messages).await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    let mut total = 0;
    let deadline = Instant::now() + PATIENCE;
    while total < 60 && Instant::now() < deadline {
        let mut records = Vec::new();
        consumer
            .poll(7, BYTES_MAX, &mut records)
            .expect("the poll succeeds");
        assert!(records.len() <= 7, "{} records", records.len());
        total += records.len();
        records.clear();
        consumer.poll(1000, 1, &mut records).expect("the poll succeeds");
        assert!(
            records.len() <= 1,
            "the first record exceeds one byte, so it is the last: {}",
            records.len()
        );
        total += records.len();
        records.clear();
        consumer
            .poll(0, BYTES_MAX, &mut records)
            .expect("the poll succeeds");
        assert_eq!(records, []);
    }
    assert_eq!(total, 60);
}

pub(super) async fn a_poll_without_news_gives_nothing(log: &impl Log) {
    let topic = topic(log, "idle").await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    append(log, &topic, numbered(0..5)).await;
    let mut records = read(&mut *consumer, 5);
    for _ in 0..10 {
        consumer
            .poll(100, BYTES_MAX, &mut records)
            .expect("the poll succeeds");
    }
    assert_eq!(
        records.len(),
        5,
        "what was there is left alone and nothing comes twice"
    );
}

pub(super) async fn a_consumer_sees_what_comes_later(log: &impl Log) {
    let topic = topic(log, "later").await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    for round in 0..5 {
        append(log, &topic, numbered(round * 3..round * 3 + 3)).await;
        assert_eq!(
            values(&read(&mut *consumer, 3)),
            (round * 3..round * 3 + 3).collect()
        );
    }
}

pub(super) async fn no_partition_starves(log: &impl Log) {
    let topic = topic(log, "fair").await;
    append(log, &topic, numbered(0..600)).await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    // New messages keep coming, as many as are read.
    let mut seen = BTreeSet::new();
    for round in 0..60 {
        append(log, &topic, numbered(600 + round * 10..610 + round * 10)).await;
        let mut records = Vec::new();
        consumer
            .poll(10, BYTES_MAX, &mut records)
            .expect("the poll succeeds");
        seen.extend(records.iter().map(|record| record.position.partition));
        if seen.len() == PARTITIONS as usize {
            return;
        }
    }
    panic!("600 records came from the partitions {seen:?} alone");
}

pub(super) async fn a_record_can_be_read_again(log: &impl Log) {
    let topic = topic(log, "replay").await;
    append(log, &topic, numbered(0..20)).await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    let records = read(&mut *consumer, 20);
    for record in records.iter().rev() {
        let again = consumer.read(&record.position).expect("the read succeeds");
        assert_eq!(again.as_ref(), Some(record));
    }
    append(log, &topic, numbered(20..21)).await;
    assert_eq!(
        values(&read(&mut *consumer, 1)),
        [20].into(),
        "reading again does not move the consumer"
    );
}

pub(super) async fn lag_is_what_is_not_committed(log: &impl Log) {
    let topic = topic(log, "lag").await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    let total = |lags: &[Lag]| {
        lags.iter()
            .map(|lag| lag.end_offset - lag.committed.offset)
            .sum::<u64>()
    };
    let lags = consumer.lag().expect("the lag is known");
    assert_eq!(
        (lags.len(), total(&lags)),
        (PARTITIONS as usize, 0),
        "an entry a partition"
    );
    append(log, &topic, numbered(0..40)).await;
    assert_eq!(total(&consumer.lag().expect("the lag is known")), 40);
    let mut next: Vec<_> = lags.into_iter().map(|lag| lag.committed).collect();
    for record in read(&mut *consumer, 40) {
        let position = next
            .iter_mut()
            .find(|next| next.partition == record.position.partition);
        position.expect("the partition is assigned").offset = record.position.offset + 1;
    }
    consumer.commit(&next).expect("the commit succeeds");
    assert_eq!(total(&consumer.lag().expect("the lag is known")), 0);
}

async fn topic(log: &impl Log, name: &str) -> String {
    let topic = unique(name);
    let options = TopicOptions {
        partitions: PARTITIONS,
        retention_ms: None,
    };
    log.create_topic(&topic, &options)
        .await
        .expect("the topic is created");
    topic
}

async fn append(log: &impl Log, topic: &str, messages: Vec<Message>) -> Vec<Position> {
    let count = messages.len();
    let positions = log.append(topic, messages).await.expect("the append succeeds");
    assert_eq!(positions.len(), count, "a position for each message");
    positions
}

/// Messages whose values are these numbers, each with a key of its own.
fn numbered(numbers: std::ops::Range<u32>) -> Vec<Message> {
    let message = |number: u32| Message {
        key: Bytes::from(format!("key {number}")),
        value: Bytes::from(number.to_string()),
        timestamp_ms: 1_729_296_000_000 + i64::from(number),
        headers: vec![("number".into(), Bytes::from(number.to_string()))],
    };
    numbers.map(message).collect()
}

fn values(records: &[Record]) -> BTreeSet<u32> {
    let value = |record: &Record| {
        String::from_utf8_lossy(&record.message.value)
            .parse()
            .expect("a number")
    };
    records.iter().map(value).collect()
}

fn by_position(records: Vec<Record>) -> BTreeMap<Position, Message> {
    records
        .into_iter()
        .map(|record| (record.position, record.message))
        .collect()
}

fn after(records: &[Record]) -> Position {
    let last = records.last().expect("there are records");
    Position {
        offset: last.position.offset + 1,
        ..last.position.clone()
    }
}

fn options(topic: &str, group: &str, member: u32, members: u32) -> ConsumerOptions {
    ConsumerOptions {
        group: group.into(),
        topics: vec![topic.into()],
        member,
        members,
    }
}

fn consumer(log: &impl Log, topic: &str, group: &str, member: u32, members: u32) -> Box<dyn LogConsumer> {
    log.consumer(options(topic, group, member, members))
        .expect("the consumer opens")
}

/// Polls until `count` records are there, and checks that each partition's are dense and in order.
fn read(consumer: &mut dyn LogConsumer, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    loop {
        consumer
            .poll(count - records.len(), BYTES_MAX, &mut records)
            .expect("the poll succeeds");
        if records.len() >= count || Instant::now() > deadline {
            break;
        }
        thread::sleep(PAUSE);
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
