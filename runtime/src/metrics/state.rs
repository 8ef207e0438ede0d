//! What is counted of a task's state.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;

/// One task's. No other value depends on these.
#[derive(Debug, Default)]
pub(crate) struct StateBook {
    entries: AtomicUsize,
    writes: AtomicU64,
    bytes: AtomicU64,
    written_at: AtomicU64,
    took: AtomicU64,
}

/// The state of a stateful bolt, its tasks taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSnapshot {
    /// Values in memory; the store may have more.
    pub entries: u64,
    /// Snapshots written.
    pub writes: u64,
    /// Bytes of keys and values in them.
    pub bytes_written: u64,
    /// How long ago the task wrote whose last snapshot is the oldest; `None` before each has written.
    pub age_ms: Option<u64>,
    /// How long the slowest of the tasks' last snapshots took to become durable.
    pub last_write_us: u64,
}

impl StateBook {
    pub(crate) fn holds(&self, entries: usize) {
        self.entries.store(entries, Ordering::Relaxed);
    }

    pub(crate) fn written(&self, bytes: u64, now: Nanos, took: Nanos) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.written_at.store(now, Ordering::Relaxed);
        self.took.store(took, Ordering::Relaxed);
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

impl StateSnapshot {
    pub(crate) fn of<'a>(tasks: impl Iterator<Item = &'a StateBook> + Clone, now: Nanos) -> Self {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let has_written = tasks.clone().all(|task| load(&task.writes) > 0);
        let oldest = tasks.clone().map(|task| load(&task.written_at)).min().filter(|_| has_written);
        Self {
            entries: tasks.clone().map(|task| task.entries.load(Ordering::Relaxed) as u64).sum(),
            writes: tasks.clone().map(|task| load(&task.writes)).sum(),
            bytes_written: tasks.clone().map(|task| load(&task.bytes)).sum(),
            age_ms: oldest.map(|at| now.saturating_sub(at) / 1_000_000),
            last_write_us: tasks.map(|task| load(&task.took)).max().unwrap_or(0) / 1000,
        }
    }
}
