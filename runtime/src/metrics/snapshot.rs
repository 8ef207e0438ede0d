//! The books at one moment, as plain data.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::books::{Books, TaskBook};
use super::histogram::Histogram;
use super::state::StateSnapshot;
use crate::clock::Nanos;
use crate::failure::Autopsy;
use crate::flow::flight::unpoisoned;
use crate::topology::plan::{ComponentKind, PlanComponent};

/// A running topology at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The topology's name.
    pub topology: String,
    /// Time since it was started.
    pub uptime_ms: u64,
    /// Its components, sources before their consumers.
    pub components: Vec<ComponentSnapshot>,
    /// Its edges, in the order of their consumers.
    pub edges: Vec<EdgeSnapshot>,
    /// The last failures, the oldest first: `autopsies_count_max` of them. The log has them, too.
    pub failures: Vec<Autopsy>,
}

/// One component, its tasks taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentSnapshot {
    /// The component's name.
    pub name: String,
    /// What it is.
    pub kind: ComponentKind,
    /// How many tasks it has.
    pub tasks: usize,
    /// Tuples it has emitted, counted once each however many consumers there are.
    pub emitted: u64,
    /// Of a spout: tuples whose whole tree is done. Of others: input tuples done.
    pub acked: u64,
    /// Of a spout: failures of its trees, one an attempt. Of others: input tuples failed.
    pub failed: u64,
    /// Of a spout: tuple trees begun, replays not counted: `trees = acked + given_up + pending`, unless it is just at work.
    pub trees: u64,
    /// Of a spout: trees that ended without being good: rejected, out of attempts, gone from the spout, or lost with a task that
    /// panicked.
    pub given_up: u64,
    /// Of a spout: tuples out. Of others: input tuples held.
    pub pending: u64,
    /// Tuples worked on.
    pub executed: u64,
    /// The median time of working on one tuple; below some microseconds, the mean of its batch.
    pub execute_us_p50: u64,
    /// The time within which 99 of 100 tuples were worked on.
    pub execute_us_p99: u64,
    /// Of a spout: the median time from emit to ack.
    pub complete_us_p50: Option<u64>,
    /// Of a spout: the time within which 99 of 100 tuples were acked.
    pub complete_us_p99: Option<u64>,
    /// Tuples waiting in front of it.
    pub queue_len: u64,
    /// Tasks rebuilt after a panic.
    pub restarts: u64,
    /// Of a stateful bolt: its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateSnapshot>,
    /// The last reason why something failed here.
    pub last_error: Option<String>,
}

/// One edge: `emitted = acked + failed + pending`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeSnapshot {
    /// The emitting component.
    pub from: String,
    /// Its stream.
    pub stream: String,
    /// The consuming component.
    pub to: String,
    /// How tuples are dealt to its tasks.
    pub grouping: String,
    /// Tuples sent; one that goes to several tasks counts once for each.
    pub emitted: u64,
    /// Tuples done.
    pub acked: u64,
    /// Tuples failed.
    pub failed: u64,
    /// Tuples queued, worked on or held. Below zero only by a mistake of the engine, which the log then tells of as an error.
    pub pending: i64,
}

impl Snapshot {
    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&ComponentSnapshot> {
        self.components.iter().find(|component| component.name == name)
    }

    pub(crate) fn of(books: &Books) -> Self {
        let now = books.clock.now();
        let components = books.plan.components.iter().zip(&books.tasks);
        let edges = books.plan.edges().zip(&books.edges).map(|((to, input), book)| {
            // Ends are read before the beginning, so that a tuple under way counts as pending and not as minus one.
            let acked = book.acked.sum();
            let failed = book.failed.load(Ordering::Acquire);
            let emitted = book.emitted.sum();
            let pending = emitted.cast_signed().wrapping_sub_unsigned(acked + failed);
            if pending < 0 {
                let (from, to) = (&input.from, &to.name);
                tracing::error!(
                    from,
                    to,
                    pending,
                    "more tuples are done than were sent: a mistake of the engine"
                );
            }
            EdgeSnapshot {
                from: input.from.clone(),
                stream: input.stream.clone(),
                to: to.name.clone(),
                grouping: input.grouping.to_string(),
                emitted,
                acked,
                failed,
                pending,
            }
        });
        Self {
            topology: books.plan.topology.clone(),
            uptime_ms: now / 1_000_000,
            components: components.map(|(plan, tasks)| ComponentSnapshot::of(plan, tasks, now)).collect(),
            edges: edges.collect(),
            failures: books.autopsies(),
        }
    }
}

impl ComponentSnapshot {
    fn of(plan: &PlanComponent, tasks: &[std::sync::Arc<TaskBook>], now: Nanos) -> Self {
        let sum = |value: &dyn Fn(&TaskBook) -> u64| tasks.iter().map(|task| value(task)).sum();
        let (execute, complete) = (Histogram::default(), Histogram::default());
        for task in tasks {
            execute.merge(&task.execute);
            complete.merge(&task.complete);
        }
        let complete = |per_mille| plan.kind.is_spout().then(|| complete.quantile(per_mille) / 1000);
        Self {
            name: plan.name.clone(),
            kind: plan.kind,
            tasks: plan.tasks,
            emitted: sum(&|task| task.emitted.load(Ordering::Relaxed)),
            acked: sum(&|task| task.acked.load(Ordering::Relaxed)),
            failed: sum(&|task| task.failed.load(Ordering::Relaxed)),
            trees: sum(&|task| task.trees.load(Ordering::Relaxed)),
            given_up: sum(&|task| task.given_up.load(Ordering::Relaxed)),
            pending: sum(&|task| task.pending.load(Ordering::Relaxed) as u64),
            executed: sum(&|task| task.executed.load(Ordering::Relaxed)),
            execute_us_p50: execute.quantile(500) / 1000,
            execute_us_p99: execute.quantile(990) / 1000,
            complete_us_p50: complete(500),
            complete_us_p99: complete(990),
            queue_len: sum(&|task| task.waiting.get().map_or(0, |waiting| waiting.queued() as u64)),
            restarts: sum(&|task| u64::from(task.restarts.load(Ordering::Relaxed))),
            state: plan.guarantee.map(|_| StateSnapshot::of(tasks.iter().map(|task| &task.state), now)),
            last_error: tasks.iter().rev().find_map(|task| unpoisoned(&task.last_error).clone()),
        }
    }
}
