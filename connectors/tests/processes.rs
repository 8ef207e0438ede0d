//! Several processes on one file, and processes that are killed.
//!
//! The other processes are this test program itself, started again for the one test `child` with a role in its
//! environment. A child tells what it was answered on its standard output, line by line, so the parent knows exactly
//! what had been promised when it killed the child.

#![cfg(unix)] // a kill elsewhere is not the kill that is meant here
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking; a child reports to its parent"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use trombe_connectors::{
    Document, EmbeddedStore, Index, Log, LogError, Message, Outcome, State, StateChange,
};

use crate::support::{consumer, drain, member, message, open, text, topic};

const TOPIC: &str = "topic";
const INDEX: &str = "index";
const PARTITIONS: u32 = 3;
const BATCH: usize = 7;

#[test]
fn child() {
    let Ok(role) = std::env::var("CHILD_ROLE") else {
        return;
    };
    let path = PathBuf::from(std::env::var_os("CHILD_STORE").unwrap());
    let number: usize = std::env::var("CHILD_NUMBER").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match &*role {
        "share" => runtime.block_on(share(&path, number)),
        "write for ever" => runtime.block_on(write_for_ever(&path, number)),
        "hold a lease" => hold_a_lease(&path),
        other => panic!("there is no role `{other}`"),
    }
}

fn spawn(role: &str, path: &Path, number: usize) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .envs([("CHILD_ROLE", role), ("CHILD_NUMBER", &number.to_string())])
        .env("CHILD_STORE", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

const SHARE_ROUNDS: usize = 40;

/// Appends batches, writes ever newer versions of the same documents, and adds to state, all in competition.
async fn share(path: &Path, number: usize) {
    let store = open(path);
    topic(&store, TOPIC, PARTITIONS, None).await;
    for round in 0..SHARE_ROUNDS {
        let messages = batch(&format!("{number}-{round}"));
        let documents = (0..5).map(|id| document(id, (round * 10 + number) as u64)).collect();
        let (appended, indexed) = tokio::join!(store.append(TOPIC, messages), store.bulk(documents));
        appended.unwrap();
        assert!(indexed.unwrap().iter().all(|outcome| matches!(outcome, Outcome::Indexed | Outcome::Stale)));
        store.state_apply(pair(&format!("{number}"), round)).unwrap();
    }
}

/// Four processes create the store, the topic and the index at the same moment and then write in competition.
#[tokio::test]
async fn several_processes_share_a_file() {
    const PROCESSES: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let children: Vec<_> = (0..PROCESSES).map(|number| spawn("share", &path, number)).collect();
    for (mut child, mut output) in children {
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{said}");
    }
    let store = open(&path);
    let batches = batches(&store);
    assert_eq!(batches.len(), PROCESSES * SHARE_ROUNDS);
    assert!(batches.values().all(|&count| count == BATCH));
    assert_eq!(store.count(INDEX).await.unwrap(), 5);
    let newest = ((SHARE_ROUNDS - 1) * 10 + PROCESSES - 1) as u64;
    for found in store.scan(INDEX, None, 10).await.unwrap() {
        assert_eq!(found.version, newest);
    }
    for number in 0..PROCESSES {
        check_pair(&store, &number.to_string(), SHARE_ROUNDS - 1);
    }
    assert!(store.verify().unwrap().is_empty());
}

#[tokio::test]
async fn a_process_sees_what_another_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, PARTITIONS, None).await;
    let mut reader = consumer(&store, "g", TOPIC);
    assert_eq!(drain(&mut *reader).len(), 0);
    let revision = store.revision().await.unwrap();
    let (mut child, _output) = spawn("share", &path, 0);
    assert!(child.wait().unwrap().success());
    assert_eq!(drain(&mut *reader).len(), SHARE_ROUNDS * BATCH);
    assert_ne!(store.revision().await.unwrap(), revision);
}

fn hold_a_lease(path: &Path) {
    let store = open(path);
    let _reader = store.consumer(member("g", TOPIC, 0, 1)).unwrap();
    println!("\nholding");
    // Ends with the parent at the latest.
    std::io::stdin().read_exact(&mut [0]).unwrap();
}

/// The lease of a killed process is free at once, without a time-out.
#[tokio::test]
async fn a_lease_ends_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    topic(&store, TOPIC, PARTITIONS, None).await;
    let (mut child, output) = spawn("hold a lease", &path, 0);
    assert!(output.lines().any(|line| line.unwrap() == "holding"));
    let taken = store.consumer(member("g", TOPIC, 1, 2)).err().unwrap();
    assert!(matches!(taken, LogError::PartitionTaken { partition: 1, .. }), "{taken}");
    child.kill().unwrap();
    child.wait().unwrap();
    store.consumer(member("g", TOPIC, 1, 2)).unwrap();
}

