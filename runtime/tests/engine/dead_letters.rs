//! What is given up goes to whoever reads dead letters, and ends when its letter does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use trombe::{Config, Emitter, Failure, PlanError, Stream, Topology};

use super::common::{Log, SEEDS, Seen, run, tight};

/// Rejects fours, and fails sevens for ever.
fn picky(numbers: Stream<u64>) {
    let pick = |n: u64, _: &mut Emitter<()>| match n {
        4 => Err(Failure::reject("no four")),
        7 => Err(Failure::retry("never a seven")),
        _ => Ok(()),
    };
    numbers.shuffle().closure("pick", pick).end();
}

fn limited() -> Config {
    Config { attempts_max: Some(3), ..tight() }
}

#[test]
fn what_is_given_up_is_a_letter_with_its_autopsy() {
    for seed in SEEDS {
        let (log, letters) = (Log::of(20), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let seen = letters.clone();
        numbers.dead_letters().shuffle().for_each("graveyard", move |letter| {
            seen.add((letter.item, letter.autopsy.attempt, letter.autopsy.reason));
        });
        picky(numbers);
        let (summary, snapshot) = run(&topology, limited(), seed);
        assert_eq!(letters.sorted(), [(4, 1, "no four".to_owned()), (7, 3, "never a seven".to_owned())]);
        assert_eq!((summary.acked, summary.failed, summary.given_up), (18, 4, 2));
        assert_eq!(log.exhausted().into_keys().collect::<Vec<_>>(), [4, 7]);
        let edge = snapshot.edges.iter().find(|edge| edge.to == "graveyard").unwrap();
        assert_eq!((edge.stream.as_str(), edge.emitted, edge.acked), ("dead-letters", 2, 2));
    }
}

#[test]
fn a_tuple_is_not_given_up_before_its_letter_is_done() {
    for seed in SEEDS {
        let (log, tries) = (Log::of(20), Arc::new(AtomicU32::new(0)));
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let (given_up, count) = (log.clone(), Arc::clone(&tries));
        let flaky = move |_, _: &mut Emitter<()>| {
            // More often than a tuple may be tried.
            let is_stored = count.fetch_add(1, Ordering::Relaxed) >= 12;
            assert!(given_up.exhausted().len() < 2, "both have ended before their letters");
            if is_stored { Ok(()) } else { Err(Failure::retry("the graveyard is closed")) }
        };
        numbers.dead_letters().shuffle().closure("graveyard", flaky).end();
        picky(numbers);
        let (summary, _) = run(&topology, limited(), seed);
        assert_eq!((summary.acked, summary.given_up, tries.load(Ordering::Relaxed)), (18, 2, 14));
        assert_eq!(log.exhausted()[&4].reason, "no four", "and not why its letter failed");
    }
}

#[test]
fn a_letter_that_is_rejected_is_not_written_about_again() {
    let log = Log::of(20);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let refuse = |_, _: &mut Emitter<()>| Err(Failure::reject("no letters"));
    numbers.dead_letters().shuffle().closure("graveyard", refuse).end();
    picky(numbers);
    let (summary, snapshot) = run(&topology, limited(), 0);
    assert_eq!((summary.acked, summary.given_up), (18, 2));
    assert_eq!(snapshot.component("graveyard").unwrap().failed, 2);
    assert_eq!(log.exhausted()[&7].reason, "never a seven");
}

#[test]
fn only_spouts_have_dead_letters_and_a_plan_shows_those_that_are_read() {
    let topology = Topology::new("t");
    let same = topology.spout("numbers", 0..3_u64).shuffle().map("same", |n| n);
    assert_eq!(topology.plan().unwrap().component("numbers").unwrap().streams, ["default"]);
    same.dead_letters().end();
    assert_eq!(topology.plan(), Err(PlanError::NoDeadLetters { name: "same".to_owned() }));

    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", 0..3_u64);
    numbers.dead_letters().shuffle().for_each("graveyard", drop);
    let plan = topology.plan().unwrap();
    assert_eq!(plan.component("numbers").unwrap().streams, ["default", "dead-letters"]);
}
