//! Workers: threads that step tasks in turn, and sleep when none has anything to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::emitter::panic_reason;
use crate::flow::flight::unpoisoned;
use crate::flow::wake::Wake;
use crate::metrics::books::Books;
use crate::sync::{AtomicU8, Condvar, Mutex};
use crate::task::{Phase, Step, Task};

/// What all workers of a topology are to do, and how they say that it may be done.
#[derive(Debug, Default)]
pub(crate) struct Control {
    order: AtomicU8,
    /// Counts the times that a worker found nothing to do.
    lulls: Mutex<u64>,
    lull: Condvar,
}

const RUN: u8 = 0;
const DRAIN: u8 = 1;
const STOP: u8 = 2;

impl Control {
    pub(crate) fn drain(&self) {
        self.order.fetch_max(DRAIN, Ordering::AcqRel);
    }

    pub(crate) fn stop(&self) {
        self.order.fetch_max(STOP, Ordering::AcqRel);
    }

    /// Waits until `done`, looking at it whenever a worker has run out of work; false if the deadline or a stop comes first.
    pub(crate) fn wait(&self, deadline: Option<Duration>, done: impl Fn() -> bool) -> bool {
        let clock = Clock::system();
        let mut lulls = unpoisoned(&self.lulls);
        loop {
            if done() {
                return true;
            }
            if self.order.load(Ordering::Acquire) == STOP {
                return false;
            }
            // Looked at from time to time all the same: a worker that is never idle tells nobody.
            let mut at_most = Duration::from_millis(100);
            if let Some(deadline) = deadline {
                let left = deadline.saturating_sub(clock.elapsed());
                if left.is_zero() {
                    return false;
                }
                at_most = at_most.min(left);
            }
            lulls = self.lull.wait_timeout(lulls, at_most).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn report_lull(&self) {
        *unpoisoned(&self.lulls) += 1;
        self.lull.notify_all();
    }
}

pub(crate) struct Worker {
    control: Arc<Control>,
    wake: Arc<Wake>,
    books: Arc<Books>,
    /// No other worker steps tasks of the topology.
    is_alone: bool,
    tasks: Vec<Box<dyn Task>>,
}

impl Worker {
    pub(crate) fn new(control: &Arc<Control>, wake: Arc<Wake>, books: &Arc<Books>, is_alone: bool) -> Self {
        Self { control: Arc::clone(control), wake, books: Arc::clone(books), is_alone, tasks: Vec::new() }
    }

    pub(crate) fn add(&mut self, task: Box<dyn Task>) {
        self.tasks.push(task);
    }

    /// Steps the tasks until it is time to go. The tasks contain the panics of components, so one that comes here is a mistake
    /// in the engine: what the tasks have is failed by being dropped, and the topology stops rather than hang.
    pub(crate) fn run(self) {
        let control = Arc::clone(&self.control);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            tracing::error!(
                reason = panic_reason(&*panic),
                "a worker has panicked, which is a mistake in the engine"
            );
            control.stop();
            control.report_lull();
        }
    }

    fn work(mut self) {
        self.wake.bind();
        while let Some(phase) = self.phase() {
            if self.round(phase) == Step::Progress {
                continue;
            }
            self.wake.announce();
            match self.round(phase) {
                // An order given before the announcement would not wake us.
                Step::Wait(until) if self.phase() == Some(phase) => {
                    if phase == Phase::Draining || self.books.exhausted() {
                        self.control.report_lull();
                    }
                    self.wake.sleep(
                        until.map(|until| Duration::from_nanos(until.saturating_sub(self.books.clock.now()))),
                    );
                }
                _ => self.wake.stay_awake(),
            }
        }
        if self.books.end_error().is_some() {
            self.control.stop();
            self.control.report_lull();
        }
        self.tasks.iter_mut().for_each(|task| task.close());
    }

    /// `None`: it is time to go.
    fn phase(&self) -> Option<Phase> {
        if self.books.end_error().is_some() {
            return None;
        }
        match self.control.order.load(Ordering::Acquire) {
            RUN => Some(Phase::Running),
            DRAIN => Some(Phase::Draining),
            _ => None,
        }
    }

    /// Steps every task once. Waits only if all of them do, until the first deadline.
    fn round(&mut self, phase: Phase) -> Step {
        let mut round = Step::Wait(None);
        for task in &mut self.tasks {
            round = match (round, task.step(phase)) {
                (Step::Progress, _) | (_, Step::Progress) => Step::Progress,
                (Step::Wait(one), Step::Wait(other)) => Step::Wait(one.into_iter().chain(other).min()),
            };
        }
        self.audit();
        round
    }

    /// In debug builds. Between two rounds of a worker that is alone everything is at rest, and everything is looked at; several can tell at any
    /// time at least that no edge is overdrawn.
    fn audit(&self) {
        if cfg!(debug_assertions) {
            let audited = if self.is_alone { self.books.audit() } else { self.books.audit_running() };
            assert!(audited.is_ok(), "{audited:?}");
        }
    }
}

#[cfg(all(test, trombe_loom))]
mod models {
    use super::*;
    use crate::flow::models::model;
    use crate::sync::AtomicBool;

    #[test]
    fn who_waits_for_the_end_is_told_of_it() {
        model(|| {
            let (control, done) = (Arc::new(Control::default()), Arc::new(AtomicBool::new(false)));
            let (worker, end) = (Arc::clone(&control), Arc::clone(&done));
            let worker = loom::thread::spawn(move || {
                end.store(true, Ordering::Release);
                worker.report_lull();
            });
            assert!(control.wait(None, || done.load(Ordering::Acquire)));
            worker.join().unwrap();
        });
    }

    #[test]
    fn who_waits_for_the_end_is_told_of_a_stop() {
        model(|| {
            let control = Arc::new(Control::default());
            let worker = Arc::clone(&control);
            let worker = loom::thread::spawn(move || {
                worker.drain();
                worker.stop();
                worker.report_lull();
            });
            assert!(!control.wait(None, || false));
            worker.join().unwrap();
        });
    }
}
