//! Goal: a record is in the archive once, whatever happens to its writers. Method: let every single operation of a
//! writer be its last one, start another writer with the same records as the log would give them again, and read.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use proptest::prelude::*;
use trombe_connectors::archive::{Place, Writer, sweep};

use crate::faulty::{Fault, Faulty};
use crate::support::{AT_ONCE, LONG, expect_exactly, place, read_all, record, records};

/// Two batches of each of two partitions, over a midnight; the second one overlaps with the first, as after a replay.
async fn write_everything(place: &Place) -> Result<(), trombe_connectors::archive::ArchiveError> {
    let mut writer = Writer::new(place.clone(), LONG);
    for (partition, offsets) in [(0, 0..25), (1, 3..8), (0, 20..40), (1, 8..30)] {
        writer.write("t", partition, &records(partition, offsets)).await?;
    }
    Ok(())
}

fn everything() -> Vec<(u32, Vec<u64>)> {
    vec![(0, (0..40).collect()), (1, (3..30).collect())]
}

async fn data_files(store: &InMemory) -> usize {
    use futures_util::TryStreamExt as _;
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    found.iter().filter(|meta| meta.location.extension() == Some("parquet")).count()
}

#[tokio::test]
async fn whatever_operation_is_the_last_each_record_is_archived_once() {
    let undisturbed = Arc::new(InMemory::new());
    let whole = place(Arc::clone(&undisturbed) as _).await;
    write_everything(&whole).await.unwrap();
    let files = data_files(&undisturbed).await;

    let mut crashes = 0;
    for fault in [Fault::Before, Fault::After] {
        for at in 0.. {
            let memory = Arc::new(InMemory::new());
            let sound = place(Arc::clone(&memory) as _).await;
            let faulty = Faulty::new(&memory, fault, at);
            let outcome = write_everything(&Place::of(Arc::clone(&faulty) as _, "faulty")).await;
            assert_eq!(outcome.is_err(), faulty.is_dead(), "{fault:?} at operation {at}: {outcome:?}");
            // What is there can be read, and holds nothing twice.
            let committed = read_all(&sound).await.unwrap();
            assert!(committed.len() <= 67, "{fault:?} at operation {at}");
            if !faulty.is_dead() {
                break;
            }
            crashes += 1;
            sweep(&sound, AT_ONCE).await.unwrap();
            write_everything(&sound).await.unwrap();
            expect_exactly(&read_all(&sound).await.unwrap(), &everything());
            assert_eq!(
                sweep(&sound, AT_ONCE).await.unwrap(),
                0,
                "{fault:?} at operation {at}: orphans are left"
            );
            assert!(data_files(&memory).await >= files - 1, "{fault:?} at operation {at}");
        }
    }
    assert!(crashes >= 20, "only {crashes} crashes: the writer does less than it seems");
    eprintln!("{crashes} crashes, 67 records after each");
}

#[tokio::test]
async fn a_writer_goes_on_after_an_error_whatever_became_of_its_commit() {
    for fault in [Fault::Before, Fault::After] {
        let memory = Arc::new(InMemory::new());
        let sound = place(Arc::clone(&memory) as _).await;
        let mut first = Writer::new(sound.clone(), LONG);
        first.write("t", 0, &records(0, 0..5)).await.unwrap();
        // Listing, one commit, two files, and then the commit.
        let faulty = Faulty::new(&memory, fault, 4);
        let mut second = Writer::new(Place::of(Arc::clone(&faulty) as _, "faulty"), LONG);
        let error = second.write("t", 0, &records(0, 5..15)).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("000000000001.json"), "{error}");
        first.write("t", 0, &records(0, 5..15)).await.unwrap();
        expect_exactly(&read_all(&sound).await.unwrap(), &[(0, (0..15).collect())]);
    }
}