/// Writes everything that can be written and says what was answered, until it is killed.
async fn write_for_ever(path: &Path, life: usize) {
    let store = open(path);
    for round in 0.. {
        let names: Vec<_> = (0..3).map(|caller| format!("{life}-{round}-{caller}")).collect();
        let appends = join_all(names.iter().map(|name| store.append(TOPIC, batch(name))));
        let version = (life * 1_000_000 + round + 1) as u64;
        let documents = (0..5).map(|id| document(id, version)).collect();
        let (appended, indexed) = tokio::join!(appends, store.bulk(documents));
        assert!(appended.iter().all(Result::is_ok) && indexed.is_ok());
        store.state_apply(pair("life", life * 1_000_000 + round)).unwrap();
        println!("\nanswered {} {version}", names.join(" "));
    }
}

/// A process is killed again and again while it writes. Whatever it was answered is there, no batch is there in part,
/// offsets are dense and the file is whole.
#[tokio::test]
async fn a_kill_loses_nothing_that_was_answered() {
    const LIVES: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    topic(&open(&path), TOPIC, PARTITIONS, None).await;
    let mut promised = BTreeSet::new();
    for life in 0..LIVES {
        let (mut child, mut output) = spawn("write for ever", &path, life);
        let answers_before_kill = 1 + life * life % 40;
        let mut version = 0;
        let mut answers = 0;
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if let Some(answer) = line.trim_end().strip_prefix("answered ") {
                let (names, newest) = answer.rsplit_once(' ').unwrap();
                promised.extend(names.split(' ').map(str::to_owned));
                version = newest.parse().unwrap();
                answers += 1;
                if answers == answers_before_kill {
                    child.kill().unwrap();
                }
            }
            line.clear();
        }
        assert!(!child.wait().unwrap().success(), "it was killed");
        assert!(answers >= answers_before_kill);

        let store = open(&path);
        let batches = batches(&store);
        let lost: Vec<_> = promised.iter().filter(|name| !batches.contains_key(*name)).collect();
        assert!(lost.is_empty(), "life {life}: {lost:?}");
        assert!(batches.values().all(|&count| count == BATCH), "life {life}: a batch is torn");
        let documents = store.scan(INDEX, None, 10).await.unwrap();
        assert!(documents.iter().all(|found| found.version >= version), "life {life}: {documents:?}");
        assert!(documents.iter().all(|found| found.version == documents[0].version), "a bulk is torn");
        let get = |key: &[u8]| store.state_get("pairs", key).unwrap();
        assert_eq!(get(b"life-left"), get(b"life-right"), "life {life}: the state is torn");
        assert_eq!(store.verify().unwrap(), [""; 0], "life {life}");
    }
    println!("{LIVES} kills, {} batches of {BATCH} promised, none lost", promised.len());
}

/// A batch whose messages carry its name, spread over the partitions.
fn batch(name: &str) -> Vec<Message> {
    (0..BATCH).map(|number| message(&format!("{name}-{number}"), name)).collect()
}

/// How many messages of each batch are there. Checks that the offsets are dense.
fn batches(store: &EmbeddedStore) -> BTreeMap<String, usize> {
    let mut batches = BTreeMap::new();
    let mut next = [0; PARTITIONS as usize];
    for record in drain(&mut *consumer(store, "check", TOPIC)) {
        let next = &mut next[record.position.partition as usize];
        assert_eq!(record.position.offset, *next);
        *next += 1;
        *batches.entry(text(&record.message.value).to_owned()).or_default() += 1;
    }
    batches
}

fn document(id: usize, version: u64) -> Document {
    let timestamp = DateTime::UNIX_EPOCH + TimeDelta::seconds(version.cast_signed());
    let source = format!("{{\"version\":{version}}}");
    Document { index: INDEX.into(), id: id.to_string(), version, timestamp, source }
}

/// Two keys that are always written together.
fn pair(name: &str, value: usize) -> Vec<StateChange> {
    let change = |side: &str| StateChange {
        namespace: "pairs".into(),
        key: format!("{name}-{side}").into_bytes(),
        value: Some(value.to_string().into_bytes()),
        expires_ms: None,
    };
    vec![change("left"), change("right")]
}

fn check_pair(store: &EmbeddedStore, name: &str, value: usize) {
    let get = |side| store.state_get("pairs", format!("{name}-{side}").as_bytes()).unwrap();
    assert_eq!(get("left"), Some(value.to_string().into_bytes()));
    assert_eq!(get("right"), get("left"));
}
