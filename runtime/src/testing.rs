//! Running a topology in a test: one thread, one clock that stands still, one seed.
//!
//! The [`Driver`] steps the very tasks that the threaded executor steps, in an order drawn from a seed, and moves time only when
//! nothing else can be done. So a test neither sleeps nor races, and a failing seed fails again.
//!
//! ```
//! use trombe::{Config, Topology, testing::Driver};
//!
//! let topology = Topology::new("squares");
//! topology.spout("numbers", 1..=10_u32).shuffle().tasks(3).map("square", |n| n * n).end();
//!
//! let mut driver = Driver::new(&topology, Config::default(), 42)?;
//! let summary = driver.run();
//! assert_eq!((summary.acked, summary.failed), (10, 0));
//! # Ok::<(), trombe::StartError>(())
//! ```
//!
//! Asynchronous spouts and sinks run on a tokio runtime of the driver's own, whose timers go by real time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Nanos};
use crate::config::Config;
use crate::error::StartError;
use crate::executor::Summary;
use crate::flow::wake::Wake;
use crate::metrics::books::Books;
use crate::metrics::snapshot::Snapshot;
use crate::rng::Rng;
use crate::sim::{Ending, Process, World};
use crate::task::{Phase, Step, Task};
use crate::topology::Topology;
use crate::topology::assembly::Assembly;

/// The longest time that [`Driver::run`] lets pass on the topology's clock.
const RUN_MAX: Duration = Duration::from_hours(24);
/// How often tokio's tasks are let on between two looks at ours.
const YIELDS: usize = 8;

/// Steps a topology; see the [module](self).
pub struct Driver {
    books: Arc<Books>,
    tasks: Vec<Box<dyn Task>>,
    wakes: Vec<Arc<Wake>>,
    clock: Clock,
    rng: Rng,
    phase: Phase,
    tokio: Option<tokio::runtime::Runtime>,
    simulation: Option<Process>,
}

impl Driver {
    /// Builds the topology. The seed decides over the order of steps, and over everything else left to chance unless
    /// `config.seed` does.
    pub fn new(topology: &Topology, config: Config, seed: u64) -> Result<Self, StartError> {
        Self::build(topology, config, seed, None)
    }

    /// One life of a process in a simulated world.
    pub(crate) fn in_world(topology: &Topology, config: Config, world: &World) -> Result<Self, StartError> {
        let seed = world.seed().wrapping_add(u64::from(world.crashes()) << 48);
        Self::build(topology, config, seed, Some(world))
    }

    #[expect(clippy::needless_pass_by_value, reason = "as in `Topology::start`")]
    fn build(
        topology: &Topology,
        config: Config,
        seed: u64,
        world: Option<&World>,
    ) -> Result<Self, StartError> {
        let clock = Clock::manual();
        let asynchronous =
            topology.plan()?.components.iter().any(|component| component.kind.is_asynchronous());
        let paused = world.is_some();
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(paused).build();
        let tokio = asynchronous.then(runtime).transpose()?;
        let handle = tokio.as_ref().map(|tokio| tokio.handle().clone());
        let config = Config { seed: config.seed.or(Some(seed)), ..config };
        if let Some(world) = world {
            world.begin(clock.clone());
        }
        let assembly = Assembly::of(topology, config, clock.clone(), handle, world.cloned())?;
        let tasks: Vec<_> = assembly.placed.into_iter().map(|placed| placed.task).collect();
        let simulation = world.map(|world| Process::new(world, tasks.len(), &assembly.wakes, tokio.as_ref()));
        let (books, wakes, rng, phase) = (assembly.books, assembly.wakes, Rng::new(seed), Phase::Running);
        Ok(Self { books, tasks, wakes, clock, rng, phase, tokio, simulation })
    }