#[tokio::test]
async fn writers_that_race_archive_each_record_once() {
    let memory = Arc::new(InMemory::new());
    let place = place(Arc::clone(&memory) as _).await;
    let writers = (0..4_u64).map(|number| {
        let place = place.clone();
        tokio::spawn(async move {
            let mut writer = Writer::new(place, LONG);
            for batch in 0..10_u64 {
                let from = batch * 10;
                // Batches of different bounds, as of processes that roll at other moments.
                writer.write("t", 0, &records(0, from.saturating_sub(number)..from + 10)).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    expect_exactly(&read_all(&place).await.unwrap(), &[(0, (0..100).collect())]);
}

#[tokio::test]
async fn a_sweep_leaves_the_files_of_others_and_young_ones() {
    let memory = Arc::new(InMemory::new());
    let place = place(Arc::clone(&memory) as _).await;
    memory.put(&"topic=t/date=2024-10-19/notes.txt".into(), "mine".into()).await.unwrap();
    // Its commit fails, so its file is an orphan.
    let faulty = Faulty::new(&memory, Fault::Before, 2);
    Writer::new(Place::of(faulty as _, "faulty"), LONG).write("t", 0, &[record(0, 1)]).await.unwrap_err();
    assert_eq!(data_files(&memory).await, 1);
    assert_eq!(sweep(&place, LONG).await.unwrap(), 0, "its writer may be about to commit it");
    assert_eq!(sweep(&place, AT_ONCE).await.unwrap(), 1);
    assert!(memory.get(&"topic=t/date=2024-10-19/notes.txt".into()).await.is_ok());
}

#[tokio::test]
async fn a_sweep_removes_what_was_being_written_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(folder.path().to_str().unwrap()).unwrap();
    let day = folder.path().join("topic=t/date=2024-10-19");
    std::fs::create_dir_all(&day).unwrap();
    let (unfinished, foreign) = (day.join("0-0-9-00ff00ff00ff00ff.parquet#1"), day.join("notes#1"));
    std::fs::write(&unfinished, "PAR1").unwrap();
    std::fs::write(&foreign, "mine").unwrap();
    assert_eq!(sweep(&place, LONG).await.unwrap(), 0);
    assert_eq!(sweep(&place, AT_ONCE).await.unwrap(), 1);
    assert!(foreign.is_file() && !unfinished.exists());
}

#[tokio::test]
async fn a_commit_that_comes_too_late_for_a_sweep_is_not_made() {
    let place = place(Arc::new(InMemory::new())).await;
    let error = Writer::new(place.clone(), AT_ONCE).write("t", 0, &[record(0, 1)]).await.unwrap_err();
    assert!(error.to_string().contains("sweep"), "{error}");
    assert!(read_all(&place).await.unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Batches as a log gives them to one process after another, each of which dies at some moment and leaves the next one
    /// to begin anywhere at or before the last committed offset.
    #[test]
    fn any_batches_with_any_crashes_are_archived_once(
        lives in prop::collection::vec((prop::collection::vec(1_u64..30, 1..5), 0_u64..14, 0_u64..25, any::<bool>()), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let memory = Arc::new(InMemory::new());
            let sound = place(Arc::clone(&memory) as _).await;
            let mut done = 0;
            for (batches, at, back, is_before) in lives {
                let fault = if is_before { Fault::Before } else { Fault::After };
                let mut writer = Writer::new(Place::of(Faulty::new(&memory, fault, at), "faulty"), LONG);
                let mut from = done - back.min(done);
                for length in batches {
                    if writer.write("t", 0, &records(0, from..from + length)).await.is_err() {
                        break;
                    }
                    from += length;
                    done = done.max(from);
                }
                sweep(&sound, AT_ONCE).await.unwrap();
            }
            let found = read_all(&sound).await.unwrap();
            let end = found.last().map_or(0, |record| record.position.offset + 1);
            assert!(end >= done, "what `write` has promised is there");
            expect_exactly(&found, &[(0, (0..end).collect())]);
        });
    }
}
