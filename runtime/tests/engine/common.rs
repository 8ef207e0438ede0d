//! Parts that the tests share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use trombe::testing::Driver;
use trombe::{Autopsy, Config, Failure, Next, Snapshot, Spout, SpoutEmitter, Summary, Topology};

/// Seeds that every promise is checked for.
pub(crate) const SEEDS: std::ops::Range<u64> = 0..8;

/// A log that a spout reads, and what became of its entries.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<LogState>>);

#[derive(Default)]
struct LogState {
    next: u64,
    end: u64,
    acks: BTreeMap<u64, u32>,
    exhausted: BTreeMap<u64, Autopsy>,
    out: u64,
    out_max: u64,
}

impl Log {
    /// Entries 0 to `end`, each of which is its own number.
    pub(crate) fn of(end: u64) -> Self {
        Self(Arc::new(Mutex::new(LogState { end, ..LogState::default() })))
    }

    /// A spout over it.
    pub(crate) fn spout(&self) -> impl Fn() -> LogSpout + Send + Sync + 'static {
        let log = self.clone();
        move || LogSpout(log.clone())
    }

    pub(crate) fn acked(&self) -> Vec<u64> {
        self.0.lock().unwrap().acks.keys().copied().collect()
    }

    /// Every entry was acked, once.
    pub(crate) fn assert_all_acked_once(&self, context: &str) {
        let state = self.0.lock().unwrap();
        let expected: Vec<(u64, u32)> = (0..state.end).map(|id| (id, 1)).collect();
        let acks: Vec<(u64, u32)> = state.acks.iter().map(|(id, count)| (*id, *count)).collect();
        assert_eq!(acks, expected, "{context}");
    }

    pub(crate) fn exhausted(&self) -> BTreeMap<u64, Autopsy> {
        self.0.lock().unwrap().exhausted.clone()
    }

    /// The most entries that were out at a time.
    pub(crate) fn out_max(&self) -> u64 {
        self.0.lock().unwrap().out_max
    }
}

pub(crate) struct LogSpout(Log);

impl Spout for LogSpout {
    type Item = u64;

    fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        let mut log = self.0.0.lock().unwrap();
        while out.room() > 0 && log.next < log.end {
            out.emit(log.next, log.next);
            log.next += 1;
            log.out += 1;
            log.out_max = log.out_max.max(log.out);
        }
        Ok(if log.next == log.end { Next::Exhausted } else { Next::Emitted })
    }

    fn ack(&mut self, id: u64) {
        let mut log = self.0.0.lock().unwrap();
        *log.acks.entry(id).or_default() += 1;
        log.out -= 1;
    }

    fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
        Ok(Some(id))
    }

    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        let mut log = self.0.0.lock().unwrap();
        log.out -= 1;
        log.exhausted.insert(id, autopsy.clone());
    }
}

/// What passed by, in order.
#[derive(Clone)]
pub(crate) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone + Ord> Seen<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn add(&self, item: T) {
        self.0.lock().unwrap().push(item);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn sorted(&self) -> Vec<T> {
        let mut all = self.all();
        all.sort();
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Small limits, so that queues fill and batches are cut.
pub(crate) fn tight() -> Config {
    Config { batch_count_max: 4, queue_batches_max: 2, workers_count: Some(2), ..Config::default() }
}

/// Runs a topology to its end and checks the books.
pub(crate) fn run(topology: &Topology, config: Config, seed: u64) -> (Summary, Snapshot) {
    let mut driver = Driver::new(topology, config, seed).unwrap();
    let summary = driver.run();
    let snapshot = driver.snapshot();
    assert!(summary.is_complete(), "seed {seed}: {summary}\n{snapshot:#?}");
    assert_balanced(&snapshot);
    (summary, snapshot)
}

/// Nothing is pending anywhere, and every edge's books balance.
pub(crate) fn assert_balanced(snapshot: &Snapshot) {
    for edge in &snapshot.edges {
        assert_eq!(edge.emitted, edge.acked + edge.failed, "{edge:?}");
        assert_eq!(edge.pending, 0, "{edge:?}");
    }
    for component in &snapshot.components {
        if component.kind.is_spout() {
            assert_eq!(component.trees, component.acked + component.given_up, "{component:?}");
        }
        assert_eq!((component.pending, component.queue_len), (0, 0), "{component:?}");
    }
}
