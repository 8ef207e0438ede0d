//! A failed tuple is replayed, alone, until it is good or given up; nobody else notices.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{Bolt, Clock, Config, Emitter, Failure, FailureKind, Topology};

use super::common::{Log, SEEDS, Seen, run, tight};

/// Fails the chosen tuples the first time they come by.
fn once(which: impl Fn(u64) -> bool) -> impl Fn(u64, &mut Emitter<u64>) -> Result<(), Failure> {
    let failed = Mutex::new(HashSet::new());
    move |n, out| {
        if which(n) && failed.lock().unwrap().insert(n) {
            return Err(Failure::retry(format!("{n} is unlucky")));
        }
        out.emit(n);
        Ok(())
    }
}

#[test]
fn only_the_failed_tuple_is_replayed() {
    for seed in SEEDS {
        let (log, seen) = (Log::of(1000), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let lucky = numbers.shuffle().tasks(2).closure("luck", once(|n| n % 100 == 7));
        let all = seen.clone();
        lucky.shuffle().tasks(2).for_each("see", move |n| all.add(n));
        let (summary, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("every tuple in the end");
        assert_eq!((summary.acked, summary.failed), (1000, 10));
        assert_eq!(
            seen.sorted(),
            (0..1000).collect::<Vec<_>>(),
            "the failing bolt did not emit, so nothing is doubled"
        );
        let luck = snapshot.component("luck").unwrap();
        assert_eq!((luck.executed, luck.failed), (1010, 10), "990 at once, 10 twice");
    }
}

#[test]
fn an_autopsy_names_everything_there_is_to_know() {
    let log = Log::of(20);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    numbers.shuffle().closure("luck", once(|n| n == 3)).end();
    let (_, snapshot) = run(&topology, tight(), 1);
    let [autopsy] = snapshot.failures.as_slice() else { panic!("one failure: {:?}", snapshot.failures) };
    assert_eq!((autopsy.component.as_str(), autopsy.edge.as_str(), autopsy.task), ("luck", "numbers", 0));
    assert_eq!((autopsy.spout.as_str(), autopsy.id, autopsy.attempt), ("numbers", Some(3), 1));
    assert_eq!((autopsy.kind, autopsy.reason.as_str()), (FailureKind::Retry, "3 is unlucky"));
    assert_eq!(snapshot.component("luck").unwrap().last_error.as_deref(), Some("3 is unlucky"));
}

#[test]
fn a_failure_downstream_reaches_the_root_once_however_many_branches_fail() {
    for seed in SEEDS {
        let log = Log::of(50);
        let attempts: Arc<[AtomicU32; 50]> = Arc::new([const { AtomicU32::new(0) }; 50]);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let counting = Arc::clone(&attempts);
        let tens = numbers.shuffle().flat_map("tens", move |n| {
            let attempt = counting[usize::try_from(n).unwrap()].fetch_add(1, Ordering::Relaxed);
            (0..10).map(move |leaf| (n, leaf, attempt))
        });
        tens.by(|(_, leaf, _)| leaf)
            .tasks(5)
            .closure("leaves", |(n, leaf, attempt): (u64, i32, u32), _: &mut Emitter<()>| {
                match (n % 10, leaf % 2) {
                    (0, 0) if attempt == 0 => Err(Failure::retry("five leaves of ten fail")),
                    _ => Ok(()),
                }
            })
            .end();
        let (summary, _) = run(&topology, tight(), seed);
        log.assert_all_acked_once("in the end");
        assert_eq!(summary.failed, 5, "seed {seed}: one failure a root and attempt");
        assert_eq!(attempts[10].load(Ordering::Relaxed), 2);
        assert_eq!(attempts[11].load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_rejected_tuple_is_not_tried_again() {
    let log = Log::of(10);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let reject = |n: u64, _: &mut Emitter<()>| {
        if n == 4 { Err(Failure::reject("no four")) } else { Ok(()) }
    };
    numbers.shuffle().closure("pick", reject).end();
    run(&topology, tight(), 0);
    assert_eq!(log.acked(), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    let exhausted = log.exhausted();
    assert_eq!(exhausted.keys().copied().collect::<Vec<_>>(), [4]);
    assert_eq!((exhausted[&4].attempt, exhausted[&4].kind), (1, FailureKind::Reject));
}

#[test]
fn attempts_end_at_attempts_max() {
    let log = Log::of(10);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let stubborn = |n: u64, _: &mut Emitter<()>| {
        if n == 4 { Err(Failure::retry("never")) } else { Ok(()) }
    };
    numbers.shuffle().closure("pick", stubborn).end();
    let (summary, _) = run(&topology, Config { attempts_max: Some(3), ..tight() }, 0);
    assert_eq!((summary.acked, summary.failed), (9, 3));
    assert_eq!(log.exhausted()[&4].attempt, 3);
}

/// Panics at certain tuples the first time, and counts how many it has seen since it was built.
struct Fragile {
    panicked: Arc<Mutex<HashSet<u64>>>,
    since_built: u64,
}

impl Bolt for Fragile {
    type In = u64;
    type Out = (u64, u64);

    fn execute(&mut self, n: u64, out: &mut Emitter<(u64, u64)>) -> Result<(), Failure> {
        self.since_built += 1;
        out.emit((n, self.since_built));
        assert!(n % 50 != 25 || !self.panicked.lock().unwrap().insert(n), "{n} is too much");
        Ok(())
    }
}

#[test]
fn a_panic_fails_one_tuple_and_rebuilds_the_task() {
    for seed in SEEDS {
        let (log, seen) = (Log::of(200), Seen::new());
        let topology = Topology::new("t");
        let panicked: Arc<Mutex<HashSet<u64>>> = Arc::default();
        let numbers = topology.spout("numbers", log.spout());
        let fragile = numbers
            .shuffle()
            .bolt("fragile", move || Fragile { panicked: Arc::clone(&panicked), since_built: 0 });
        let all = seen.clone();
        fragile.shuffle().for_each("see", move |pair| all.add(pair));
        let (summary, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("a panic loses nothing");
        assert_eq!((summary.failed, summary.restarts), (4, 4), "seed {seed}");
        assert_eq!(snapshot.failures[0].reason, "panic: 25 is too much");
        assert!(
            seen.all().iter().all(|(_, since_built)| *since_built <= 80),
            "state starts anew after a panic"
        );
    }
}

#[test]
fn a_panic_in_a_key_or_a_mapping_fails_the_tuples_of_the_batch() {
    // Small batches are sent in the middle of a step, large ones at its end.
    for (seed, config) in SEEDS.flat_map(|seed| [(seed, tight()), (seed, Config::default())]) {
        let (log, batch) = (Log::of(100), config.batch_count_max as u64);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let (keyed, mapped) = (AtomicU32::new(0), AtomicU32::new(0));
        let same = numbers.shuffle().map("same", |n| n);
        let key = move |n: &u64| {
            assert!(*n != 42 || keyed.fetch_add(1, Ordering::Relaxed) > 0, "no key for 42");
            *n
        };
        let map = move |n: u64| {
            assert!(n != 77 || mapped.fetch_add(1, Ordering::Relaxed) > 0, "no mapping for 77");
            n
        };
        same.by_key(key).into_input(map).tasks(3).for_each("end", |_| ());
        let (summary, snapshot) = run(&topology, config, seed);
        log.assert_all_acked_once("nothing is lost");
        assert!((2..=2 * batch).contains(&summary.failed), "two batches: {summary}");
        assert!(snapshot.failures.iter().any(|autopsy| autopsy.reason.ends_with("no key for 42")));
    }
}

#[test]
fn an_emission_to_an_undeclared_stream_fails_its_tuple() {
    const SECRET: trombe::StreamId<u64> = trombe::StreamId::new("secret");
    let log = Log::of(3);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let leak = |n: u64, out: &mut Emitter<()>| {
        if n == 1 {
            out.emit_to(&SECRET, n);
        }
        Ok(())
    };
    numbers.shuffle().closure("leak", leak).end();
    run(&topology, tight(), 0);
    assert_eq!(log.acked(), [0, 2]);
    assert_eq!(log.exhausted()[&1].reason, "stream `secret` is not declared; name it in `declare`");
}

#[test]
fn a_slow_tuple_is_timed_by_itself() {
    let clock: Arc<OnceLock<Clock>> = Arc::default();
    let log = Log::of(12);
    let topology = Topology::new("t");
    let (hand, unlucky) = (Arc::clone(&clock), once(|n| n == 10));
    let slow = move |n: u64, out: &mut Emitter<u64>| {
        hand.get().unwrap().advance(Duration::from_millis(1));
        unlucky(n, out)
    };
    topology.spout("numbers", log.spout()).shuffle().closure("slow", slow).end();
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    clock.set(driver.clock().clone()).unwrap();
    driver.run();
    let snapshot = driver.snapshot();
    assert_eq!(snapshot.failures[0].executed_us, 1000, "and not what its whole batch took");
    let component = snapshot.component("slow").unwrap();
    assert_eq!(component.executed, 13);
    assert!((1000..1200).contains(&component.execute_us_p99), "{component:?}");
}
