//! What the embedded store promises beyond the traits: its queue, its limits and its leases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use trombe_connectors::{
    ConsumerOptions, EmbeddedConfig, EmbeddedStore, Log, LogError, Message, Position, Start, State,
};

use crate::support::{config, consumer, drain, member, message, occupy, open, text, topic};

const TOPIC: &str = "topic";

/// All wait behind an occupied file, so that they share a transaction; only those that cannot succeed fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_operation_leaves_its_neighbours_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    let append = |number: usize| {
        let topic = if number % 3 == 1 { "missing" } else { TOPIC };
        store.append(topic, vec![message("", &number.to_string())])
    };
    let mut appends = Box::pin(join_all((0..30).map(append)));
    assert!(appends.as_mut().now_or_never().is_none());
    drop(occupied);
    for (number, answer) in appends.await.into_iter().enumerate() {
        match answer {
            Ok(positions) => assert_eq!(positions.len(), usize::from(number % 3 != 1)),
            Err(error) => assert!(number % 3 == 1 && matches!(error, LogError::NoSuchTopic(_)), "{error}"),
        }
    }
    let values: Vec<usize> = drain(&mut *consumer(&store, "g", TOPIC))
        .iter()
        .map(|record| text(&record.message.value).parse().unwrap())
        .collect();
    assert_eq!(
        values,
        (0..30).filter(|number| number % 3 != 1).collect::<Vec<_>>(),
        "the queue's order is kept"
    );
}

/// Begins to append while the file is occupied, and waits no longer.
fn give_up_appends(store: &EmbeddedStore, count: usize) {
    for _ in 0..count {
        let append = store.append(TOPIC, vec![Message::default()]);
        assert!(append.now_or_never().is_none());
    }
}

/// One operation is with the writer and two wait; every further caller waits for room, and one that gives up then
/// leaves nothing behind.
#[tokio::test]
async fn a_full_queue_makes_callers_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let config = EmbeddedConfig { queue_count_max: 2, batch_count_max: 1, ..config() };
    let store = EmbeddedStore::open(&path, config).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    give_up_appends(&store, 20);
    drop(occupied);
    store.append(TOPIC, vec![Message::default()]).await.unwrap();
    let written = drain(&mut *consumer(&store, "g", TOPIC)).len();
    assert!((3..=4).contains(&written), "{written}");
}

/// Nobody can wake the appends that wait for room while their thread waits for a change of state.
#[tokio::test]
async fn a_caller_that_blocks_takes_no_turn_behind_those_it_holds_up() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { queue_count_max: 1, batch_count_max: 1, ..config() };
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(&path, config).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    let mut appends = Box::pin(join_all((0..20).map(|_| store.append(TOPIC, vec![Message::default()]))));
    assert!(appends.as_mut().now_or_never().is_none());
    drop(occupied);
    store.state_apply(vec![]).unwrap();
    assert!(appends.await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn the_last_handle_waits_for_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    give_up_appends(&store, 5);
    drop(occupied);
    drop(store);
    assert_eq!(drain(&mut *consumer(&open(&path), "g", TOPIC)).len(), 5);
}

#[tokio::test]
async fn a_file_that_stays_occupied_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(&path, EmbeddedConfig { busy_timeout_ms: 20, ..config() }).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    let answer = store.append(TOPIC, vec![Message::default()]).await;
    assert!(answer.as_ref().is_err_and(LogError::is_transient), "{answer:?}");
    drop(occupied);
    store.append(TOPIC, vec![Message::default()]).await.unwrap();
}

#[tokio::test]
async fn a_poll_takes_equal_shares_of_every_partition() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 4, None).await;
    let messages = (0..4000).map(|number| message(&number.to_string(), "x")).collect();
    store.append(TOPIC, messages).await.unwrap();
    let mut records = Vec::new();
    consumer(&store, "g", TOPIC).poll(400, usize::MAX, &mut records).unwrap();
    for partition in 0..4 {
        let share = records.iter().filter(|record| record.position.partition == partition).count();
        assert_eq!(share, 100);
    }
}

