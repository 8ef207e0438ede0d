//! Audits: whether the books agree with what is really there.
//!
//! The producers write what they have sent, the consumers what they have done, each edge for itself. What a component's edges have pending by
//! that is compared with what lies in front of it and in it, which queues, batches and held tuples count by themselves: a tuple that
//! got lost anywhere is missing there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::books::{Books, EdgeBook, TaskBook};

/// What came to a component, or began there, and what is there of it do not agree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the books of `{component}` are wrong: {pending} of its tuples are pending by them, and {there} are there; \
     that is a mistake of the engine, please report it"
)]
pub(crate) struct Imbalance {
    component: String,
    pending: i64,
    there: i64,
}

/// A tuple may be ended by a thread of the user's own in the midst of an audit, which then looks again, so often at most.
const LOOKS_MAX: usize = 1_000;

impl Books {
    /// Audits a topology while none of its tasks is being stepped.
    pub(crate) fn audit(&self) -> Result<(), Imbalance> {
        self.audit_by(|task| {
            let waiting = task.waiting.get();
            let waiting = waiting.map_or(0, |w| w.queued() + w.parked.load(Ordering::Acquire));
            waiting + task.interrupted.load(Ordering::Acquire) + task.pending.load(Ordering::Acquire)
        })
    }

    /// Audits a topology whose tasks are gone, and all queues with them: only held tuples may be left, if somebody has taken them elsewhere.
    pub(crate) fn audit_end(&self) -> Result<(), Imbalance> {
        self.audit_by(|task| task.pending.load(Ordering::Acquire))
    }

    fn audit_by(&self, there: impl Fn(&TaskBook) -> usize) -> Result<(), Imbalance> {
        let mut edges = self.edges.as_slice();
        for (component, tasks) in self.plan.components.iter().zip(&self.tasks) {
            let (inputs, rest) = edges.split_at(component.inputs.len());
            edges = rest;
            if component.kind.is_spout() {
                let there = |task: &TaskBook| task.pending.load(Ordering::Acquire);
                audit(
                    &component.name,
                    || tasks.iter().map(|task| task.trees_pending()).collect(),
                    || sum(tasks, &there),
                )?;
            } else {
                audit(
                    &component.name,
                    || inputs.iter().map(EdgeBook::pending).collect(),
                    || sum(tasks, &there),
                )?;
            }
        }
        Ok(())
    }
}

impl TaskBook {
    /// Of a spout: trees that have not ended.
    fn trees_pending(&self) -> i64 {
        let ended = self.acked.load(Ordering::Acquire) + self.given_up.load(Ordering::Acquire);
        self.trees.load(Ordering::Acquire).cast_signed().wrapping_sub_unsigned(ended)
    }
}

fn sum(tasks: &[Arc<TaskBook>], there: &impl Fn(&TaskBook) -> usize) -> i64 {
    tasks.iter().map(|task| there(task) as u64).sum::<u64>().cast_signed()
}

/// Compares what is pending by the books, edge by edge or task by task, with what is there.
fn audit(component: &str, pending: impl Fn() -> Vec<i64>, there: impl Fn() -> i64) -> Result<(), Imbalance> {
    for look in 0.. {
        let (pending, there) = (pending(), there());
        let is_overdrawn = pending.iter().any(|one| *one < 0);
        let pending = pending.into_iter().sum();
        if !is_overdrawn && pending == there {
            break;
        }
        if look == LOOKS_MAX {
            return Err(Imbalance { component: component.to_owned(), pending, there });
        }
        std::thread::yield_now();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topology;
    use crate::clock::Clock;
    use crate::flow::flight::{Lot, Roots};
    use crate::flow::fragment::Batch;
    use crate::flow::inbox::Inbox;
    use crate::metrics::site::Site;
    use crate::route::{QueueSink, Sink};

    /// The books of one edge, with a queue for one batch, into which two batches of two tuples were sent.
    fn sent() -> (Arc<Books>, Arc<Inbox<u8>>, Site, QueueSink<u8>) {
        let topology = Topology::new("t");
        topology.spout("numbers", 0..1).shuffle().for_each("end", |_| ());
        let books = Arc::new(Books::new(topology.plan().unwrap(), Clock::manual(), 0));
        let inbox = Arc::new(Inbox::new(1, Arc::default()));
        let end = Site::new(&books, 1, 0, Arc::default());
        end.own.waiting.set(inbox.waiting()).unwrap();
        let numbers = Arc::new(Site::new(&books, 0, 0, Arc::default()));
        let mut sink = QueueSink::new(Arc::clone(&inbox), 0, 0, numbers);
        for _ in 0..2 {
            let mut batch = Batch { items: vec![1, 2], roots: Roots::from_iter([0, 1]), ..Batch::default() };
            sink.push(&mut batch, Lot::untracked(&books), 0);
        }
        (books, inbox, end, sink)
    }

    #[test]
    fn what_is_queued_parked_interrupted_or_done_is_accounted_for() {
        let (books, inbox, end, mut sink) = sent();
        assert_eq!(books.audit(), Ok(()), "two are queued, two parked");
        let mut first = inbox.pop().unwrap();
        first.done = 1;
        end.acked(0, 1);
        end.interrupted(1);
        assert!(sink.unpark(0));
        assert_eq!(books.audit(), Ok(()), "one is done, one interrupted, two queued");
        end.resumed(1);
        drop((first, sink, inbox));
        assert_eq!(books.audit_end(), Ok(()), "what was dropped has failed");
        assert_eq!(books.edges[0].failed.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_batch_that_is_lost_is_missed() {
        let (books, inbox, _, sink) = sent();
        std::mem::forget(inbox.pop());
        let imbalance = books.audit().unwrap_err();
        let told = "the books of `end` are wrong: 4 of its tuples are pending by them, and 2 are there";
        assert!(imbalance.to_string().starts_with(told), "{imbalance}");
        drop((sink, inbox));
        assert!(books.audit_end().is_err());
    }

    #[test]
    fn a_tuple_that_is_done_twice_is_seen() {
        let (books, inbox, end, _sink) = sent();
        let batch = inbox.pop();
        end.acked(0, 2);
        end.failed(0, 1);
        assert!(books.audit().is_err());
        drop(batch);
        end.acked(0, 2);
        assert_eq!(books.edges[0].pending(), -3, "and the books do not hide it");
    }
}
