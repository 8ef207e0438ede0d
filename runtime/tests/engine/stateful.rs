//! Goal: the engine keeps the state of stateful bolts, and an ack of theirs means durable.
//!
//! Method: a store whose writes can be made to fail or to count, under the deterministic driver; and threads with a store that blocks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{
    Config, CustomGrouping, DeferredBolt, Emitter, Failure, Guarantee, MemoryStore, PlanError, StateChange,
    StateError, StateStore, StatefulBolt, StreamId, Topology, Tuple, stored_state,
};

use super::common::{Log, SEEDS, assert_balanced, tight};

/// Adds up numbers by their remainder of three; refuses seven.
struct Sum;

impl StatefulBolt for Sum {
    type In = u64;
    type State = u64;
    type Out = (u64, u64);

    fn update(&mut self, sum: &mut u64, n: &u64) -> Result<(), Failure> {
        *sum += n;
        match n {
            7 => Err(Failure::reject("a seven")),
            8 => panic!("an eight"),
            _ => Ok(()),
        }
    }

    fn emit(&mut self, sum: &u64, n: u64, out: &mut Emitter<(u64, u64)>) -> Result<(), Failure> {
        out.emit((n % 3, *sum));
        Ok(())
    }
}

struct Held;

impl DeferredBolt for Held {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<u64>) -> Result<(), Failure> {
        tuple.ack();
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<u64>) -> Result<(), Failure> {
        Ok(())
    }
}

/// A store whose disk can be full.
#[derive(Clone, Default)]
struct Disk {
    store: Arc<MemoryStore>,
    full: Arc<AtomicBool>,
    writes: Arc<AtomicU64>,
    keys: Arc<Mutex<Vec<usize>>>,
}

impl StateStore for Disk {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.store.get(namespace, key)
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        self.store.scan(namespace, prefix, each)
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StateError::new("sums", "the disk is full"));
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.keys.lock().unwrap().push(changes.len());
        self.store.apply(changes)
    }
}

fn sums(log: &Log, disk: &Disk, tasks: usize, guarantee: Guarantee) -> Topology {
    let topology = Topology::new("t");
    topology.state(disk.clone());
    let numbers = topology.spout("numbers", log.spout());
    let sums = numbers.by_key(|n| n % 3).tasks(tasks).guarantee(guarantee).stateful("sums", || Sum);
    sums.end();
    topology
}

fn sum_of(disk: &Disk, remainder: u64) -> Option<u64> {
    stored_state(disk, "t", "sums", &remainder).unwrap()
}

#[test]
fn a_tuple_is_acked_when_its_effect_is_durable_and_not_before() {
    for seed in SEEDS {
        let (log, disk) = (Log::of(6), Disk::default());
        disk.full.store(true, Ordering::SeqCst);
        let topology = sums(&log, &disk, 2, Guarantee::AtLeastOnce);
        let mut driver = Driver::new(&topology, Config::default(), seed).unwrap();
        driver.advance(Duration::from_mins(5));
        assert_eq!(
            (log.acked(), sum_of(&disk, 1)),
            (Vec::new(), None),
            "nothing is durable, and nothing fails"
        );
        let sums = driver.snapshot().component("sums").unwrap().clone();
        assert_eq!((sums.pending, sums.failed), (6, 0));
        assert!(sums.last_error.unwrap().contains("the disk is full"));

        disk.full.store(false, Ordering::SeqCst);
        driver.advance(Duration::from_mins(2));
        assert_eq!(log.acked(), [0, 1, 2, 3, 4, 5]);
        assert_eq!([0, 1, 2].map(|n| sum_of(&disk, n)), [3, 5, 7].map(Some));
        assert_balanced(&driver.snapshot());
    }
}

