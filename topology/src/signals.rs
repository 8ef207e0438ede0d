//! How the topology's run ends: the feed is over, and the spouts find together that nothing is left.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// Finds out when all spout tasks of a topology are drained, although what one gives out may become a record for another: a
/// dead letter, or a document on its way to the secondary index.
///
/// Every task's giving out and coming to the end of what it gave out is a *move*. When every task has found nothing open and
/// nothing new since one and the same number of moves, nobody can give anybody anything any more.
#[derive(Clone, Debug)]
pub(crate) struct Draining(Arc<Moves>);

#[derive(Debug)]
struct Moves {
    tasks_count: usize,
    count: AtomicU64,
    seemingly_quiet: Agreement,
    quiet: Agreement,
}

/// The number of moves since which a task has been quiet, by the task's name.
#[derive(Debug, Default)]
struct Agreement(Mutex<BTreeMap<String, u64>>);

impl Agreement {
    /// Whether, with this one, so many tasks have said the same.
    fn is_reached(&self, task: &str, moves: u64, tasks_count: usize) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(task.to_owned(), moves);
        said.len() == tasks_count && said.values().all(|other| *other == moves)
    }
}

impl Draining {
    /// So many tasks have to be quiet.
    pub(crate) fn of(tasks_count: usize) -> Self {
        let (seemingly_quiet, quiet) = (Agreement::default(), Agreement::default());
        Self(Arc::new(Moves { tasks_count, count: AtomicU64::new(0), seemingly_quiet, quiet }))
    }

    pub(crate) fn moved(&self) {
        self.0.count.fetch_add(1, Ordering::AcqRel);
    }

    /// The moves so far, to be asked before the look at the log.
    pub(crate) fn moves(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// The task has nothing open, and found nothing new after so many moves. True: nor has any other, and there is nothing to come.
    pub(crate) fn is_over(&self, task: &str, moves: u64) -> bool {
        self.0.quiet.is_reached(task, moves, self.0.tasks_count)
    }

    /// The task has nothing open, and was given nothing after so many moves. True: nor was any other, so that it is worth asking
    /// the log itself, which takes its time.
    pub(crate) fn seems_over(&self, task: &str, moves: u64) -> bool {
        self.0.seemingly_quiet.is_reached(task, moves, self.0.tasks_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_when_all_were_quiet_since_the_same_move() {
        let draining = Draining::of(2);
        let quiet = |task| draining.is_over(task, draining.moves());
        assert!(!quiet("a"));
        draining.moved();
        assert!(!quiet("b"), "b has given something out since a looked: a may have got something");
        assert!(quiet("a"));
        let before = draining.moves();
        draining.moved();
        assert!(!draining.is_over("a", draining.moves()) && !draining.is_over("b", before));
    }
}
