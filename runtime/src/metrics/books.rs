//! The books: what went over every edge and what became of it, counted exactly.

use std::sync::atomic::{AtomicU32, AtomicU64 as Total, Ordering};
use std::sync::{Arc, OnceLock};

use super::autopsies::Autopsies;
use super::count::Count;
use super::floors::Floors;
use super::histogram::Histogram;
use super::state::StateBook;
use crate::clock::{Clock, Nanos};
use crate::error::EndError;
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::unpoisoned;
use crate::flow::inbox::Waiting;
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
    pub(crate) floors: Floors,
    autopsies: Mutex<Autopsies>,
    /// Why the topology has to end, if it has to.
    end: OnceLock<EndError>,
}

/// `emitted = acked + failed + pending` holds at any time, as pending is defined by it; that pending is what really lies in queues
/// and hands is what [`audit`](super::audit) checks.
#[derive(Debug)]
pub(crate) struct EdgeBook {
    /// By the producer's tasks.
    pub(crate) emitted: Count,
    /// By the consumer's tasks.
    pub(crate) acked: Count,
    pub(crate) failed: AtomicU64,
}

/// What one task counts.
#[derive(Debug, Default)]
pub(crate) struct TaskBook {
    pub(crate) executed: Total,
    pub(crate) emitted: Total,
    pub(crate) acked: Total,
    pub(crate) failed: Total,
    /// Of a spout: tuples that it has given, replays not counted.
    pub(crate) trees: Total,
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
    /// Of a stateful bolt.
    pub(crate) state: StateBook,
    pub(crate) waiting: OnceLock<Arc<Waiting>>,
    /// Input tuples that are neither waiting nor held nor done: of a batch that was interrupted, or dropped and yet to be failed.
    pub(crate) interrupted: AtomicUsize,
    pub(crate) last_error: Mutex<Option<String>>,
}

impl Books {
    pub(crate) fn new(plan: Plan, clock: Clock, autopsies_count_max: usize) -> Self {
        let tasks_of =
            |name: &str| plan.components.iter().find(|one| one.name == name).map_or(1, |one| one.tasks);
        let edges =
            plan.edges().map(|(consumer, input)| EdgeBook::new(tasks_of(&input.from), consumer.tasks));
        let edges = edges.collect();
        let tasks =
            plan.components.iter().map(|component| (0..component.tasks).map(|_| Arc::default()).collect());
        let tasks = tasks.collect();
        let autopsies = Mutex::new(Autopsies::new(autopsies_count_max));
        Self { plan, clock, edges, tasks, floors: Floors::default(), autopsies, end: OnceLock::new() }
    }

    /// Keeps the autopsy of a failed tree, and writes it to the log, unless the log has had enough of them.
    pub(crate) fn keep(&self, autopsy: Autopsy) {
        let mut autopsies = unpoisoned(&self.autopsies);
        autopsies.log(&autopsy, &self.plan.topology, self.clock.now());
        autopsies.keep(autopsy);
    }

    /// Tuples that get an autopsy each, at most, when their spout is lost.
    pub(crate) fn lost_autopsies_max(&self) -> usize {
        unpoisoned(&self.autopsies).lost_count_max()
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

    /// The topology cannot go on. The first reason counts.
    #[cold]
    pub(crate) fn end(&self, error: EndError) {
        if self.end.set(error).is_ok()
            && let Some(error) = self.end_error()
        {
            tracing::error!(topology = self.plan.topology, "{error}");
        }
    }

    /// Why the topology has to end, if it has to.
    pub(crate) fn end_error(&self) -> Option<&EndError> {
        self.end.get()
    }

    pub(crate) fn autopsies(&self) -> Vec<Autopsy> {
        unpoisoned(&self.autopsies).kept.iter().cloned().collect()
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

/// What a simulation asks of the books beside an audit.
impl Books {
    /// Tuples of spouts that are done.
    pub(crate) fn acked(&self) -> u64 {
        self.spouts().map(|task| task.acked.load(Ordering::Acquire)).sum()
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
    fn new(producers: usize, consumers: usize) -> Self {
        Self { emitted: Count::new(producers), acked: Count::new(consumers), failed: AtomicU64::default() }
    }

    pub(crate) fn pending(&self) -> i64 {
        let done = self.acked.sum() + self.failed.load(Ordering::Acquire);
        self.emitted.sum().cast_signed().wrapping_sub_unsigned(done)
    }
}
