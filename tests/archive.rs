//! Goal: batch and streaming agree. Method: compute a dashboard by streaming, archive its log, compute it again from the
//! archive alone, compare all exports byte by byte. The archiver is killed again and again on the way.

#[cfg(not(feature = "archive"))]
#[test]
fn without_the_feature_the_command_says_how_to_get_it() {
    let bench = crate::support::Bench::new();
    for arguments in [&["archive", "--to", "folder"][..], &["replay", "--feed", "archive", "folder"]] {
        // The store is looked at later.
        let output = bench.run(arguments);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && words.contains("--features archive"), "{words}");
    }
}

#[cfg(feature = "archive")]
mod with_archive {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use crate::fake_s3::FakeS3;
    use crate::support::{Bench, INDICES, SHORT_SAMPLE, expect_success, interrupt, shared_data, wait_for};

    /// Every index, byte by byte.
    fn exports(bench: &Bench) -> Vec<(&'static str, String)> {
        INDICES.into_iter().chain(["btc-dead-letter"]).map(|index| (index, bench.export(index))).collect()
    }

    /// Small batches, so that there are many commits.
    const SMALL: [(&str, &str); 2] = [
        ("BITCOIN_DASHBOARD__ARCHIVE__ROLL_COUNT_MAX", "100"),
        ("BITCOIN_DASHBOARD__ARCHIVE__TASKS_COUNT", "2"),
    ];

    fn archiving(bench: &Bench, folder: &Path, more: &[&str]) -> Command {
        let (store, folder) = (bench.store(), folder.to_str().unwrap());
        let mut command = bench.command(["archive", "--store", store.to_str().unwrap(), "--to", folder]);
        command.args(more).envs(SMALL);
        command
    }

    #[track_caller]
    fn archive_once(bench: &Bench, folder: &Path) {
        expect_success(&archiving(bench, folder, &["--once"]).output().unwrap());
    }

    /// Computes the dashboard from the archive, and compares.
    #[track_caller]
    fn expect_same_from(folder: &Path, streamed: &Bench) -> usize {
        let batch = Bench::new();
        batch.replay(&["archive", folder.to_str().unwrap()], &[]);
        let (expected, got) = (exports(streamed), exports(&batch));
        let mut documents = 0;
        for ((index, expected), (_, got)) in expected.iter().zip(&got) {
            assert!(expected == got, "{index} differs between stream and batch");
            documents += expected.lines().count();
        }
        documents
    }

