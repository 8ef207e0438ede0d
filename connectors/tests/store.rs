//! What the embedded store promises beyond the traits: its queue, its limits, retention, expiry and leases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::join_all;
use trombe_connectors::{
    EmbeddedConfig, EmbeddedStore, Log, LogError, Message, Position, StateChange, StateError,
};

use crate::support::{config, consumer, drain, member, message, occupy, open, text, topic};

const TOPIC: &str = "topic";

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn put(namespace: &str, key: &str, value: &str, expires_ms: Option<i64>) -> StateChange {
    StateChange {
        namespace: namespace.into(),
        key: key.into(),
        value: Some(value.into()),
        expires_ms,
    }
}

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
            Err(error) => assert!(
                number % 3 == 1 && matches!(error, LogError::NoSuchTopic(_)),
                "{error}"
            ),
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

/// One operation is with the writer and two wait; every further caller waits for room, and one that gives up then
/// leaves nothing behind.
#[tokio::test]
async fn a_full_queue_makes_callers_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let config = EmbeddedConfig {
        queue_count_max: 2,
        batch_count_max: 1,
        ..config()
    };
    let store = EmbeddedStore::open(&path, config).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    for _ in 0..20 {
        assert!(
            store
                .append(TOPIC, vec![Message::default()])
                .now_or_never()
                .is_none()
        );
    }
    drop(occupied);
    store.append(TOPIC, vec![Message::default()]).await.unwrap();
    let written = drain(&mut *consumer(&store, "g", TOPIC)).len();
    assert!((3..=4).contains(&written), "{written}");
}

#[tokio::test]
async fn the_last_handle_waits_for_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    for _ in 0..5 {
        assert!(
            store
                .append(TOPIC, vec![Message::default()])
                .now_or_never()
                .is_none()
        );
    }
    drop(occupied);
    drop(store);
    assert_eq!(drain(&mut *consumer(&open(&path), "g", TOPIC)).len(), 5);
}

#[tokio::test]
async fn a_file_that_stays_occupied_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(
        &path,
        EmbeddedConfig {
            busy_timeout_ms: 20,
            ..config()
        },
    )
    .unwrap();
    topic(&store, TOPIC, 1, None).await;
    let occupied = occupy(&path);
    let answer = store.append(TOPIC, vec![Message::default()]).await;
    assert!(answer.as_ref().is_err_and(LogError::is_transient), "{answer:?}");
    drop(occupied);
    store.append(TOPIC, vec![Message::default()]).await.unwrap();
}

/// A full disk is told as such; when retention has made room, all goes on and nothing of the refused batch is there.
#[tokio::test]
async fn a_full_file_is_unavailable_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig {
        file_bytes_max: Some(2 << 20),
        segment_count_max: 4,
        ..config()
    };
    let store = EmbeddedStore::open(folder.path().join("store"), config).unwrap();
    topic(&store, TOPIC, 1, Some(1000)).await;
    let large = || {
        vec![
            Message {
                value: vec![b'x'; 100_000].into(),
                ..Message::default()
            };
            2
        ]
    };
    let mut appended = 0;
    let error = loop {
        match store.append(TOPIC, large()).await {
            Ok(_) => appended += 2,
            Err(error) => break error,
        }
    };
    assert!(error.is_transient(), "{error}");
    assert!((14..=20).contains(&appended), "{appended}");
    let error = store
        .state_apply(vec![put("n", "k", &"v".repeat(200_000), None)])
        .unwrap_err();
    assert!(matches!(error, StateError::Unavailable(_)), "{error}");
    assert_eq!(store.prune(now_ms() + 2000).unwrap(), appended);
    assert_eq!(store.append(TOPIC, large()).await.unwrap()[0].offset, appended);
}

#[tokio::test]
async fn retention_by_age_deletes_whole_prefixes_and_the_gap_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(
        &path,
        EmbeddedConfig {
            segment_count_max: 4,
            ..config()
        },
    )
    .unwrap();
    topic(&store, TOPIC, 1, Some(60_000)).await;
    topic(&store, "kept", 1, None).await;
    // Timestamps of long ago do not matter: age is counted from the append.
    store.append(TOPIC, vec![Message::default(); 10]).await.unwrap();
    store.append("kept", vec![Message::default(); 10]).await.unwrap();
    let mut reader = consumer(&store, "g", TOPIC);
    let mut records = Vec::new();
    reader.poll(3, usize::MAX, &mut records).unwrap();
    reader
        .commit(&[Position {
            topic: TOPIC.into(),
            partition: 0,
            offset: 3,
        }])
        .unwrap();

    assert_eq!(store.prune(now_ms() + 30_000).unwrap(), 0, "too young");
    assert_eq!(store.prune(now_ms() + 90_000).unwrap(), 10);
    assert_eq!(drain(&mut *reader), []);
    assert_eq!(reader.read(&records[0].position).unwrap(), None);
    store.append(TOPIC, vec![Message::default(); 2]).await.unwrap();
    let offsets: Vec<_> = drain(&mut *reader)
        .iter()
        .map(|record| record.position.offset)
        .collect();
    assert_eq!(
        (offsets, reader.missed()),
        (vec![10, 11], 7),
        "offsets go on, and seven were missed"
    );
    assert_eq!(
        reader.lag().unwrap()[0].committed.offset,
        10,
        "a restart goes on at the oldest"
    );
    drop(reader);
    let mut restarted = consumer(&store, "g", TOPIC);
    assert_eq!((drain(&mut *restarted).len(), restarted.missed()), (2, 7));
    assert_eq!(drain(&mut *consumer(&store, "g", "kept")).len(), 10);
}