    /// The topology's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The books at this moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.books)
    }

    /// Makes so many single steps, each of a task drawn at random: for topologies that never idle.
    pub fn steps(&mut self, count: usize) {
        self.let_tokio_on();
        for _ in 0..count {
            let drawn = self.rng.index(self.tasks.len());
            self.tasks[drawn].step(self.phase);
            self.audit();
        }
    }

    /// Steps tasks until none can do anything at the present time.
    pub fn run_until_idle(&mut self) {
        while self.round() == Step::Progress {}
    }

    /// Moves time, stopping at every moment at which some task has asked to be woken.
    pub fn advance(&mut self, by: Duration) {
        let end = self.clock.elapsed() + by;
        while self.clock.elapsed() < end {
            let left = end.saturating_sub(self.clock.elapsed());
            let step = self.idle_until().map_or(left, |until| left.min(self.time_until(until)));
            self.clock.advance(step.max(Duration::from_nanos(1)).min(left));
        }
        self.run_until_idle();
    }

    /// Runs until the spouts are exhausted and every tuple is done. It gives up, with the summary saying what is unfinished, when no task
    /// waits for anything, or after a day on the topology's clock.
    pub fn run(&mut self) -> Summary {
        self.run_for(RUN_MAX, |books| books.exhausted() && books.settled())
    }

    /// As [`Running::shutdown`](crate::Running::shutdown), with the deadline on the topology's clock.
    pub fn shutdown(mut self, deadline: Duration) -> Summary {
        self.phase = Phase::Draining;
        self.run_for(deadline, Books::settled)
    }

    fn run_for(&mut self, at_most: Duration, done: impl Fn(&Books) -> bool) -> Summary {
        let end = self.clock.elapsed() + at_most;
        loop {
            let idle = self.idle_until();
            if done(&self.books) || self.books.end_error().is_some() || self.clock.elapsed() >= end {
                break;
            }
            match idle {
                Some(until) => {
                    let left = end.saturating_sub(self.clock.elapsed());
                    self.clock.advance(self.time_until(until).clamp(Duration::from_nanos(1), left));
                }
                None if self.wait_for_tokio() => {}
                None => break,
            }
        }
        Summary::of(&self.books)
    }

    /// Runs until idle; returns when the first task wants to be woken.
    fn idle_until(&mut self) -> Option<Nanos> {
        loop {
            if let Step::Wait(until) = self.round() {
                return until;
            }
        }
    }

    fn time_until(&self, until: Nanos) -> Duration {
        Duration::from_nanos(until.saturating_sub(self.clock.now()))
    }

    /// Steps as many tasks as there are, drawn at random. If none of them progresses, it does as a worker does that is about to sleep:
    /// every task is stepped once more, and a notification meanwhile means that there is more to do.
    fn round(&mut self) -> Step {
        let step = self.step_all();
        // A simulation tells of a wrong book itself, with its seed.
        if self.simulation.is_none() {
            self.audit();
        }
        step
    }

    /// Whether producers and consumers agree on what there is.
    fn audit(&self) {
        let audited = self.books.audit();
        assert!(audited.is_ok(), "{audited:?}");
    }

    fn step_all(&mut self) -> Step {
        self.let_tokio_on();
        let mut progress = false;
        for _ in 0..self.tasks.len() {
            let drawn = self.rng.index(self.tasks.len());
            progress |= self.step(drawn) == Step::Progress;
        }
        if progress {
            return Step::Progress;
        }
        self.wakes.iter().for_each(|wake| wake.announce());
        let mut first: Option<Nanos> = None;
        for task in 0..self.tasks.len() {
            match self.step(task) {
                Step::Progress => progress = true,
                Step::Wait(until) => first = first.into_iter().chain(until).min(),
            }
        }
        progress |= self.wakes.iter().any(|wake| !wake.is_asleep());
        self.wakes.iter().for_each(|wake| wake.stay_awake());
        if progress { Step::Progress } else { Step::Wait(first) }
    }

    fn step(&mut self, task: usize) -> Step {
        let now = self.clock.now();
        if let Some(held_back) = self.simulation.as_mut().and_then(|process| process.holds_back(task, now)) {
            return held_back;
        }
        let step = self.tasks[task].step(self.phase);
        if let Some(process) = &mut self.simulation {
            process.stepped(task, step);
        }
        step
    }

    /// Lives until everything is done, the process dies, or nothing goes on any more.
    pub(crate) fn live(&mut self) -> Ending {
        loop {
            let step = self.round();
            let Some(process) = &mut self.simulation else { return Ending::Done };
            if let Some(ending) = process.judge(&self.books, self.clock.now()) {
                return ending;
            }
            let pause = match step {
                Step::Progress => process.dawdle(self.clock.now()).map(Some),
                Step::Wait(_) if self.books.exhausted() && self.books.settled() => return Ending::Done,
                Step::Wait(until) => Some(until),
            };
            if let Some(until) = pause {
                self.wakes.iter().for_each(|wake| wake.announce());
                process.pass(&self.clock, until, self.tokio.as_ref());
                self.wakes.iter().for_each(|wake| wake.stay_awake());
            }
        }
    }

    /// Ends as a killed process does: nobody is told.
    pub(crate) fn kill(mut self) {
        self.tokio = None;
        self.tasks.clear();
    }

    fn let_tokio_on(&self) {
        if let Some(tokio) = &self.tokio {
            tokio.block_on(async {
                for _ in 0..YIELDS {
                    tokio::task::yield_now().await;
                }
            });
        }
    }

    /// Lets a millisecond of real time pass for tokio's timers; false if there is no tokio to wait for.
    fn wait_for_tokio(&self) -> bool {
        let Some(tokio) = &self.tokio else { return false };
        // Made inside the runtime, which a timer needs to be around.
        tokio.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        true
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.tasks.iter_mut().for_each(|task| task.close());
        self.tasks.clear();
        let audited = self.books.audit_end();
        assert!(audited.is_ok() || std::thread::panicking(), "{audited:?}");
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("tasks", &self.tasks.len())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
