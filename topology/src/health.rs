//! Whether the topology can read and write, how far it is behind, and what it has counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use trombe_connectors::Lag;

/// What the topology stands on and may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Log,
    Index,
    Secondary,
}

impl Part {
    /// As it is called in what an operator reads.
    pub(crate) fn name(self) -> &'static str {
        ["log", "index", "secondary"][self as usize]
    }
}

/// What became of the documents sent to one index since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriteCounts {
    /// `index`, or `secondary`.
    pub target: &'static str,
    /// Stored.
    pub indexed: u64,
    /// Already there in the same version or a newer one (HTTP 409).
    pub stale: u64,
    /// Answers to send a document again later (429, 5xx, time-out), each of which is one more attempt.
    pub retried: u64,
    /// Never to be stored (400-class): they are dead letters.
    pub rejected: u64,
    /// Requests without an answer that can be used: the index was away, refused, or put off every document.
    pub unanswered: u64,
}

/// How the topology is: for `/ready`, `/metrics` and the page. Clones share it.
///
/// While the index is away the spouts pause and the log is the buffer.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Beside the reasons, so that a spout's look costs no lock.
    is_away: [AtomicBool; 3],
    /// By whoever found out: each takes back its own.
    reasons: Mutex<BTreeMap<(Part, String), String>>,
    dead_letters: AtomicUsize,
    missed_records: AtomicU64,
    lag: Mutex<BTreeMap<(String, u32), Lag>>,
    writes: Mutex<BTreeMap<Part, WriteCounts>>,
}

impl Health {
    /// All is well.
    pub fn new() -> Self {
        Self::default()
    }

    /// Why messages cannot be read or documents not be written at present; `None` if all goes on.
    pub fn away(&self) -> Option<String> {
        self.why(|part| part != Part::Secondary)
    }

    /// Why the secondary index falls behind, which holds up nothing else.
    pub fn secondary_away(&self) -> Option<String> {
        self.why(|part| part == Part::Secondary)
    }

    /// How many records went to the dead letters since the start: not understood, rejected by an index, or failed for the last
    /// time.
    pub fn dead_letters(&self) -> usize {
        self.0.dead_letters.load(Ordering::Relaxed)
    }

    /// How many records the log's retention deleted since the start before the topology could read them.
    pub fn missed_records(&self) -> u64 {
        self.0.missed_records.load(Ordering::Relaxed)
    }

    /// How far the topology's consumers are behind, by topic and partition, as of the last look (see
    /// [`TopologyConfig::lag_period_ms`](crate::TopologyConfig::lag_period_ms)).
    pub fn lag(&self) -> Vec<Lag> {
        unpoisoned(&self.0.lag).values().cloned().collect()
    }

    /// What became of the documents, by index.
    pub fn writes(&self) -> Vec<WriteCounts> {
        unpoisoned(&self.0.writes).values().cloned().collect()
    }

    fn why(&self, of: impl Fn(Part) -> bool) -> Option<String> {
        let reasons = unpoisoned(&self.0.reasons);
        let of = reasons.iter().filter(|((part, _), _)| of(*part));
        let distinct: BTreeSet<&str> = of.map(|(_, reason)| reason.as_str()).collect();
        (!distinct.is_empty()).then(|| distinct.into_iter().collect::<Vec<_>>().join("; "))
    }

    pub(crate) fn is_away(&self, part: Part) -> bool {
        self.0.is_away[part as usize].load(Ordering::Acquire)
    }

    /// Sets or takes back what `who` says of a part.
    pub(crate) fn report(&self, part: Part, who: &str, reason: Option<String>) {
        if reason.is_none() && !self.is_away(part) {
            return;
        }
        let mut reasons = unpoisoned(&self.0.reasons);
        match reason {
            Some(reason) => drop(reasons.insert((part, who.to_owned()), reason)),
            None => drop(reasons.remove(&(part, who.to_owned()))),
        }
        let is_away = reasons.keys().any(|(other, _)| *other == part);
        self.0.is_away[part as usize].store(is_away, Ordering::Release);
    }

    pub(crate) fn count_missed_records(&self, count: u64) {
        self.0.missed_records.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn count_dead_letters(&self, count: usize) {
        self.0.dead_letters.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn count_writes(&self, part: Part, count: impl FnOnce(&mut WriteCounts)) {
        let mut writes = unpoisoned(&self.0.writes);
        count(
            writes
                .entry(part)
                .or_insert_with(|| WriteCounts { target: part.name(), ..WriteCounts::default() }),
        );
    }

    pub(crate) fn set_lag(&self, lags: Vec<Lag>) {
        let mut table = unpoisoned(&self.0.lag);
        for lag in lags {
            table.insert((lag.committed.topic.clone(), lag.committed.partition), lag);
        }
    }

    /// Another member of the group reads the partition now.
    pub(crate) fn forget_lag(&self, topic: &str, partition: u32) {
        unpoisoned(&self.0.lag).remove(&(topic.to_owned(), partition));
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_takes_back_its_own_reason() {
        let health = Health::new();
        let said =
            |part, who: &str, reason: Option<&str>| health.report(part, who, reason.map(str::to_owned));
        said(Part::Index, "index", Some("no node answers"));
        said(Part::Log, "bpi/0", Some("no broker answers"));
        said(Part::Log, "bpi/1", Some("no broker answers"));
        said(Part::Secondary, "secondary", Some("the second cluster is away"));
        assert_eq!(health.away().as_deref(), Some("no broker answers; no node answers"));
        assert_eq!(health.secondary_away().as_deref(), Some("the second cluster is away"));

        said(Part::Index, "index", None);
        said(Part::Log, "bpi/0", None);
        assert!(!health.is_away(Part::Index) && health.is_away(Part::Log));
        assert_eq!(health.away().as_deref(), Some("no broker answers"));
        said(Part::Log, "bpi/1", None);
        assert_eq!((health.away(), health.is_away(Part::Secondary)), (None, true));
    }
}
