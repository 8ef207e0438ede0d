//! The books: what went over every edge and what became of it, counted exactly.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64 as Total, Ordering};
use std::sync::{Arc, OnceLock};

use super::histogram::Histogram;
use crate::clock::{Clock, Nanos};
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::unpoisoned;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex};
use crate::topology::plan::Plan;

/// Everything that is counted, shared by all tasks of a running topology.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
    /// In the order of the plan, sources before their consumers.
    pub(crate) edges: Vec<EdgeBook>,
    /// One list a component, one entry a task.
    pub(crate) tasks: Vec<Vec<Arc<TaskBook>>>,
    autopsies: Mutex<VecDeque<Autopsy>>,
    autopsies_count_max: usize,
}

/// `emitted = acked + failed + pending` holds at any time, as pending is defined by it; that pending is what really lies in queues
/// and hands is what the tests check.
#[derive(Debug, Default)]
pub(crate) struct EdgeBook {
    pub(crate) emitted: AtomicU64,
    pub(crate) acked: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// What one task counts.
#[derive(Debug, Default)]
pub(crate) struct TaskBook {
    pub(crate) executed: Total,
    pub(crate) emitted: Total,
    pub(crate) acked: Total,
    pub(crate) failed: Total,
    /// Of a spout: tuples that are neither good nor tried again.
    pub(crate) given_up: Total,
    /// Of a spout: tuples out; of a deferred bolt or a sink: tuples held.
    pub(crate) pending: AtomicUsize,
    pub(crate) restarts: AtomicU32,
    /// A spout that has nothing more to give.
    pub(crate) exhausted: AtomicBool,
    pub(crate) execute: Histogram,
    /// Of a spout: from emit to ack.
    pub(crate) complete: Histogram,
    pub(crate) queue: OnceLock<Arc<AtomicUsize>>,
    pub(crate) last_error: Mutex<Option<String>>,
}

impl Books {
    pub(crate) fn new(plan: Plan, clock: Clock, autopsies_count_max: usize) -> Self {
        let edges = plan.edges().map(|_| EdgeBook::default()).collect();
        let tasks =
            plan.components.iter().map(|component| (0..component.tasks).map(|_| Arc::default()).collect());
        let tasks = tasks.collect();
        Self { plan, clock, edges, tasks, autopsies: Mutex::default(), autopsies_count_max }
    }

    pub(crate) fn keep(&self, autopsy: Autopsy) {
        if self.autopsies_count_max == 0 {
            return;
        }
        let mut autopsies = unpoisoned(&self.autopsies);
        if autopsies.len() == self.autopsies_count_max {
            autopsies.pop_front();
        }
        autopsies.push_back(autopsy);
    }

    /// Of a tuple on that edge, which failed at its consumer. The spout fills in its own part when the failure reaches it.
    pub(crate) fn autopsy(
        &self,
        edge: usize,
        task: usize,
        (queued, worked): (Nanos, Nanos),
        failure: &Failure,
    ) -> Autopsy {
        let consumer = self.plan.edges().nth(edge).map(|(consumer, _)| consumer.name.clone());
        Autopsy {
            component: consumer.unwrap_or_default(),
            edge: self.plan.edge_name(edge),
            task,
            spout: String::new(),
            id: None,
            attempt: 1,
            queued_us: queued / 1000,
            executed_us: worked / 1000,
            kind: failure.kind(),
            reason: failure.reason().to_owned(),
        }
    }

    pub(crate) fn autopsies(&self) -> Vec<Autopsy> {
        unpoisoned(&self.autopsies).iter().cloned().collect()
    }

    /// Whether nothing is under way, provided that the spouts emit no more (and no tick does).
    ///
    /// A task counts what it emits before it counts its input as done, so reading the edges downstream, and each one's end before
    /// its beginning, cannot miss a tuple that moves on meanwhile.
    pub(crate) fn settled(&self) -> bool {
        self.spouts().all(|task| task.pending.load(Ordering::Acquire) == 0)
            && self.edges.iter().all(|edge| edge.pending() == 0)
    }

    pub(crate) fn exhausted(&self) -> bool {
        self.spouts().all(|task| task.exhausted.load(Ordering::Acquire))
    }
}

/// What a simulation asks of the books.
impl Books {
    /// Tuples of spouts that are done.
    pub(crate) fn acked(&self) -> u64 {
        self.spouts().map(|task| task.acked.load(Ordering::Acquire)).sum()
    }

    /// Whether no edge has ended more tuples than it was given, and each holds at least what lies in its consumer's queue and hands.
    pub(crate) fn audit(&self) -> Result<(), String> {
        let mut edges = self.edges.iter();
        for (component, tasks) in self.plan.components.iter().zip(&self.tasks) {
            let mut pending = 0;
            for edge in edges.by_ref().take(component.inputs.len()) {
                let done = edge.acked.load(Ordering::Acquire) + edge.failed.load(Ordering::Acquire);
                let emitted = edge.emitted.load(Ordering::Acquire);
                pending += emitted.checked_sub(done).ok_or_else(|| {
                    format!(
                        "the books of `{}` are wrong: {done} of {emitted} tuples are done",
                        component.name
                    )
                })?;
            }
            let queued = |task: &TaskBook| task.queue.get().map_or(0, |queue| queue.load(Ordering::Acquire));
            let held: usize =
                tasks.iter().map(|task| queued(task) + task.pending.load(Ordering::Acquire)).sum();
            if !component.kind.is_spout() && pending < held as u64 {
                let name = &component.name;
                return Err(format!(
                    "the books of `{name}` are wrong: it has {held} tuples, its edges {pending}"
                ));
            }
        }
        Ok(())
    }

    /// What is not done, in words.
    pub(crate) fn unfinished(&self) -> String {
        let components = self.plan.components.iter().zip(&self.tasks);
        let pending = components.map(|(component, tasks)| {
            let count: usize = tasks.iter().map(|task| task.pending.load(Ordering::Acquire)).sum();
            (component, count)
        });
        let named = pending.filter(|(_, count)| *count > 0);
        let named: Vec<String> =
            named.map(|(component, count)| format!("`{}` has {count} pending", component.name)).collect();
        if named.is_empty() { "nothing is pending".to_owned() } else { named.join(", ") }
    }

    fn spouts(&self) -> impl Iterator<Item = &Arc<TaskBook>> {
        let components = self.plan.components.iter().zip(&self.tasks);
        components.filter(|(component, _)| component.kind.is_spout()).flat_map(|(_, tasks)| tasks)
    }
}

impl EdgeBook {
    pub(crate) fn pending(&self) -> u64 {
        let done = self.acked.load(Ordering::Acquire) + self.failed.load(Ordering::Acquire);
        let emitted = self.emitted.load(Ordering::Acquire);
        debug_assert!(done <= emitted, "{done} of {emitted} tuples are done");
        emitted.saturating_sub(done)
    }
}