    fn files(folder: &Path, extension: &str) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
        let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        let below = paths.iter().filter(|path| path.is_dir()).map(|path| files(path, extension));
        below.sum::<usize>()
            + paths.iter().filter(|path| path.extension().is_some_and(|e| e == extension)).count()
    }

    #[test]
    fn what_killed_archivers_have_written_gives_the_streamed_dashboard() {
        let streamed = Bench::new();
        streamed.replay(&["sample"], &SHORT_SAMPLE);
        let folder = streamed.path("archive");
        let mut kills = 0;
        for kill in 1..=6 {
            let mut child = archiving(&streamed, &folder, &[]).stderr(Stdio::null()).spawn().unwrap();
            wait_for("more commits", || files(&folder, "json") >= kill * 3);
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        archive_once(&streamed, &folder);
        let commits = files(&folder, "json");
        archive_once(&streamed, &folder);
        assert_eq!(files(&folder, "json"), commits, "what is archived is not archived again");
        let documents = expect_same_from(&folder, &streamed);
        eprintln!("{kills} kills, {commits} commits, {documents} documents compared");
    }

    #[test]
    fn dead_letters_and_recorded_messages_come_back_as_they_were() {
        let streamed = Bench::new();
        let recording = streamed.path("recording.ndjson");
        let line = |topic: &str, key: &str, value: &str| {
            let entry = serde_json::json!({
                "topic": topic, "key": key, "source": "kraken", "received_ms": 1_729_382_395_000_i64, "value": value,
            });
            format!("{entry}\n")
        };
        let lines = [
            line("p3-btc-bpi", "kraken:1729382395", "no price at all"),
            "not even JSON\n".to_owned(),
            line("p3-btc-transactions", "a", "{}"),
            line("p3-btc-blocks", "b", &"x".repeat(200_000)),
            line("no-such-topic", "c", "d"),
        ];
        std::fs::write(&recording, lines.concat()).unwrap();
        streamed.replay(&["recording", recording.to_str().unwrap()], &[]);
        let letters = streamed.documents("btc-dead-letter").len();
        assert_eq!(letters, 5, "three of the topology, two of the feed");
        let folder = streamed.path("archive");
        archive_once(&streamed, &folder);
        expect_same_from(&folder, &streamed);
    }

    #[test]
    fn real_blocks_come_back_as_they_were() {
        let Some(data) = shared_data("real_blocks_come_back_as_they_were") else { return };
        let streamed = Bench::new();
        streamed.replay(&["blocks", data.join("blocks/mainnet").to_str().unwrap()], &[]);
        let folder = streamed.path("archive");
        archive_once(&streamed, &folder);
        expect_same_from(&folder, &streamed);
    }

    #[test]
    fn an_archive_on_s3_gives_the_streamed_dashboard_though_answers_are_lost() {
        let streamed = Bench::new();
        streamed.replay(&["sample"], &SHORT_SAMPLE);
        let server = FakeS3::start(11);
        let (store, batch) = (streamed.store(), Bench::new());
        let archive =
            ["archive", "--once", "--to", "s3://bucket/some/where", "--store", store.to_str().unwrap()];
        expect_success(&streamed.command(archive).envs(SMALL).envs(server.environment()).output().unwrap());
        let store = batch.store();
        let replay =
            ["replay", "--store", store.to_str().unwrap(), "--feed", "archive", "s3://bucket/some/where"];
        expect_success(&batch.command(replay).envs(server.environment()).output().unwrap());
        assert_eq!(exports(&streamed), exports(&batch));
        eprintln!("{} requests to S3, {} answers lost", server.requests(), server.lost());
        assert!(server.lost() > 3);

        let mut denied = batch.command(replay);
        let denied = denied.envs(server.environment()).env("AWS_ACCESS_KEY_ID", "other").output().unwrap();
        let words = String::from_utf8(denied.stderr).unwrap();
        assert!(!denied.status.success() && words.contains("permissions"), "{words}");
        assert!(!words.contains("secret"), "{words}");
    }

    #[test]
    fn a_running_archiver_writes_what_comes_and_ends_at_once() {
        let streamed = Bench::new();
        streamed.replay(&["sample"], &SHORT_SAMPLE);
        let folder = streamed.path("archive");
        let mut child = archiving(&streamed, &folder, &[])
            .env("BITCOIN_DASHBOARD__ARCHIVE__ROLL_AGE_MS_MAX", "100")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("old batches", || files(&folder, "json") > 9);
        interrupt(&child);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn mistakes_are_answered_with_what_to_do() {
        let streamed = Bench::new();
        streamed.replay(&["sample"], &SHORT_SAMPLE);
        let folder = streamed.path("archive");
        archive_once(&streamed, &folder);

        let words = |output: std::process::Output| {
            assert!(!output.status.success());
            String::from_utf8(output.stderr).unwrap()
        };
        let other = Bench::new();
        other.replay(&["sample"], &SHORT_SAMPLE);
        let refused = words(archiving(&other, &folder, &["--once"]).output().unwrap());
        assert!(refused.contains("another log"), "{refused}");

        let replay =
            |archive: &str| other.run(["replay", "--store", "other.db", "--feed", "archive", archive]);
        assert!(words(replay("no/such/folder")).contains("there is no archive"));
        let live = Bench::new();
        live.replay(&["recording", "/dev/null"], &[]);
        let store = live.store();
        let store = store.to_str().unwrap();
        let mixed = live.run(["replay", "--store", store, "--feed", "archive", folder.to_str().unwrap()]);
        assert!(words(mixed).contains("recording feed, not sample"));

        let damaged = files_of(&folder).into_iter().next().unwrap();
        let whole = std::fs::read(&damaged).unwrap();
        std::fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
        let told = words(replay(folder.to_str().unwrap()));
        assert!(
            told.contains(damaged.file_name().unwrap().to_str().unwrap()) && told.contains("damaged"),
            "{told}"
        );
        // Mended, the same command finishes the job.
        std::fs::write(&damaged, &whole).unwrap();
        expect_same_from(&folder, &streamed);
    }

    fn files_of(folder: &Path) -> Vec<std::path::PathBuf> {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let below = |path: std::path::PathBuf| if path.is_dir() { files_of(&path) } else { vec![path] };
        paths.flat_map(below).filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect()
    }
}