#[tokio::test]
async fn retention_by_bytes_keeps_the_newest_segments() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig {
        segment_count_max: 4,
        partition_bytes_max: Some(10 * 1000),
        ..config()
    };
    let store = EmbeddedStore::open(folder.path().join("store"), config).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let large = Message {
        value: vec![0; 1000].into(),
        ..Message::default()
    };
    store.append(TOPIC, vec![large; 22]).await.unwrap();
    assert_eq!(store.prune(now_ms()).unwrap(), 12);
    let mut reader = consumer(&store, "g", TOPIC);
    assert_eq!(drain(&mut *reader)[0].position.offset, 12);
    assert_eq!(
        reader.missed(),
        0,
        "a new group begins at the oldest and has missed nothing"
    );
    assert_eq!(store.prune(now_ms()).unwrap(), 0);
}

/// Housekeeping follows the writes without being asked.
#[tokio::test]
async fn housekeeping_follows_the_writes() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig {
        segment_count_max: 2,
        housekeeping_interval_ms: 0,
        housekeeping_rows_max: 2,
        ..config()
    };
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(&path, config).unwrap();
    topic(&store, TOPIC, 1, Some(0)).await;
    store.append(TOPIC, vec![Message::default(); 9]).await.unwrap();
    store
        .state_apply(vec![put("n", "old", "v", Some(1)), put("n", "new", "v", None)])
        .unwrap();
    drop(store);
    let rows = |table: &str| -> i64 {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0))
            .unwrap()
    };
    assert_eq!((rows("messages"), rows("segments"), rows("state")), (0, 0, 1));
}

#[tokio::test]
async fn a_poll_takes_equal_shares_of_every_partition() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 4, None).await;
    let messages = (0..4000)
        .map(|number| message(&number.to_string(), "x"))
        .collect();
    store.append(TOPIC, messages).await.unwrap();
    let mut records = Vec::new();
    consumer(&store, "g", TOPIC)
        .poll(400, usize::MAX, &mut records)
        .unwrap();
    for partition in 0..4 {
        let share = records
            .iter()
            .filter(|record| record.position.partition == partition)
            .count();
        assert_eq!(share, 100);
    }
}

#[tokio::test]
async fn a_partition_has_one_reader_a_group() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    topic(&store, TOPIC, 3, None).await;
    let first = store.consumer(member("g", TOPIC, 0, 2)).unwrap();
    let taken = store.consumer(member("g", TOPIC, 0, 1)).err().unwrap();
    assert!(
        matches!(taken, LogError::PartitionTaken { partition: 0, .. }),
        "{taken}"
    );
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
    let at = |topic: &str, offset| {
        [Position {
            topic: topic.into(),
            partition: 0,
            offset,
        }]
    };
    for wrong in [at(TOPIC, 2), at(TOPIC, u64::MAX), at("elsewhere", 0)] {
        assert!(
            matches!(reader.commit(&wrong), Err(LogError::Refused(_))),
            "{wrong:?}"
        );
    }
    reader.commit(&at(TOPIC, 1)).unwrap();
}

#[tokio::test]
async fn expired_state_is_gone_at_once_and_deleted_later() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    let later = now_ms() + 3_600_000;
    let changes = vec![
        put("n", "past", "v", Some(1)),
        put("n", "later", "v", Some(later)),
        put("n", "ever", "v", None),
    ];
    store.state_apply(changes).unwrap();
    let get = |key: &str| store.state_get("n", key.as_bytes()).unwrap().is_some();
    assert_eq!((get("past"), get("later"), get("ever")), (false, true, true));
    let mut keys = Vec::new();
    store
        .state_scan("n", b"", &mut |key, _| keys.push(key.to_vec()))
        .unwrap();
    assert_eq!(keys, [b"ever".to_vec(), b"later".to_vec()]);
    assert_eq!(store.prune(now_ms()).unwrap(), 1);
    store.state_apply(vec![put("n", "later", "w", None)]).unwrap();
    assert_eq!(
        store.prune(later + 1).unwrap(),
        0,
        "a new value forgets the old one's expiry"
    );
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
    let options = |partitions, retention_ms| TopicOptions {
        partitions,
        retention_ms,
    };
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
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "about 2 ms on an idle machine"
    );
}