#[tokio::test]
async fn a_partition_has_one_reader_a_group() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 3, None).await;
    let first = store.consumer(member("g", TOPIC, 0, 2)).unwrap();
    let taken = store.consumer(member("g", TOPIC, 0, 1)).err().unwrap();
    assert!(matches!(taken, LogError::PartitionTaken { partition: 0, .. }), "{taken}");
    let second = store.consumer(member("g", TOPIC, 1, 2)).unwrap();
    let other = store.consumer(member("other", TOPIC, 0, 1)).unwrap();
    drop((first, second, other));
    store.consumer(member("g", TOPIC, 0, 1)).unwrap();
}

#[tokio::test]
async fn a_commit_past_the_end_is_refused() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 1, None).await;
    store.append(TOPIC, vec![Message::default()]).await.unwrap();
    let mut reader = consumer(&store, "g", TOPIC);
    let at = |topic: &str, offset| [Position { topic: topic.into(), partition: 0, offset }];
    for wrong in [at(TOPIC, 2), at(TOPIC, u64::MAX), at("elsewhere", 0)] {
        assert!(matches!(reader.commit(&wrong), Err(LogError::Refused(_))), "{wrong:?}");
    }
    reader.commit(&at(TOPIC, 1)).unwrap();
}

#[test]
fn facts_about_the_store_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    assert_eq!(store.meta_get("feed").unwrap(), None);
    store.meta_set("feed", "sample").unwrap();
    store.meta_set("feed", "live").unwrap();
    drop(store);
    assert_eq!(open(&path).meta_get("feed").unwrap().as_deref(), Some("live"));
}

#[tokio::test]
async fn names_that_kafka_would_refuse_are_refused() {
    use trombe_connectors::TopicOptions;
    let store = EmbeddedStore::open_in_memory().unwrap();
    let options = |partitions, retention_ms| TopicOptions { partitions, retention_ms };
    let long = "t".repeat(250);
    let wrong = [
        ("", options(1, None)),
        ("a b", options(1, None)),
        ("..", options(1, None)),
        (&long, options(1, None)),
        ("fine", options(0, None)),
        ("fine", options(1, Some(-1))),
    ];
    for (name, options) in wrong {
        let answer = store.create_topic(name, &options).await;
        assert!(matches!(answer, Err(LogError::Refused(_))), "{name} {options:?}");
    }
}

/// A spout asks in a loop; with nothing new this must cost next to nothing.
#[tokio::test]
async fn an_idle_poll_is_cheap() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 9, None).await;
    let mut reader = consumer(&store, "g", TOPIC);
    let started = Instant::now();
    for _ in 0..1000 {
        reader.poll(100, 1 << 20, &mut Vec::new()).unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(1), "about 2 ms on an idle machine");
}

#[tokio::test]
async fn an_offset_that_no_partition_reaches_is_not_read_from_the_next_one() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 2, None).await;
    store.append(TOPIC, (0..9).map(|key| message(&key.to_string(), "x")).collect()).await.unwrap();
    let mut reader = consumer(&store, "g", TOPIC);
    for offset in [9, (1 << 40) - 1, 1 << 40, i64::MAX.cast_unsigned(), u64::MAX] {
        let position = Position { topic: TOPIC.into(), partition: 0, offset };
        assert_eq!(reader.read(&position).unwrap(), None, "{offset}");
    }
}

