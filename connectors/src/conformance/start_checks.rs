//! What a log promises about where reading begins.

use super::log_steps::{append, options, read, topic};
use super::unique;
use crate::{ConsumerOptions, IDENTITY_BYTES_MAX, Log, LogConsumer, LogError, Message, Position, Start};

/// The time of the first message; each is a second after the one before.
const FIRST_MS: i64 = 1_729_296_000_000;
const MESSAGES: u64 = 10;

pub(super) async fn each_strategy_begins_where_it_says(log: &impl Log) {
    let topic = topic(log, "start").await;
    let timed = |n: u64| Message { timestamp_ms: FIRST_MS + 1000 * n.cast_signed(), ..Message::default() };
    let partition = append(log, &topic, (0..MESSAGES).map(timed).collect()).await[0].clone();
    // Where each begins without a commit; `None` is after the newest record.
    let rules = [
        (Start::Earliest, Some(0), false),
        (Start::Latest, None, false),
        (Start::UncommittedEarliest, Some(0), true),
        (Start::UncommittedLatest, None, true),
        (Start::Timestamp(FIRST_MS + 6_500), Some(7), false),
        (Start::Timestamp(FIRST_MS + 7_000), Some(7), false),
    ];
    let mut end = MESSAGES;
    for (start, fresh, counts_foreign) in rules {
        for committer in [None, Some("us"), Some("them")] {
            let group = unique("group");
            if let Some(identity) = committer {
                let mut consumer = open(log, &topic, &group, Start::default(), identity);
                consumer.commit(&[Position { offset: 4, ..partition.clone() }]).expect("the commit succeeds");
            }
            let counts = committer == Some("us") || (committer.is_some() && counts_foreign);
            let expected = if counts { 4 } else { fresh.unwrap_or(end) };
            let mut consumer = open(log, &topic, &group, start, "us");
            append(log, &topic, vec![timed(end)]).await;
            end += 1;
            let first = read(&mut *consumer, 1).remove(0).position.offset;
            assert_eq!(first, expected, "{start:?} after a commit by {committer:?}");
        }
    }
}

pub(super) async fn a_commit_of_another_identity_is_no_bound(log: &impl Log) {
    let (topic, group) = (topic(log, "identity").await, unique("group"));
    let partition = append(log, &topic, vec![Message::default(); 10]).await[0].clone();
    let at = |offset| [Position { offset, ..partition.clone() }];
    open(log, &topic, &group, Start::Earliest, "them").commit(&at(9)).expect("the commit succeeds");

    let mut ours = open(log, &topic, &group, Start::Earliest, "us");
    read(&mut *ours, 3);
    for offset in [3, 2] {
        ours.commit(&at(offset)).expect("a commit, and one that is older than our own");
    }
    drop(ours);
    for start in [Start::Earliest, Start::UncommittedEarliest] {
        let mut again = open(log, &topic, &group, start, "us");
        assert_eq!(read(&mut *again, 1)[0].position.offset, 3, "{start:?} goes on where we committed");
    }
}

pub(super) async fn an_identity_has_a_limit(log: &impl Log) {
    let topic = topic(log, "long").await;
    let with =
        |bytes| ConsumerOptions { identity: "i".repeat(bytes), ..options(&topic, &unique("group"), 0, 1) };
    assert!(log.consumer(with(IDENTITY_BYTES_MAX)).is_ok());
    assert!(matches!(log.consumer(with(IDENTITY_BYTES_MAX + 1)), Err(LogError::Refused(_))));
}

fn open(log: &impl Log, topic: &str, group: &str, start: Start, identity: &str) -> Box<dyn LogConsumer> {
    let options = ConsumerOptions { start, identity: identity.to_owned(), ..options(topic, group, 0, 1) };
    log.consumer(options).expect("the consumer opens")
}
