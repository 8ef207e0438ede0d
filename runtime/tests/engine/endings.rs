//! Goal: a topology that cannot go on ends itself and says why; nothing that is not durable is acked, and nothing is retried for ever or
//! given up. Method: stores and components that refuse for good, on the deterministic driver and on threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{
    AsyncSink, Bolt, Config, DeferredBolt, Emitter, EndError, Failure, FailureKind, Guarantee, MemoryStore,
    Next, Nothing, RunError, Spout, SpoutEmitter, StateChange, StateError, StateErrorKind, StateStore,
    StatefulBolt, Topology, Tuple, stored_state,
};

use super::common::{Log, SEEDS, tight};

/// Adds up numbers by their remainder of eight.
struct Sum;

impl StatefulBolt for Sum {
    type In = u64;
    type State = u64;
    type Out = u64;

    fn update(&mut self, sum: &mut u64, n: &u64) -> Result<(), Failure> {
        *sum += n;
        Ok(())
    }

    fn emit(&mut self, sum: &u64, _: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        out.emit(*sum);
        Ok(())
    }
}

/// A store that refuses writes, for a reason of that kind.
#[derive(Clone)]
struct Refusing {
    store: Arc<MemoryStore>,
    kind: StateErrorKind,
    /// Only of this key; else of any.
    key: Option<u64>,
    asked: Arc<AtomicU64>,
}

impl Refusing {
    fn new(kind: StateErrorKind, key: Option<u64>) -> Self {
        Self { store: Arc::default(), kind, key, asked: Arc::default() }
    }
}

impl StateStore for Refusing {
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
        self.asked.fetch_add(1, Ordering::SeqCst);
        let is_refused = |change: &&StateChange| match self.key {
            None => true,
            Some(key) => change.key.ends_with(&key.to_le_bytes()) && change.key.len() == 10,
        };
        match changes.iter().find(is_refused) {
            None => self.store.apply(changes),
            Some(change) => {
                let why = format!("`{}` is too large; make it smaller", change.key.escape_ascii());
                Err(StateError::of(self.kind, &change.namespace, why))
            }
        }
    }
}

fn sums(log: &Log, store: &Refusing, guarantee: Guarantee) -> Topology {
    let topology = Topology::new("t");
    topology.state(store.clone());
    let numbers = topology.spout("numbers", log.spout());
    numbers.by_key(|n| n % 8).tasks(4).guarantee(guarantee).stateful("sums", || Sum).end();
    topology
}

#[track_caller]
fn expect_refusal(error: &EndError, kind: FailureKind) {
    assert_eq!((error.component.as_str(), error.kind), ("sums", kind));
    let told = error.to_string();
    let parts = ["`sums` task ", "state of `t/sums`", "is too large; make it smaller"];
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
}

#[test]
fn a_change_that_can_never_be_written_ends_the_topology_and_takes_no_others_along() {
    let mut others = 0;
    for seed in SEEDS {
        let (log, store) = (Log::of(16), Refusing::new(StateErrorKind::Permanent, Some(1)));
        let config = Config { attempts_max: Some(1), ..Config::default() };
        let topology = sums(&log, &store, Guarantee::AtLeastOnce);
        let mut driver = Driver::new(&topology, config, seed).unwrap();
        // Beyond the end, as it were: what is refused is not asked again.
        driver.advance(Duration::from_hours(1));
        assert!(store.asked.load(Ordering::SeqCst) <= 12, "a few writes, and each by itself");
        let summary = driver.run();
        let error = summary.error.as_ref().unwrap();
        expect_refusal(error, FailureKind::Fatal);
        assert!(error.to_string().contains(r"\x01\x00\x00\x00\x00\x00\x00\x00` is"), "{error}");
        assert!(!summary.is_complete() && !error.is_superseded());
        drop(driver);
        // Whatever else the task of the bad key has to write waits with it.
        let stored = |n: u64| stored_state::<u64>(&*store.store, "t", "sums", &n).unwrap();
        let acked = log.acked();
        assert!(acked.iter().all(|n| stored(n % 8).is_some()), "{acked:?} acked");
        assert!(!acked.contains(&1) && !acked.contains(&9), "{acked:?} acked");
        assert!(log.exhausted().is_empty(), "nothing is given up");
        assert_eq!(stored(1), None);
        others += (0..8).filter(|n| stored(*n).is_some()).count();
    }
    assert!(others > 0, "the tasks without the bad key have written nothing");
}