/// A caller that drops what a failed poll gave must not lose it.
#[tokio::test]
async fn a_poll_that_fails_has_taken_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, 1, None).await;
    store.append(TOPIC, vec![message("", "a"), message("", "b"), message("", "c")]).await.unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(file.execute("UPDATE batches SET messages = CAST(messages || x'01' AS BLOB)", ()).unwrap(), 1);
    let mut reader = consumer(&store, "g", TOPIC);
    let mut records = Vec::new();
    for _ in 0..2 {
        let error = reader.poll(10, usize::MAX, &mut records).unwrap_err();
        assert!(matches!(error, LogError::Refused(_)), "{error}");
        assert_eq!(records, []);
    }
    file.execute("UPDATE batches SET messages = substr(messages, 1, length(messages) - 1)", ()).unwrap();
    assert_eq!(drain(&mut *reader).len(), 3);
}

/// Times are in no order, and messages of one append share a row.
#[tokio::test]
async fn reading_begins_with_the_first_message_of_the_time_or_a_later_one() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 1, None).await;
    for times in [[1, 2, 1], [5, 9, 3], [9, 9, 9]] {
        let messages = times.map(|timestamp_ms| Message { timestamp_ms, ..Message::default() });
        store.append(TOPIC, messages.to_vec()).await.unwrap();
    }
    for (at_ms, first) in [(0, Some(0)), (2, Some(1)), (4, Some(3)), (8, Some(4)), (10, None)] {
        let options = ConsumerOptions { start: Start::Timestamp(at_ms), ..member("g", TOPIC, 0, 1) };
        let records = drain(&mut *store.consumer(options).unwrap());
        assert_eq!(records.first().map(|record| record.position.offset), first, "{at_ms}");
    }
}

/// Whoever holds a small message holds no large one.
#[tokio::test]
async fn a_row_has_no_more_than_its_limit_but_for_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store =
        EmbeddedStore::open(&path, EmbeddedConfig { record_batch_bytes_max: 100, ..config() }).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let sized = |bytes: usize| Message { value: vec![0; bytes].into(), ..Message::default() };
    store.append(TOPIC, [10, 50, 1, 500, 0, 80, 81].map(sized).to_vec()).await.unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    let mut rows = file.prepare("SELECT count, length(messages) FROM batches ORDER BY place").unwrap();
    let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(u32, u32)> = rows.map(Result::unwrap).collect();
    assert_eq!(rows, [(2, 100), (1, 21), (1, 520), (1, 20), (1, 100), (1, 101)]);
    assert_eq!(drain(&mut *consumer(&store, "g", TOPIC)).len(), 7);
}

/// Waiting does not turn a file into a folder.
#[tokio::test]
async fn a_lease_that_can_never_be_had_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, 1, None).await;
    std::fs::write(folder.path().join("store-leases"), "in the way").unwrap();
    let error = store.consumer(member("g", TOPIC, 0, 1)).err().unwrap();
    assert!(matches!(error, LogError::Refused(_)), "{error}");
    assert!(error.to_string().contains("store-leases"), "{error}");
    std::fs::remove_file(folder.path().join("store-leases")).unwrap();
    store.consumer(member("g", TOPIC, 0, 1)).unwrap();
}

#[tokio::test]
async fn a_document_too_large_for_any_request_is_rejected_alone() {
    use chrono::DateTime;
    use trombe_connectors::{Document, Index, Outcome};
    let store = EmbeddedStore::open_in_memory().unwrap();
    let document = |id: &str, source: String| Document {
        index: "index".into(),
        id: id.into(),
        version: 1,
        timestamp: DateTime::UNIX_EPOCH,
        source,
    };
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(100 << 20));
    let documents = vec![document("large", large), document("small", "{}".into())];
    let outcomes = store.bulk(documents).await.unwrap();
    assert!(
        matches!(&outcomes[..], [Outcome::Rejected(reason), Outcome::Indexed] if reason.contains("104857600")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn an_error_quotes_no_more_than_the_start_of_a_key() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 1, None).await;
    let large = message(&"k".repeat(20 << 20), "");
    let error = store.append(TOPIC, vec![large]).await.unwrap_err();
    assert!(error.to_string().len() < 300, "{} bytes", error.to_string().len());
}
