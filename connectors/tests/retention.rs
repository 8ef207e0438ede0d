//! What the embedded store deletes, when, and what its readers see of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use trombe_connectors::{
    EmbeddedConfig, EmbeddedStore, Log, Message, Position, State, StateChange, StateError,
};

use crate::support::{config, consumer, drain, topic};

const TOPIC: &str = "topic";

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn put(namespace: &str, key: &str, value: &str, expires_ms: Option<i64>) -> StateChange {
    StateChange { namespace: namespace.into(), key: key.into(), value: Some(value.into()), expires_ms }
}

/// A full disk is told as such; when retention has made room, all goes on and nothing of the refused batch is there.
#[tokio::test]
async fn a_full_file_is_unavailable_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { file_bytes_max: Some(2 << 20), segment_count_max: 4, ..config() };
    let store = EmbeddedStore::open(folder.path().join("store"), config).unwrap();
    topic(&store, TOPIC, 1, Some(1000)).await;
    let large = || vec![Message { value: vec![b'x'; 100_000].into(), ..Message::default() }; 2];
    let mut appended = 0;
    let error = loop {
        match store.append(TOPIC, large()).await {
            Ok(_) => appended += 2,
            Err(error) => break error,
        }
    };
    assert!(error.is_transient(), "{error}");
    assert!((14..=20).contains(&appended), "{appended}");
    let error = store.state_apply(vec![put("n", "k", &"v".repeat(200_000), None)]).unwrap_err();
    assert!(matches!(error, StateError::Unavailable(_)), "{error}");
    assert_eq!(store.prune(now_ms() + 2000).unwrap(), appended);
    assert_eq!(store.append(TOPIC, large()).await.unwrap()[0].offset, appended);
}

#[tokio::test]
async fn retention_by_age_deletes_whole_prefixes_and_the_gap_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(&path, EmbeddedConfig { segment_count_max: 4, ..config() }).unwrap();
    topic(&store, TOPIC, 1, Some(60_000)).await;
    topic(&store, "kept", 1, None).await;
    // Timestamps of long ago do not matter: age is counted from the append.
    store.append(TOPIC, vec![Message::default(); 10]).await.unwrap();
    store.append("kept", vec![Message::default(); 10]).await.unwrap();
    let mut reader = consumer(&store, "g", TOPIC);
    let mut records = Vec::new();
    reader.poll(4, usize::MAX, &mut records).unwrap();
    reader.commit(&[Position { topic: TOPIC.into(), partition: 0, offset: 4 }]).unwrap();

    assert_eq!(store.prune(now_ms() + 30_000).unwrap(), 0, "too young");
    assert_eq!(store.prune(now_ms() + 90_000).unwrap(), 10);
    assert_eq!(drain(&mut *reader), []);
    assert_eq!(reader.read(&records[0].position).unwrap(), None);
    store.append(TOPIC, vec![Message::default(); 2]).await.unwrap();
    let offsets: Vec<_> = drain(&mut *reader).iter().map(|record| record.position.offset).collect();
    assert_eq!((offsets, reader.missed()), (vec![10, 11], 6), "offsets go on, and six were missed");
    assert_eq!(reader.lag().unwrap()[0].committed.offset, 10, "a restart goes on at the oldest");
    drop(reader);
    let mut restarted = consumer(&store, "g", TOPIC);
    assert_eq!((drain(&mut *restarted).len(), restarted.missed()), (2, 6));
    assert_eq!(drain(&mut *consumer(&store, "g", "kept")).len(), 10);
}

#[tokio::test]
async fn retention_by_bytes_keeps_the_newest_segments() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { segment_count_max: 4, partition_bytes_max: Some(10 * 1000), ..config() };
    let store = EmbeddedStore::open(folder.path().join("store"), config).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let large = Message { value: vec![0; 1000].into(), ..Message::default() };
    store.append(TOPIC, vec![large; 22]).await.unwrap();
    let mut slow = consumer(&store, "slow", TOPIC);
    assert_eq!(store.prune(now_ms()).unwrap(), 12);
    assert_eq!((drain(&mut *slow)[0].position.offset, slow.missed()), (12, 12));
    let mut reader = consumer(&store, "g", TOPIC);
    assert_eq!(drain(&mut *reader)[0].position.offset, 12);
    assert_eq!(reader.missed(), 0, "a new group begins at the oldest and has missed nothing");
    assert_eq!(store.prune(now_ms()).unwrap(), 0);
}

/// The newest message may not have been read by anybody yet.
#[tokio::test]
async fn retention_by_bytes_never_takes_the_newest_message() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { partition_bytes_max: Some(80_000), ..config() };
    let store = EmbeddedStore::open(folder.path().join("store"), config).unwrap();
    topic(&store, TOPIC, 1, None).await;
    let sized = |bytes: usize| Message { value: vec![0; bytes].into(), ..Message::default() };
    store.append(TOPIC, vec![sized(1000); 100]).await.unwrap();
    assert_eq!(store.prune(now_ms()).unwrap(), 20, "two segments of an eighth of the limit each");
    store.append(TOPIC, vec![sized(200_000)]).await.unwrap();
    assert_eq!(store.prune(now_ms()).unwrap(), 80);
    let left = drain(&mut *consumer(&store, "g", TOPIC));
    assert_eq!(left.len(), 1, "the newest message stays, though it is over the limit alone");
    store.append(TOPIC, vec![sized(1)]).await.unwrap();
    assert_eq!(store.prune(now_ms()).unwrap(), 1);
}

/// What was appended while the clock was ahead must not stand in retention's way until that time comes.
#[tokio::test]
async fn a_clock_put_back_does_not_stop_retention() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let config = EmbeddedConfig { segment_count_max: 4, ..config() };
    let store = EmbeddedStore::open(&path, config).unwrap();
    topic(&store, TOPIC, 1, Some(60_000)).await;
    store.append(TOPIC, vec![Message::default(); 10]).await.unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    let ahead = now_ms() + 86_400_000;
    for table in ["segments", "partitions"] {
        let sql = format!("UPDATE {table} SET appended_ms = ?1");
        file.execute(&sql, [ahead]).unwrap();
    }
    store.append(TOPIC, vec![Message::default(); 5]).await.unwrap();
    assert_eq!(store.prune(now_ms() + 30_000).unwrap(), 0, "counted from now");
    assert_eq!(store.prune(now_ms() + 90_000).unwrap(), 15);
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
    store.state_apply(vec![put("n", "old", "v", Some(1)), put("n", "new", "v", None)]).unwrap();
    drop(store);
    let rows = |table: &str| -> i64 {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("batches"), rows("segments"), rows("state")), (0, 0, 1));
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
    store.state_scan("n", b"", &mut |key, _| keys.push(key.to_vec())).unwrap();
    assert_eq!(keys, [b"ever".to_vec(), b"later".to_vec()]);
    assert_eq!(store.prune(now_ms()).unwrap(), 1);
    store.state_apply(vec![put("n", "later", "w", None)]).unwrap();
    assert_eq!(store.prune(later + 1).unwrap(), 0, "a new value forgets the old one's expiry");
}