#[test]
fn at_most_once_acks_at_once_and_writes_at_the_end_at_the_latest() {
    let (log, disk) = (Log::of(6), Disk::default());
    disk.full.store(true, Ordering::SeqCst);
    let topology = sums(&log, &disk, 2, Guarantee::AtMostOnce);
    let mut driver = Driver::new(&topology, Config::default(), 0).unwrap();
    driver.run_until_idle();
    assert_eq!(log.acked(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(sum_of(&disk, 1), None);
    disk.full.store(false, Ordering::SeqCst);
    drop(driver);
    assert_eq!([0, 1, 2].map(|n| sum_of(&disk, n)), [3, 5, 7].map(Some));
}

#[test]
fn an_update_that_fails_or_panics_changes_nothing() {
    let (log, disk) = (Log::of(10), Disk::default());
    let topology = sums(&log, &disk, 1, Guarantee::AtLeastOnce);
    let config = Config { attempts_max: Some(2), ..tight() };
    let summary = Driver::new(&topology, config, 0).unwrap().run();
    assert!(summary.is_complete(), "{summary}");
    assert_eq!(log.exhausted().len(), 2);
    assert_eq!([0, 1, 2].map(|n| sum_of(&disk, n)), [18, 5, 7].map(Some));
}

#[test]
fn state_goes_on_where_it_was_and_moves_with_its_key_groups() {
    let disk = Disk::default();
    for tasks in [1, 3, 2] {
        let topology = sums(&Log::of(6), &disk, tasks, Guarantee::AtLeastOnce);
        assert!(Driver::new(&topology, Config::default(), 0).unwrap().run().is_complete());
    }
    assert_eq!([0, 1, 2].map(|n| sum_of(&disk, n)), [9, 15, 21].map(Some));
}

#[test]
fn a_snapshot_holds_what_has_changed_and_the_books_say_how_much() {
    let (log, disk) = (Log::of(6), Disk::default());
    let topology = sums(&log, &disk, 1, Guarantee::AtLeastOnce);
    let mut driver = Driver::new(&topology, Config { batch_count_max: 3, ..Config::default() }, 0).unwrap();
    assert!(driver.run().is_complete());
    assert!(disk.keys.lock().unwrap().iter().all(|keys| *keys <= 3), "three keys, however many tuples");
    let state = driver.snapshot().component("sums").unwrap().state.clone().unwrap();
    assert_eq!((state.entries, state.writes), (3, disk.writes.load(Ordering::SeqCst)));
    assert!(state.bytes_written > 0 && state.age_ms.is_some());
}

#[test]
fn threads_end_with_everything_written() {
    for guarantee in [Guarantee::AtMostOnce, Guarantee::AtLeastOnce] {
        let disk = Disk::default();
        let topology = Topology::new("t");
        topology.state(disk.clone());
        let numbers = topology.spout("numbers", (0..10_000_u64).map(|n| n * 9));
        let sums = numbers.by_key(|n| n % 2).tasks(2).guarantee(guarantee);
        sums.stateful("sums", || Sum).end();
        assert!(topology.run_local().unwrap().is_complete());
        let sum = |n: u64| stored_state::<u64>(&disk, "t", "sums", &n).unwrap().unwrap();
        assert_eq!(sum(0) + sum(1), (0..10_000).map(|n| n * 9).sum::<u64>());
    }
}

/// A grouping that may send a tuple elsewhere when it is given again.
#[derive(Clone)]
struct Anywhere;

impl CustomGrouping<u64> for Anywhere {
    fn prepare(&mut self, _: usize) {}

    fn choose(&mut self, _: &u64, tasks: &mut Vec<usize>) {
        tasks.push(0);
    }
}

#[test]
fn what_cannot_be_kept_by_key_is_refused() {
    let numbers = |topology: &Topology| topology.spout("numbers", 0..3_u64);
    let refused = |wire: fn(trombe::Stream<u64>)| {
        let topology = Topology::new("t");
        wire(numbers(&topology));
        topology.plan().unwrap_err()
    };
    let name = || "sums".to_owned();
    let mistake = refused(|numbers| {
        let held = numbers.shuffle().deferred("held", || Held);
        held.by(|n| n).stateful("sums", || Sum).end();
    });
    assert_eq!(mistake, PlanError::NoLineage { name: name(), from: "held".to_owned() });
    let mistake = refused(|numbers| {
        let chosen = numbers.custom(Anywhere).tasks(2).map("chosen", |n| n);
        chosen.by(|n| n).stateful("sums", || Sum).end();
    });
    assert_eq!(mistake, PlanError::NoLineage { name: name(), from: "numbers".to_owned() });
    let mistake = refused(|numbers| numbers.shuffle().stateful("sums", || Sum).end());
    assert_eq!(mistake, PlanError::StateWithoutKey { name: name() });
    let mistake = refused(|numbers| numbers.by(|n| n).into_input(|n| n).stateful("sums", || Sum).end());
    assert_eq!(mistake, PlanError::StateWithoutKey { name: name() });
    let mistake = refused(|numbers| numbers.by(|n| n).tick_ms(5).stateful("sums", || Sum).end());
    assert_eq!(mistake, PlanError::StatefulTick { name: name() });
    let mistake = refused(|numbers| {
        numbers.by(|n| n).guarantee(Guarantee::AtLeastOnce).map("sums", |n| n).end();
    });
    assert_eq!(mistake, PlanError::NoState { name: name() });
}

#[test]
fn storms_timeout_counts_the_wait_for_the_store_too() {
    let (log, disk) = (Log::of(4), Disk::default());
    disk.full.store(true, Ordering::SeqCst);
    let config = Config { message_timeout_ms: Some(5_000), attempts_max: Some(1), ..tight() };
    let mut driver = Driver::new(&sums(&log, &disk, 1, Guarantee::AtLeastOnce), config, 0).unwrap();
    driver.advance(Duration::from_millis(4_999));
    assert_eq!(log.exhausted().len(), 0);
    driver.advance(Duration::from_millis(1));
    let reasons: Vec<_> =
        log.exhausted().into_values().map(|autopsy| (autopsy.component, autopsy.reason)).collect();
    let held = ("sums".to_owned(), "not done within message_timeout_ms = 5000: it is held".to_owned());
    assert_eq!(reasons, vec![held; 4]);
    disk.full.store(false, Ordering::SeqCst);
    driver.advance(Duration::from_mins(10));
    assert_eq!((driver.run().acked, log.acked().len()), (0, 0), "a late write acks nothing");
    assert_balanced(&driver.snapshot());
}

/// Emits what it may not and fails.
struct Wrong;

impl StatefulBolt for Wrong {
    type In = u64;
    type State = u64;
    type Out = u64;

    fn update(&mut self, _: &mut u64, _: &u64) -> Result<(), Failure> {
        Ok(())
    }

    fn emit(&mut self, _: &u64, n: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        if n == 1 {
            out.emit_to(&StreamId::<u64>::new("secret"), n);
            return Err(Failure::reject("a one"));
        }
        Ok(())
    }
}

#[test]
fn what_a_tuple_that_fails_could_not_emit_is_not_held_against_the_next_one() {
    let log = Log::of(3);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    numbers.by(|_| &0).guarantee(Guarantee::AtLeastOnce).stateful("wrong", || Wrong).end();
    assert!(Driver::new(&topology, tight(), 0).unwrap().run().is_complete());
    assert_eq!(log.acked(), [0, 2]);
    assert_eq!(log.exhausted()[&1].reason, "a one");
}
