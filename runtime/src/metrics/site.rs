//! A task's place in the topology: who it is, and what it writes into the books.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::books::{Books, TaskBook};
use crate::clock::{Clock, Nanos};
use crate::error::EndError;
use crate::failure::{Autopsy, Failure, FailureKind};
use crate::flow::flight::unpoisoned;
use crate::flow::wake::Wake;
use crate::sync::{AtomicBool, AtomicUsize, Mutex};
use crate::tuple::Orphan;

/// Shared by a task and the tuples it has handed out.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) component: usize,
    pub(crate) task: usize,
    pub(crate) clock: Clock,
    pub(crate) wake: Arc<Wake>,
    pub(crate) books: Arc<Books>,
    pub(crate) own: Arc<TaskBook>,
    in_hand: AtomicUsize,
    /// `None`: the task is gone, and nobody will come for orphans.
    orphans: Mutex<Option<Vec<Orphan>>>,
    has_orphans: AtomicBool,
}

impl Site {
    pub(crate) fn new(books: &Arc<Books>, component: usize, task: usize, wake: Arc<Wake>) -> Self {
        Self {
            component,
            task,
            clock: books.clock.clone(),
            wake,
            own: Arc::clone(&books.tasks[component][task]),
            books: Arc::clone(books),
            in_hand: AtomicUsize::new(0),
            orphans: Mutex::new(Some(Vec::new())),
            has_orphans: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.books.plan.components[self.component].name
    }

    pub(crate) fn sent(&self, edge: usize, count: usize) {
        self.books.edges[edge].emitted.add(self.task, count);
    }

    pub(crate) fn emitted(&self, count: usize) {
        self.own.emitted.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn acked(&self, edge: usize, count: usize) {
        self.own.acked.fetch_add(count as u64, Ordering::Relaxed);
        self.books.edges[edge].acked.add(self.task, count);
    }

    pub(crate) fn failed(&self, edge: usize, count: usize) {
        self.own.failed.fetch_add(count as u64, Ordering::Relaxed);
        self.books.edges[edge].failed.fetch_add(count as u64, Ordering::AcqRel);
    }

    /// Counts tuples executed and the time they took together.
    pub(crate) fn executed(&self, count: usize, took: Nanos) {
        if count > 0 {
            let count = count as u64;
            self.own.executed.fetch_add(count, Ordering::Relaxed);
            self.own.execute.record(took / count, count);
        }
    }

    pub(crate) fn taken_in_hand(&self, count: usize) {
        self.own.pending.fetch_add(count, Ordering::AcqRel);
        self.in_hand.fetch_add(count, Ordering::AcqRel);
    }

    pub(crate) fn handed_on(&self, count: usize) {
        self.in_hand.fetch_sub(count, Ordering::AcqRel);
    }

    pub(crate) fn closed(&self, count: usize, in_hand: usize) {
        self.own.pending.fetch_sub(count, Ordering::AcqRel);
        if in_hand > 0 {
            self.handed_on(in_hand);
        }
    }

    /// So many input tuples have to wait in the middle of their batch.
    pub(crate) fn interrupted(&self, count: usize) {
        self.own.interrupted.fetch_add(count, Ordering::Relaxed);
    }

    /// They go on.
    pub(crate) fn resumed(&self, count: usize) {
        self.own.interrupted.fetch_sub(count, Ordering::Relaxed);
    }

    /// Tuples that the component holds and has not handed on.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Acquire)
    }

    pub(crate) fn error(&self, reason: &str) {
        let mut last = unpoisoned(&self.own.last_error);
        let last = last.get_or_insert_default();
        last.clear();
        last.push_str(reason);
    }

    /// Notes why the component could not do what it was asked, with what that was if it was no tuple. Some reasons end the topology.
    pub(crate) fn trouble(&self, doing: Option<&str>, failure: &Failure) {
        match doing {
            None => self.error(failure.reason()),
            Some(doing) => self.error(&format!("{doing}: {failure}")),
        }
        self.heed(failure.kind(), failure.reason());
    }

    /// Ends the topology, if nothing can go on after such a failure.
    pub(crate) fn heed(&self, kind: FailureKind, reason: &str) {
        if kind.is_final() {
            let (component, reason) = (self.name().to_owned(), reason.to_owned());
            self.books.end(EndError { component, task: self.task, kind, reason });
        }
    }

    pub(crate) fn restarted(&self, reason: &str) {
        self.own.restarts.fetch_add(1, Ordering::Relaxed);
        self.error(reason);
        tracing::warn!(component = self.name(), task = self.task, reason, "task is rebuilt");
    }

    /// Of a tuple that came here by that edge.
    pub(crate) fn autopsy(
        &self,
        edge: usize,
        queued: Nanos,
        worked: Nanos,
        failure: &Failure,
    ) -> Arc<Autopsy> {
        Arc::new(self.books.autopsy(edge, self.task, (queued, worked), failure))
    }

    /// Of a tuple that came by no edge: this is a spout and speaks of its own.
    pub(crate) fn own_autopsy(&self, reason: String) -> Autopsy {
        let name = self.name();
        Autopsy {
            component: name.to_owned(),
            edge: name.to_owned(),
            task: self.task,
            spout: name.to_owned(),
            id: None,
            attempt: 1,
            queued_us: 0,
            executed_us: 0,
            kind: FailureKind::Retry,
            reason,
        }
    }

    /// Takes charge of a tuple that was dropped without an answer.
    pub(crate) fn orphan(&self, orphan: Orphan) {
        self.interrupted(1);
        let mut orphans = unpoisoned(&self.orphans);
        if let Some(waiting) = orphans.as_mut() {
            waiting.push(orphan);
            self.has_orphans.store(true, Ordering::Release);
            drop(orphans);
            self.wake.notify();
        } else {
            // Failing may reach far, and back to here.
            drop(orphans);
            orphan.fail(&dropped());
        }
    }

    /// Fails the orphans for the reason that the task knows, or for having been dropped. True if there were any.
    pub(crate) fn fail_orphans(&self, reason: Option<&Failure>) -> bool {
        if !self.has_orphans.swap(false, Ordering::AcqRel) {
            return false;
        }
        let orphans = unpoisoned(&self.orphans).as_mut().map(std::mem::take);
        let reason = reason.cloned().unwrap_or_else(dropped);
        let orphans = orphans.unwrap_or_default();
        let any = !orphans.is_empty();
        for orphan in orphans {
            orphan.fail(&reason);
        }
        any
    }

    /// The task is done: what is dropped from now on fails by itself.
    pub(crate) fn close(&self) {
        let orphans = unpoisoned(&self.orphans).take();
        let reason = dropped();
        orphans.into_iter().flatten().for_each(|orphan| orphan.fail(&reason));
    }
}

fn dropped() -> Failure {
    Failure::retry("dropped without ack or fail")
}
