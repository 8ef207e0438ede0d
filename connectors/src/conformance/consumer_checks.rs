//! What a log promises to those who read.

use std::collections::BTreeSet;
use std::time::Instant;

use super::log_steps::{
    BYTES_MAX, PARTITIONS, after, append, by_position, consumer, numbered, options, read, topic, values,
};
use super::{PATIENCE, unique};
use crate::{Lag, Log, LogError, Message, Position};

pub(super) async fn a_group_without_commits_starts_at_the_oldest_message(log: &impl Log) {
    let (topic, group) = (topic(log, "oldest").await, unique("group"));
    append(log, &topic, numbered(0..10)).await;
    for _ in 0..2 {
        let records = read(&mut *consumer(log, &topic, &group, 0, 1), 10);
        assert_eq!(values(&records), (0..10).collect(), "nothing was committed, so all is read again");
    }
}

pub(super) async fn a_group_goes_on_where_it_committed(log: &impl Log) {
    let (topic, group) = (topic(log, "commit").await, unique("group"));
    append(log, &topic, numbered(0..30)).await;
    let mut first = consumer(log, &topic, &group, 0, 1);
    let done = read(&mut *first, 30);
    // All of partition 0, nothing of the others.
    let (done, open): (Vec<_>, Vec<_>) = done.into_iter().partition(|record| record.position.partition == 0);
    first.commit(&[after(&done)]).expect("the commit succeeds");
    drop(first);
    let records = read(&mut *consumer(log, &topic, &group, 0, 1), open.len());
    assert_eq!(by_position(records), by_position(open));
}

pub(super) async fn a_commit_never_goes_back(log: &impl Log) {
    let (topic, group) = (topic(log, "backward").await, unique("group"));
    let positions = append(log, &topic, vec![Message::default(); 10]).await;
    let at = |offset| [Position { offset, ..positions[0].clone() }];
    let mut consumer = consumer(log, &topic, &group, 0, 1);
    for offset in [7, 3, 0, 5] {
        consumer.commit(&at(offset)).expect("an older commit is ignored");
    }
    let lags = consumer.lag().expect("the lag is known");
    let lag = lags.iter().find(|lag| lag.committed.partition == positions[0].partition);
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
        let own = expected.iter().filter(|position| position.partition % 2 == member).count();
        let records = read(&mut *consumer(log, &topic, &group, member, 2), own);
        assert!(records.iter().all(|record| record.position.partition % 2 == member));
        seen.extend(records.into_iter().map(|record| record.position));
    }
    assert_eq!(seen.len(), expected.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub(super) async fn a_member_that_makes_no_sense_is_refused(log: &impl Log) {
    let topic = topic(log, "nonsense").await;
    for (member, members) in [(0, 0), (1, 1), (3, 2)] {
        let opened = log.consumer(options(&topic, &unique("group"), member, members));
        assert!(matches!(opened, Err(LogError::Refused(_))), "member {member} of {members}");
    }
}

pub(super) async fn a_poll_keeps_its_limits(log: &impl Log) {
    let topic = topic(log, "limits").await;
    let messages = numbered(0..60).into_iter();
    let messages = messages.map(|message| Message { headers: vec![], ..message }).collect();
    append(log, &topic, messages).await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    let mut total = 0;
    let deadline = Instant::now() + PATIENCE;
    while total < 60 && Instant::now() < deadline {
        let mut records = Vec::new();
        consumer.poll(7, BYTES_MAX, &mut records).expect("the poll succeeds");
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
        consumer.poll(0, BYTES_MAX, &mut records).expect("the poll succeeds");
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
        consumer.poll(100, BYTES_MAX, &mut records).expect("the poll succeeds");
    }
    assert_eq!(records.len(), 5, "what was there is left alone and nothing comes twice");
}

pub(super) async fn a_consumer_sees_what_comes_later(log: &impl Log) {
    let topic = topic(log, "later").await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    for round in 0..5 {
        append(log, &topic, numbered(round * 3..round * 3 + 3)).await;
        assert_eq!(values(&read(&mut *consumer, 3)), (round * 3..round * 3 + 3).collect());
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
        consumer.poll(10, BYTES_MAX, &mut records).expect("the poll succeeds");
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
    assert_eq!(values(&read(&mut *consumer, 1)), [20].into(), "reading again does not move the consumer");
}

pub(super) async fn lag_is_what_is_not_committed(log: &impl Log) {
    let topic = topic(log, "lag").await;
    let mut consumer = consumer(log, &topic, &unique("group"), 0, 1);
    let total = |lags: &[Lag]| lags.iter().map(|lag| lag.end_offset - lag.committed.offset).sum::<u64>();
    let lags = consumer.lag().expect("the lag is known");
    assert_eq!((lags.len(), total(&lags)), (PARTITIONS as usize, 0), "an entry a partition");
    append(log, &topic, numbered(0..40)).await;
    assert_eq!(total(&consumer.lag().expect("the lag is known")), 40);
    let mut next: Vec<_> = lags.into_iter().map(|lag| lag.committed).collect();
    for record in read(&mut *consumer, 40) {
        let position = next.iter_mut().find(|next| next.partition == record.position.partition);
        position.expect("the partition is assigned").offset = record.position.offset + 1;
    }
    consumer.commit(&next).expect("the commit succeeds");
    assert_eq!(total(&consumer.lag().expect("the lag is known")), 0);
}
