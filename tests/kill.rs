//! Goal: a process killed at any moment loses nothing and doubles nothing. Method: `kill -9` one replay again and again, at moments
//! drawn from a seed over its whole length, start it again on the same store, and compare the exports with an undisturbed
//! run's, byte by byte.

use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, Daemon, INDICES, Moments, expect_success, wait_for};

/// How often the replay is killed before it may finish.
const KILLS: u32 = 50;

/// Runs that may end before their moment has come, beside those that are killed.
const SPARED_MAX: u32 = 50;

/// Five hours around midnight in about a thousand messages: a run is short enough to be killed fifty times, and long enough for its
/// start, its reading, its writing and its end to be hit.
const SMALL_SAMPLE: [(&str, &str); 2] = [
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__HISTORY_HOURS", "5"),
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__TRANSACTIONS_PER_SECOND", "0.03"),
];

/// How often one of two daemons is killed, and the longest that both live before it.
const DAEMON_KILLS: u32 = 20;
const DAEMON_LIFE_MAX: Duration = Duration::from_millis(800);

/// The feed takes two seconds of its own, so that there is a producer to be killed.
const DAEMON_SPEED: &str = "9000";

fn exports(bench: &Bench) -> Vec<String> {
    INDICES.iter().map(|index| bench.export(index)).collect()
}

#[test]
fn a_replay_killed_fifty_times_ends_in_the_undisturbed_result() {
    let undisturbed = Bench::new();
    let started = Instant::now();
    undisturbed.replay(&["sample"], &SMALL_SAMPLE);
    let whole = started.elapsed();

    let (bench, mut moments) = (Bench::new(), Moments::new());
    let store = bench.store();
    let arguments = ["replay", "--store", store.to_str().unwrap(), "--feed", "sample"];
    let (mut killed, mut spared) = (0, 0);
    while killed < KILLS {
        let mut command = bench.command(arguments);
        let mut child =
            command.envs(SMALL_SAMPLE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if let Some(status) = wait(&mut child, moments.below(whole)) {
            assert!(status.success(), "after {killed} kills: {status}");
            spared += 1;
            assert!(spared <= SPARED_MAX, "{spared} runs ended before their moment within {whole:?}");
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
    }
    let finish = bench.command(arguments).envs(SMALL_SAMPLE).output().unwrap();
    expect_success(&finish);

    let (expected, got) = (exports(&undisturbed), exports(&bench));
    let documents: usize = expected.iter().map(|export| export.lines().count()).sum();
    for ((index, expected), got) in INDICES.iter().zip(&expected).zip(&got) {
        assert!(expected == got, "{index} differs after {killed} kills with {moments}");
    }
    let replayed = String::from_utf8_lossy(&finish.stdout);
    eprintln!(
        "{killed} kills survived with {moments}, {spared} runs ended before their moment, {documents} documents compared; the last run: {}",
        replayed.lines().next().unwrap_or_default()
    );
}

#[test]
fn daemons_killed_in_turn_end_in_the_undisturbed_result() {
    let undisturbed = Bench::new();
    undisturbed.replay(&["sample"], &SMALL_SAMPLE);
    let expected = exports(&undisturbed);

    let (bench, mut moments) = (Bench::new(), Moments::new());
    let sample = "[producers.sample]\nhistory_hours = 5\ntransactions_per_second = 0.03\n";
    std::fs::write(bench.path("bitcoin-dashboard.toml"), sample).unwrap();
    let store = bench.store();
    let feed = ["--store", store.to_str().unwrap(), "--feed", "sample"];
    let produce = [&["produce", "feed"][..], &feed].concat();
    let paced = [&produce[..], &["--speed", DAEMON_SPEED]].concat();
    let topology = [&["topology"][..], &feed].concat();

    let start = |arguments: &[&str]| Some(Daemon::start(&bench, arguments));
    let mut daemons = [start(&paced), start(&topology)];
    let mut kills = [0; 2];
    for _ in 0..DAEMON_KILLS {
        std::thread::park_timeout(moments.below(DAEMON_LIFE_MAX));
        let victim = usize::from(moments.next() % 2 == 0);
        // To drop a daemon is to kill it.
        daemons[victim] = None;
        daemons[victim] = start(if victim == 0 { &paced } else { &topology });
        kills[victim] += 1;
    }
    expect_success(&bench.run(&produce));
    wait_for("the undisturbed documents", || exports(&bench) == expected);
    let documents: usize = expected.iter().map(|export| export.lines().count()).sum();
    let [producers, topologies] = kills;
    eprintln!(
        "{producers} kills of the producer and {topologies} of the topology survived with {moments}, {documents} documents compared"
    );
}

/// Waits for the child to end until the moment has passed; it returns its status if it did.
fn wait(child: &mut Child, moment: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + moment;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        std::thread::park_timeout(left.min(Duration::from_millis(2)));
    }
}
