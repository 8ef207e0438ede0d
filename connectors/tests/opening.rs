//! Only a store is opened as a store, and nothing else is ever written to.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use trombe_connectors::{EmbeddedStore, Log, OpenError, Position, State};

use crate::support::{config, consumer, drain, message, open, text, topic};

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
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Newer { found: 3, known: 2, .. }), "{error}");
    assert!(error.to_string().ends_with("use a newer version of the program"));
}

#[tokio::test]
async fn an_older_store_is_brought_up_to_date_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, "prices", 1, None).await;
    store.append("prices", vec![message("", "1"), message("", "2")]).await.unwrap();
    consumer(&store, "docs", "prices").commit(&[position("prices", 1)]).unwrap();
    drop(store);
    let version_1 = "ALTER TABLE commits DROP COLUMN metadata; PRAGMA user_version = 1";
    Connection::open(&path).unwrap().execute_batch(version_1).unwrap();

    let store = open(&path);
    let records = drain(&mut *consumer(&store, "docs", "prices"));
    assert_eq!(records.iter().map(|record| text(&record.message.value)).collect::<Vec<_>>(), ["2"]);
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
