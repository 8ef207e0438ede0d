//! Workers: threads that step tasks in turn, and sleep when none has anything to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::rest::Rest;
use crate::clock::Clock;
use crate::emitter::panic_reason;
use crate::error::EndError;
use crate::flow::flight::unpoisoned;
use crate::flow::wake::Wake;
use crate::metrics::audit::Imbalance;
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
    rest: Rest,
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
    tasks: Vec<Box<dyn Task>>,
    /// What its tasks do is in the books.
    is_audited: bool,
    /// So many rounds until the next audit.
    audit_in: u32,
    /// And so many until the one after it, if no moment could be had for it.
    audit_every: u32,
}

/// Rounds from one audit to the next. Each stops all workers, so that one after every round would leave one of them at work at a time.
const AUDIT_EVERY: u32 = 8;
/// The same at most, where some component's rounds do not end.
const AUDIT_EVERY_MAX: u32 = 1_024;
/// A thread of the user's own may be stopped in the midst of ending a tuple: it has so long to be done.
const AUDIT_PATIENCE: Duration = Duration::from_millis(200);

impl Worker {
    pub(crate) fn new(control: &Arc<Control>, wake: Arc<Wake>, books: &Arc<Books>, is_audited: bool) -> Self {
        let (control, books) = (Arc::clone(control), Arc::clone(books));
        Self { control, wake, books, tasks: Vec::new(), is_audited, audit_in: 0, audit_every: AUDIT_EVERY }
    }

    pub(crate) fn add(&mut self, task: Box<dyn Task>) {
        self.tasks.push(task);
    }

    /// Steps the tasks until it is time to go. The tasks contain the panics of components, so one that comes here is a mistake
    /// in the engine: what the tasks have is failed by being dropped, and the topology ends rather than hang.
    pub(crate) fn run(mut self) {
        let mut panic = catch_unwind(AssertUnwindSafe(|| self.work())).err();
        // One by one: a second panic while one unwinds would abort the process.
        for task in self.tasks.drain(..) {
            panic = panic.or(catch_unwind(AssertUnwindSafe(move || drop(task))).err());
        }
        if let Some(panic) = panic {
            self.books.end(EndError::mistake(&panic_reason(&*panic)));
            self.control.stop();
            self.control.report_lull();
        }
    }

    fn work(&mut self) {
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
        let _at_work = self.takes_part().then(|| self.control.rest.work());
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
        let at_work = self.takes_part().then(|| self.control.rest.work());
        let mut round = Step::Wait(None);
        for task in &mut self.tasks {
            round = match (round, task.step(phase)) {
                (Step::Progress, _) | (_, Step::Progress) => Step::Progress,
                (Step::Wait(one), Step::Wait(other)) => Step::Wait(one.into_iter().chain(other).min()),
            };
        }
        drop(at_work);
        if self.takes_part() {
            self.audit();
        }
        round
    }

    /// In debug builds, unless it is the writer's.
    fn takes_part(&self) -> bool {
        cfg!(debug_assertions) && self.is_audited
    }

    /// Audits the books from time to time, at a moment when all workers are between two rounds.
    fn audit(&mut self) {
        if self.audit_in > 0 {
            self.audit_in -= 1;
            return;
        }
        let audited = self.control.rest.look(|| self.audited());
        self.audit_every =
            if audited.is_some() { AUDIT_EVERY } else { AUDIT_EVERY_MAX.min(2 * self.audit_every) };
        self.audit_in = self.audit_every;
        if let Some(Err(imbalance)) = audited {
            panic!("{imbalance}");
        }
    }

    /// A topology that is stopping fails what it has, worker by worker, and is audited at its end.
    fn audited(&self) -> Result<(), Imbalance> {
        let clock = Clock::system();
        loop {
            let audited = self.books.audit();
            if self.phase().is_none() {
                return Ok(());
            }
            if audited.is_ok() || clock.elapsed() >= AUDIT_PATIENCE {
                return audited;
            }
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

#[cfg(all(test, not(trombe_loom)))]
mod tests {
    use crate::{Config, FailureKind, Topology};

    use super::*;

    /// Panics where nothing is to: when it is stepped, closed or dropped.
    struct Mistaken(Moment);

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Moment {
        Step,
        Close,
        Drop,
    }

    impl Mistaken {
        fn at(&self, moment: Moment) {
            assert_ne!(self.0, moment, "planted");
        }
    }

    impl Task for Mistaken {
        fn step(&mut self, _: Phase) -> Step {
            self.at(Moment::Step);
            Step::Wait(None)
        }

        fn close(&mut self) {
            self.at(Moment::Close);
        }
    }

    impl Drop for Mistaken {
        fn drop(&mut self) {
            self.at(Moment::Drop);
        }
    }

    #[test]
    fn a_worker_that_panics_ends_the_topology_with_an_error() {
        for moments in [&[Moment::Step][..], &[Moment::Close], &[Moment::Drop, Moment::Step, Moment::Drop]] {
            let topology = Topology::new("t");
            topology.spout("numbers", 0_u64..).end();
            let mut running = topology.start(Config::default()).unwrap();
            let mut worker = Worker::new(&running.control, Arc::default(), &running.books, false);
            for moment in moments {
                worker.add(Box::new(Mistaken(*moment)));
            }
            if !moments.contains(&Moment::Step) {
                running.control.stop();
            }
            running.workers.push(std::thread::spawn(|| worker.run()));
            let observer = running.observer();
            let error = running.wait().error.expect("the topology is told");
            assert_eq!(observer.error(), Some(&error), "{moments:?}");
            assert_eq!((error.component.as_str(), error.kind), ("engine", FailureKind::Fatal));
            assert!(error.reason.contains("planted"), "{error}");
            assert!(error.reason.contains("please report it"), "{error}");
        }
    }

    /// What is planted into the books of a topology at work: nothing of it shows as more done than was sent.
    #[cfg(debug_assertions)]
    type Leak = fn(&Books);

    #[cfg(debug_assertions)]
    #[test]
    fn a_leak_is_found_while_several_workers_are_at_work() {
        let leaks: [(&str, Leak); 3] = [
            ("a tuple is sent and never comes", |books| {
                books.edges[0].emitted.add(0, 1);
            }),
            ("a held tuple is forgotten", |books| {
                books.tasks[1][0].pending.fetch_add(1, Ordering::AcqRel);
            }),
            ("a tree does not end", |books| {
                books.tasks[0][0].trees.fetch_add(1, Ordering::Relaxed);
            }),
        ];
        for (name, leak) in leaks {
            let topology = Topology::new("t");
            let numbers = topology.spout("numbers", 0_u64..);
            numbers.shuffle().tasks(2).map("same", |n| n).shuffle().tasks(2).for_each("end", |_| ());
            let running = topology.start(Config { workers_count: Some(3), ..Config::default() }).unwrap();
            assert!(!running.wait_for(Duration::from_millis(300)), "it has no end");
            assert_eq!(running.control.order.load(Ordering::Acquire), RUN, "{name}: not planted yet");
            leak(&running.books);
            // Whoever finds it stops the topology.
            let clock = Clock::system();
            running.control.wait(Some(Duration::from_mins(1)), || false);
            assert_eq!(running.control.order.load(Ordering::Acquire), STOP, "{name}: not found");
            eprintln!("{name}: found after {:?}", clock.elapsed());
            let error = running.wait().error.expect(name);
            assert!(error.reason.contains("are wrong"), "{name}: {error}");
        }
    }
}
