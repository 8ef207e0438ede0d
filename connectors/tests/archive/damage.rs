//! Goal: a damaged archive is told, by the damaged file's name, and is never taken for a whole one. Method: damage one
//! file of a sound archive in every way, and read.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use trombe_connectors::archive::{Manifest, Origin, Place, Reader, Writer};

use crate::support::{LONG, expect_exactly, origin, place, read_all, records};

/// An archive of three commits, and the paths of its files.
async fn archive() -> (Arc<InMemory>, Place, Vec<Path>) {
    let memory = Arc::new(InMemory::new());
    let place = place(Arc::clone(&memory) as _).await;
    let mut writer = Writer::new(place.clone(), LONG);
    for offsets in [0..9, 9..12, 12..20] {
        writer.write("t", 0, &records(0, offsets)).await.unwrap();
    }
    let found: Vec<_> = memory.list(None).try_collect().await.unwrap();
    let mut paths: Vec<Path> = found.into_iter().map(|meta| meta.location).collect();
    paths.sort();
    (memory, place, paths)
}

async fn content(memory: &InMemory, path: &Path) -> Bytes {
    memory.get(path).await.unwrap().bytes().await.unwrap()
}

#[tokio::test]
async fn a_missing_cut_or_changed_file_is_told_by_name() {
    let (_, _, paths) = archive().await;
    assert_eq!(paths.len(), 1 + 3 + 4, "a manifest, three commits, and a file a day of each: {paths:?}");
    for path in &paths {
        for damage in ["missing", "cut", "changed", "emptied"] {
            let (memory, place, paths) = archive().await;
            let whole = content(&memory, path).await;
            let middle = whole.len() / 2;
            let damaged = match damage {
                "cut" => whole.slice(..middle),
                "changed" => {
                    [&whole[..middle], &[whole[middle] ^ 0x55], &whole[middle + 1..]].concat().into()
                }
                _ => Bytes::new(),
            };
            match damage {
                "missing" => memory.delete(path).await.unwrap(),
                _ => drop(memory.put(path, damaged.into()).await.unwrap()),
            }
            let outcome = read_all(&place).await;
            let is_last_commit =
                paths.iter().rfind(|path| path.as_ref().starts_with("_commits")) == Some(path);
            if damage == "missing" && is_last_commit {
                // As if it had not been committed yet; its records are in the log.
                expect_exactly(&outcome.unwrap(), &[(0, (0..12).collect())]);
                continue;
            }
            let error = outcome.unwrap_err().to_string();
            let is_named =
                error.contains(path.as_ref()) || (damage == "missing" && error.contains("no archive"));
            assert!(is_named, "{path} {damage}: {error}");
        }
    }
}

#[tokio::test]
async fn files_without_a_commit_are_not_read() {
    let (memory, place, paths) = archive().await;
    let file = paths.iter().find(|path| path.extension() == Some("parquet")).unwrap();
    let copy = file.to_string().replace("/0-", "/7-");
    memory.copy(file, &copy.into()).await.unwrap();
    memory.put(&"topic=t/date=2024-10-19/foreign.parquet".into(), "PAR1 and more".into()).await.unwrap();
    memory.put(&"_commits/topic=t/notes.json".into(), "{".into()).await.unwrap();
    expect_exactly(&read_all(&place).await.unwrap(), &[(0, (0..20).collect())]);
}

#[tokio::test]
async fn after_an_error_the_reader_goes_on_where_it_was() {
    let (memory, place, paths) = archive().await;
    let last = paths.iter().rfind(|path| path.extension() == Some("parquet")).unwrap();
    let whole = content(&memory, last).await;
    let mut reader = Reader::open(place).await.unwrap();
    let changed: Bytes = vec![0; whole.len()].into();
    memory.put(last, changed.into()).await.unwrap();
    let mut found = Vec::new();
    let error = loop {
        match reader.next().await {
            Ok(record) => found.push(record.unwrap()),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains(last.as_ref()), "{error}");
    memory.put(last, whole.into()).await.unwrap();
    while let Some(record) = reader.next().await.unwrap() {
        found.push(record);
    }
    expect_exactly(&found, &[(0, (0..20).collect())]);
}

#[tokio::test]
async fn an_archive_belongs_to_one_log() {
    let (_, place, _) = archive().await;
    assert_eq!(Manifest::open(&place, &origin(), "another id").await.unwrap().id, "id");
    for other in
        [Origin { log: "another".to_owned(), ..origin() }, Origin { feed: "live".to_owned(), ..origin() }]
    {
        let error = Manifest::open(&place, &other, "id").await.unwrap_err().to_string();
        assert!(error.contains("another log"), "{error}");
    }
}

#[tokio::test]
async fn addresses_are_understood_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a/b");
    let inside = inside.to_str().unwrap();
    assert!(Place::at(inside).unwrap_err().to_string().contains("no archive"), "it is not made by reading");
    let places = [Place::make(inside).unwrap(), Place::at(&format!("file://{inside}")).unwrap()];
    Manifest::open(&places[0], &origin(), "id").await.unwrap();
    Writer::new(places[0].clone(), LONG).write("t", 0, &records(0, 0..20)).await.unwrap();
    expect_exactly(&read_all(&places[1]).await.unwrap(), &[(0, (0..20).collect())]);
    for address in [
        "",
        "hdfs://host/folder",
        "http://host/folder",
        "file://relative",
        "s3://",
        "s3://key:secret@bucket/x",
    ] {
        let error = Place::at(address).unwrap_err().to_string();
        assert!(error.contains("s3://bucket/prefix"), "{error}");
    }
}
