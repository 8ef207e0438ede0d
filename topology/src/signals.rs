//! What the topology and its surroundings tell each other while it runs.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Says that the feed is over: nothing more will be appended to the log by anybody but the topology itself.
///
/// Once it is set the spouts drain the log and end, and so the topology's run ends. A live dashboard never sets it.
#[derive(Clone, Debug, Default)]
pub struct FeedOver(Arc<AtomicBool>);

impl FeedOver {
    /// A feed that goes on.
    pub fn new() -> Self {
        Self::default()
    }

    /// The feed is over.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the feed is over.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether the topology can write, for `/ready`. While it cannot, the spouts pause and the log is the buffer.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Beside the reasons, so that a spout's look costs no lock.
    is_away: AtomicBool,
    index_away: Mutex<Option<String>>,
    dead_letters: AtomicUsize,
    missed_records: AtomicU64,
}

impl Health {
    /// All is well.
    pub fn new() -> Self {
        Self::default()
    }

    /// Why nothing can be written at present; `None` if it can.
    pub fn away(&self) -> Option<String> {
        self.0.index_away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many records went to the dead letters since the start: not understood, or rejected by the index.
    pub fn dead_letters(&self) -> usize {
        self.0.dead_letters.load(Ordering::Relaxed)
    }

    /// How many records the log's retention deleted since the start before the topology could read them.
    pub fn missed_records(&self) -> u64 {
        self.0.missed_records.load(Ordering::Relaxed)
    }

    pub(crate) fn is_away(&self) -> bool {
        self.0.is_away.load(Ordering::Acquire)
    }

    /// Sets or clears the reason, and says whether this changed anything.
    pub(crate) fn set_away(&self, reason: Option<String>) -> bool {
        if reason.is_none() && !self.is_away() {
            return false;
        }
        let mut away = self.0.index_away.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.is_away.store(reason.is_some(), Ordering::Release);
        let changed = away.is_some() != reason.is_some();
        *away = reason;
        changed
    }

    pub(crate) fn count_missed_records(&self, count: u64) {
        self.0.missed_records.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn count_dead_letters(&self, count: usize) {
        self.0.dead_letters.fetch_add(count, Ordering::Relaxed);
    }
}

/// Counts the spout tasks that may still cause dead letters, so that the dead letters' own spout ends last.
#[derive(Clone, Debug)]
pub(crate) struct Draining(Arc<AtomicUsize>);

impl Draining {
    /// So many tasks have yet to be drained.
    pub(crate) fn of(tasks: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(tasks)))
    }

    pub(crate) fn task_drained(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}
