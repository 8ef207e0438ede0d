//! Files and folders that mean harm, or are merely odd.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use btc_producers::{Feed, Progress, Run, Speed, feed};

use crate::feeds::{options, replay};
use crate::memory_log::{MemoryLog, Stored};
use crate::support::until;

fn line(key: &str, received_ms: i64) -> String {
    format!(
        r#"{{"topic":"p3-btc-bpi","key":"{key}","source":"csv","received_ms":{received_ms},"value":"{{}}"}}"#
    )
}

#[tokio::test]
async fn a_folder_that_contains_itself_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner.ndjson");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("a.ndjson"), line("a", 1)).unwrap();
    fs::write(folder.path().join("empty.ndjson"), "").unwrap();
    symlink(folder.path(), inner.join("loop-1")).unwrap();
    symlink(folder.path(), inner.join("loop-2.ndjson")).unwrap();
    // What is no file, and would block or fail when opened.
    let _socket = UnixListener::bind(folder.path().join("socket.ndjson")).unwrap();
    let (stored, _) = replay(options(Feed::Recording(vec![folder.path().to_owned()]))).await;
    assert_eq!(stored.len(), 1);
}

#[tokio::test]
async fn block_folders_may_hold_other_things() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("000001-0000.raw")).unwrap();
    fs::write(folder.path().join("000002-empty.raw"), "").unwrap();
    fs::write(folder.path().join("000003-short.raw"), [1; 79]).unwrap();
    fs::write(folder.path().join("blk00000.dat"), [0xf9, 0xbe, 0xb4]).unwrap();
    fs::write(folder.path().join("facts.json"), "{}").unwrap();
    let (stored, summary) = replay(options(Feed::Blocks(vec![folder.path().to_owned()]))).await;
    assert_eq!(summary.dead_letters, stored.len() as u64, "{stored:#?}");
    assert_eq!(summary.fraction_done, Some(1.0));
}

#[tokio::test]
async fn a_recording_cut_anywhere_gives_what_is_whole_and_nothing_else() {
    let text: Vec<String> = (0..40).map(|number| line(&format!("{number:03}"), number)).collect();
    let frames: Vec<u8> = text
        .chunks(20)
        .flat_map(|lines| zstd::encode_all((lines.join("\n") + "\n").as_bytes(), 1).unwrap())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.ndjson.zst");
    for length in 0..=frames.len() {
        fs::write(&path, &frames[..length]).unwrap();
        let (stored, summary) = replay(options(Feed::Recording(vec![path.clone()]))).await;
        assert_eq!(summary.dead_letters, 0, "cut to {length} bytes: {stored:#?}");
        for (number, stored) in stored.iter().enumerate() {
            assert_eq!(stored.key(), format!("{number:03}"), "cut to {length} bytes");
        }
    }
}

#[tokio::test]
async fn what_unpacks_to_gigabytes_is_one_dead_letter() {
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..256 {
        std::io::Write::write_all(&mut packed, &vec![b'x'; 1 << 20]).unwrap();
    }
    std::io::Write::write_all(&mut packed, format!("\n{}\n", line("a", 1)).as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.ndjson.zst");
    fs::write(&path, packed.finish().unwrap()).unwrap();
    let (_, summary) = replay(options(Feed::Recording(vec![path]))).await;
    assert_eq!((summary.dead_letters, summary.prices), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_time_in_the_far_future_does_not_stop_a_paced_recording() {
    let times = [1_000, 2_000, i64::MAX, 3_000, i64::MIN, 4_000, 253_402_300_799_000, 5_000];
    let text: Vec<String> = times.iter().map(|time| line("a", *time)).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.ndjson");
    fs::write(&path, text.join("\n")).unwrap();
    let start = tokio::time::Instant::now();
    let options = btc_producers::FeedOptions {
        speed: Speed::Factor(1.0),
        run: Run::Replay,
        ..options(Feed::Recording(vec![path]))
    };
    let log = Arc::new(MemoryLog::default());
    feed(Arc::<MemoryLog>::clone(&log), options, Arc::new(Progress::new()), std::future::pending())
        .await
        .unwrap();
    assert_eq!(log.stored().len(), times.len());
    assert!(start.elapsed().as_secs() <= 4 * 3_600, "{:?}", start.elapsed());
}

#[tokio::test]
async fn prices_with_a_byte_order_mark_lose_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.csv");
    // Microseconds, as Binance's files have them since 2025.
    fs::write(
        &path,
        "\u{feff}1727740800,1\r\n\r\n1735689600000000,2\r\n9223372036854775807,3\r\n1727740860,1e400\r\n",
    )
    .unwrap();
    let recording = folder.path().join("r.ndjson");
    fs::write(&recording, "").unwrap();
    let options =
        btc_producers::FeedOptions { prices_csv: vec![path], ..options(Feed::Recording(vec![recording])) };
    let (stored, summary) = replay(options).await;
    let keys: Vec<_> = stored.iter().filter(|stored| !stored.is_dead()).map(Stored::key).collect();
    assert_eq!(keys, ["csv:1727740800", "csv:1735689600"]);
    assert_eq!(summary.dead_letters, 2);
}

/// A runtime that is dropped waits for its reading threads.
#[test]
fn a_shutdown_ends_the_reading_of_an_endless_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("endless.ndjson");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let progress = Arc::new(Progress::new());
        let seen = Arc::clone(&progress);
        let shutdown = async move {
            until(&seen, "something is read", |summary| summary.fraction_done > Some(0.0)).await;
        };
        let log = Arc::new(MemoryLog::default());
        let run = feed(log, options(Feed::Recording(vec![path])), progress, shutdown);
        runtime.block_on(run).unwrap();
        drop(runtime);
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(20)).expect("the reading thread ends");
}
