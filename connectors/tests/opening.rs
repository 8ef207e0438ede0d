//! Only a store is opened as a store, and nothing else is ever written to.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use trombe_connectors::{EmbeddedStore, OpenError, Position, State};

use crate::support::{config, consumer, drain, open, text, topic};

fn refused(path: &Path) -> OpenError {
    let before = fs::read(path).ok();
    let error = EmbeddedStore::open(path, config()).unwrap_err();
    assert_eq!(fs::read(path).ok(), before, "the file is left as it was");
    error
}

#[test]
fn an_empty_file_becomes_a_store_and_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::write(&path, "").unwrap();
    open(&path).meta_set("feed", "sample").unwrap();
    assert_eq!(open(&path).meta_get("feed").unwrap().as_deref(), Some("sample"));
    assert!(open(&path).verify().unwrap().is_empty());
}

#[test]
fn another_kind_of_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "Bitcoin prices of October, by hand. ".repeat(40)).unwrap();
    assert!(matches!(refused(&path), OpenError::NotAStore(_)));
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(refused(&path), OpenError::NotAStore(_)));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("PRAGMA application_id = 7; VACUUM").unwrap();
    assert!(matches!(refused(&path), OpenError::NotAStore(_)));
}

#[test]
fn a_newer_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(open(&path));
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 4").unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Newer { found: 4, known: 3, .. }), "{error}");
    assert!(error.to_string().ends_with("use a newer version of the program"));
}

/// A row for each message; the one at 2 has headers. The first partition has a segment of two and begins at 1, the second has a
/// message that takes more than a row of the log has room for, and a gap, the
/// third has many.
const VERSION_1: &str = "
    ALTER TABLE commits DROP COLUMN metadata;
    DROP TABLE batches;
    CREATE TABLE messages (
        place        INTEGER PRIMARY KEY,
        timestamp_ms INTEGER NOT NULL,
        key          BLOB NOT NULL,
        value        BLOB NOT NULL,
        headers      BLOB
    ) STRICT;
    INSERT INTO messages VALUES
        (1, 5, x'', x'31', NULL), (2, 5, x'6b', x'32', x'01000000020000006e7676'),
        (3, 9, x'6b', x'33', NULL), (4, 5, x'6b', x'34', NULL),
        (1 << 40, 5, x'', x'30', NULL), ((1 << 40) + 1, 5, x'', zeroblob(20000), NULL),
        ((1 << 40) + 3, 5, x'', x'32', NULL);
    WITH RECURSIVE many(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM many WHERE n < 9999)
        INSERT INTO messages SELECT (2 << 40) + n, 5, x'', x'', NULL FROM many;
    UPDATE partitions SET start_offset = 1, end_offset = 5, bytes = 9, segment_offset = 3, segment_bytes = 4,
        appended_ms = 3 WHERE id = 0;
    UPDATE partitions SET end_offset = 4, bytes = 20002, segment_bytes = 20002, appended_ms = 3 WHERE id = 1;
    UPDATE partitions SET end_offset = 10000, appended_ms = 3 WHERE id = 2;
    INSERT INTO segments VALUES (0, 1, 3, 5, 1);
    INSERT INTO commits VALUES ('docs', 0, 2);
    PRAGMA user_version = 1";

/// Beyond what any clock shows.
const RETENTION_MS: i64 = 1 << 60;

#[tokio::test]
async fn an_older_store_is_brought_up_to_date_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, "prices", 3, Some(RETENTION_MS)).await;
    drop(store);
    Connection::open(&path).unwrap().execute_batch(VERSION_1).unwrap();

    let store = open(&path);
    let values = |group: &str| {
        let mut reader = consumer(&store, group, "prices");
        let records = drain(&mut *reader);
        let of = |partition: u32| -> Vec<(u64, &str)> {
            let records = records.iter().filter(|record| record.position.partition == partition);
            let short = records.filter(|record| record.message.value.len() == 1);
            short.map(|record| (record.position.offset, text(&record.message.value))).collect()
        };
        format!("{:?} {:?} {} records, {} missed", of(0), of(1), records.len(), reader.missed())
    };
    assert_eq!(
        values("docs"),
        r#"[(2, "2"), (3, "3"), (4, "4")] [(0, "0"), (3, "2")] 10006 records, 1 missed"#
    );
    assert_eq!(
        values("new"),
        r#"[(1, "1"), (2, "2"), (3, "3"), (4, "4")] [(0, "0"), (3, "2")] 10007 records, 1 missed"#
    );
    let second = consumer(&store, "docs", "prices").read(&position("prices", 2)).unwrap().unwrap().message;
    assert_eq!((text(&second.key), second.timestamp_ms), ("k", 5));
    assert_eq!(second.header("n").unwrap(), "vv");
    assert_eq!(store.prune(RETENTION_MS + 1).unwrap(), 2, "the messages of the segment that ended at 1 ms");
    assert_eq!(values("docs"), r#"[(3, "3"), (4, "4")] [(0, "0"), (3, "2")] 10005 records, 2 missed"#);
    assert!(store.verify().unwrap().is_empty());
}

fn position(topic: &str, offset: u64) -> Position {
    Position { topic: topic.to_owned(), partition: 0, offset }
}

#[test]
fn a_damaged_store_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(open(&path));
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn damage_inside_is_found_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(open(&path));
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 8192;
    bytes[last..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert!(!open(&path).verify().unwrap().is_empty());
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = EmbeddedStore::open(folder.path().join("no/store"), config()).unwrap_err();
    assert!(matches!(error, OpenError::Inaccessible { .. }), "{error}");
    assert!(error.to_string().contains("no/store"));
}

#[test]
fn a_private_store_leaves_nothing_behind() {
    let store = EmbeddedStore::open_in_memory().unwrap();
    let text = format!("{store:?}");
    let start = text.find("path: \"").unwrap() + "path: \"".len();
    let path = Path::new(text[start..].split('"').next().unwrap());
    assert!(path.is_file());
    drop(store);
    assert!(!path.parent().unwrap().exists());
}
