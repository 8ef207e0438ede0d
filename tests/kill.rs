//! Goal: a process killed at any moment loses nothing and doubles nothing. Method: `kill -9` replays of a feed at
//! moments spread over their whole length, start them again on the same store, compare the exports with an
//! undisturbed run's.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Bench, INDICES, SHORT_SAMPLE, expect_success};

/// How often the replay is killed before it may finish.
const KILLS: u32 = 8;

fn exports(bench: &Bench) -> Vec<String> {
    INDICES.iter().map(|index| bench.export(index)).collect()
}

#[test]
fn killed_replays_end_in_the_undisturbed_result() {
    let undisturbed = Bench::new();
    let started = Instant::now();
    undisturbed.replay(&["sample"], &SHORT_SAMPLE);
    let whole = started.elapsed();

    let bench = Bench::new();
    let store = bench.store();
    let arguments = ["replay", "--store", store.to_str().unwrap(), "--feed", "sample"];
    let mut killed = 0;
    for kill in 1..=KILLS {
        let mut child = bench
            .command(arguments)
            .envs(SHORT_SAMPLE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moment = whole * kill / (KILLS + 1);
        if wait(&mut child, moment).is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
    }
    expect_success(&bench.command(arguments).envs(SHORT_SAMPLE).output().unwrap());
    assert!(
        killed >= KILLS / 2,
        "only {killed} of {KILLS} kills came before the end: choose earlier moments"
    );
    let (expected, got) = (exports(&undisturbed), exports(&bench));
    let documents: usize = expected.iter().map(|export| export.lines().count()).sum();
    for ((index, expected), got) in INDICES.iter().zip(&expected).zip(&got) {
        assert!(expected == got, "{index} differs after {killed} kills");
    }
    eprintln!("{killed} kills survived, {documents} documents compared");
}

/// Waits for the child to end until the moment has passed; it returns its status if it did.
fn wait(child: &mut std::process::Child, moment: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + moment;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    None
}