#[test]
fn a_topology_whose_state_another_has_taken_over_ends_on_threads_too() {
    for guarantee in [Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let store = Refusing::new(StateErrorKind::Superseded, None);
        let topology = Topology::new("t");
        topology.state(store.clone());
        let numbers = topology.spout("numbers", 0..10_000_u64);
        numbers.by_key(|n| n % 8).tasks(4).guarantee(guarantee).stateful("sums", || Sum).end();
        let error = match topology.run_local() {
            Err(RunError::End(error)) => error,
            other => panic!("{guarantee:?}: {other:?}"),
        };
        expect_refusal(&error, FailureKind::Superseded);
        assert!(error.is_superseded());
    }
}

#[test]
fn a_last_write_that_fails_is_an_error_where_nothing_gives_its_tuples_again() {
    let kinds = [
        (StateErrorKind::Transient, FailureKind::Fatal),
        (StateErrorKind::Permanent, FailureKind::Fatal),
        (StateErrorKind::Superseded, FailureKind::Superseded),
    ];
    for (told, heard) in kinds {
        let (log, store) = (Log::of(3), Refusing::new(told, None));
        let summary = sums(&log, &store, Guarantee::AtMostOnce).start(Config::default()).unwrap().wait();
        assert!(!summary.is_complete(), "{told:?}: {summary}");
        expect_refusal(&summary.error.unwrap(), heard);
    }
    let (log, store) = (Log::of(3), Refusing::new(StateErrorKind::Transient, None));
    let running = sums(&log, &store, Guarantee::AtLeastOnce).start(Config::default()).unwrap();
    let summary = running.shutdown(Duration::from_millis(50));
    assert_eq!((summary.error, log.acked().len()), (None, 0), "they come again at the next start");
}

#[test]
fn whoever_watches_hears_of_the_end() {
    let (log, store) = (Log::of(16), Refusing::new(StateErrorKind::Superseded, None));
    let running = sums(&log, &store, Guarantee::AtLeastOnce).start(Config::default()).unwrap();
    let observer = running.observer();
    assert!(running.wait_for(Duration::from_mins(1)), "there is nothing more to come");
    expect_refusal(observer.error().unwrap(), FailureKind::Superseded);
    let summary = running.shutdown(Duration::from_mins(1));
    assert_eq!((summary.error.as_ref(), summary.acked), (observer.error(), 0));
    assert_eq!((summary.unfinished[0].tuples, log.acked().len()), (16, 0));
}

struct Refuse;

impl Bolt for Refuse {
    type In = u64;
    type Out = Nothing;

    fn execute(&mut self, _: u64, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        Err(Failure::fatal("over"))
    }
}

/// Holds tuples and can never let go of them.
struct Ledger(Vec<Tuple<u64>>);

impl DeferredBolt for Ledger {
    type In = u64;
    type Out = Nothing;

    fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        self.0.push(tuple);
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        // As it comes from a store.
        Err(StateError::of(StateErrorKind::Permanent, "ledger", "over"))?
    }
}

struct Index;

impl AsyncSink for Index {
    type In = u64;

    async fn write(&self, batch: Vec<u64>) -> Vec<Result<(), Failure>> {
        batch.iter().map(|_| Err(Failure::fatal("over"))).collect()
    }
}

struct Deaf;

impl Spout for Deaf {
    type Item = u64;

    fn next(&mut self, _: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        Err(Failure::fatal("over"))
    }

    fn ack(&mut self, _: u64) {}

    fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
        Ok(None)
    }
}

#[test]
fn every_kind_of_component_can_end_the_topology() {
    type Wire = fn(&Topology, &Log);
    let wirings: [(&str, Wire); 4] = [
        ("bolt", |topology, log| {
            topology.spout("numbers", log.spout()).shuffle().bolt("bolt", || Refuse).end();
        }),
        ("deferred", |topology, log| {
            topology
                .spout("numbers", log.spout())
                .shuffle()
                .deferred("deferred", || Ledger(Vec::new()))
                .end();
        }),
        ("sink", |topology, log| {
            topology.spout("numbers", log.spout()).shuffle().sink("sink", || Index);
        }),
        ("spout", |topology, _| topology.spout("spout", || Deaf).end()),
    ];
    for (component, wire) in wirings {
        let (log, topology) = (Log::of(3), Topology::new("t"));
        wire(&topology, &log);
        let config = Config { attempts_max: Some(1), ..tight() };
        let summary = topology.start(config).unwrap().wait();
        let error = summary.error.unwrap();
        assert_eq!((error.component.as_str(), error.kind), (component, FailureKind::Fatal));
        assert!(error.reason.ends_with("over"), "{error}");
        assert_eq!((log.acked().len(), log.exhausted().len()), (0, 0), "{component}");
    }
}
