//! The archive: manifests, commits, the names of files, and Parquet.

use bytes::Bytes;
use trombe_connectors::archive::fuzzing;
use trombe_connectors::{Message, Position, Record};

use crate::{choose, chosen};

const TOPIC: &str = "t";

/// What is understood is written again as something that reads the same.
pub(crate) fn check(data: &[u8]) -> bool {
    let Some((choice, bytes)) = choose(data, 4) else { return false };
    match choice {
        0 => fuzzing::manifest(bytes).is_some_and(|again| {
            assert_eq!(fuzzing::manifest(&again).expect("our own manifest"), again);
            true
        }),
        1 => check_commit(bytes),
        2 => std::str::from_utf8(bytes).is_ok_and(|path| {
            let again = fuzzing::path(path);
            assert!(again.as_deref().is_none_or(|again| again == path), "{again:?}");
            again.is_some()
        }),
        _ => check_file(bytes),
    }
}

fn check_commit(bytes: &[u8]) -> bool {
    let path = fuzzing::commit_path(TOPIC, 1, 7);
    let Some((again, records)) = fuzzing::commit(&path, bytes) else { return false };
    assert!(records > 0, "a commit of nothing");
    assert_eq!(fuzzing::commit(&path, &again), Some((again, records)));
    true
}

fn check_file(bytes: &[u8]) -> bool {
    let Some(records) = fuzzing::records(Bytes::copy_from_slice(bytes)) else { return false };
    let again = fuzzing::file(&records).expect("records that were read can be written");
    assert_eq!(fuzzing::records(again), Some(records));
    true
}

fn record(offset: u64) -> Record {
    let position = Position { topic: TOPIC.to_owned(), partition: 1, offset };
    let message = Message {
        key: "kraken:1727740800".into(),
        value: r#"{"error":[],"result":{}}"#.into(),
        timestamp_ms: 1_729_296_000_000,
        headers: vec![("source".to_owned(), "kraken".into()); usize::from(offset > 0)],
    };
    Record { position, message }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let name = "topic=t/date=2024-10-19/1-0-5-00ff00ff00ff00ff.parquet";
    let commit = format!(
        r#"{{"format":1,"topic":"t","partition":1,"sequence":7,"runs":[[0,2],[5,5]],"files":[{{"path":"{name}","records":4,"bytes":100,"sha256":"00"}}]}}"#
    );
    let file = fuzzing::file(&[record(0), record(1), record(5)]).expect("a small file");
    vec![
        chosen(0, r#"{"format":1,"id":"a","origin":{"log":"b","feed":"live"}}"#),
        chosen(1, commit),
        chosen(2, name),
        chosen(2, fuzzing::commit_path(TOPIC, 1, 7)),
        chosen(3, file),
    ]
}
