//! One life of a simulated process: which task may be stepped, how time passes, and whether it still gets anywhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::fault::Fault;
use super::plan::Chance;
use super::world::World;
use crate::clock::{Clock, Nanos, nanos, tokio_now};
use crate::flow::wake::Wake;
use crate::metrics::books::Books;
use crate::task::Step;

/// A slow task does nothing for this long at most.
const SLOW_MAX: Duration = Duration::from_secs(10);
/// Steps between two opportunities for the process to die.
const STEPS_A_CRASH: u64 = 16;
/// Without a fault and without a spout's tuple acked for so long, something starves.
const STARVED_AFTER: Duration = Duration::from_mins(30);
/// The same, in rounds of all tasks, should no time pass at all.
const STARVED_ROUNDS: u64 = 200_000;
/// Time passes in a busy process too: now and then up to this long.
const BUSY_MAX: Duration = Duration::from_millis(20);

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The spouts are exhausted, and every tuple is done.
    Done,
    /// The process has died.
    Died,
    /// It gets nowhere, or its books are wrong.
    Wrong(String),
}

/// See the [module](self).
pub(crate) struct Process {
    world: World,
    chance: Chance,
    /// When each task may be stepped again.
    slow_until: Vec<Nanos>,
    steps: u64,
    notify: Arc<Notify>,
    /// When tokio's clock was zero on ours.
    start: Option<Instant>,
    progress: Progress,
}

/// The last sign of progress.
#[derive(Default)]
struct Progress {
    acked: u64,
    struck: usize,
    at: Nanos,
    rounds: u64,
}

impl Process {
    pub(crate) fn new(world: &World, tasks: usize, wakes: &[Arc<Wake>], tokio: Option<&Runtime>) -> Self {
        let notify = Arc::new(Notify::new());
        for wake in wakes {
            wake.bind_to(&notify);
        }
        let start = tokio.map(|tokio| tokio.block_on(async { tokio_now() }));
        Self {
            chance: world.chance(&format!("process {}", world.crashes())),
            world: world.clone(),
            slow_until: vec![0; tasks],
            steps: 0,
            notify,
            start,
            progress: Progress::default(),
        }
    }

    /// What a task says that may not be stepped now.
    pub(crate) fn holds_back(&mut self, task: usize, now: Nanos) -> Option<Step> {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_A_CRASH) {
            self.world.dies();
        }
        if self.world.is_dead() {
            return Some(Step::Wait(None));
        }
        if let Some(mut chance) = self.world.strike(Fault::SLOW_TASK.name()) {
            self.slow_until[task] = now.saturating_add(nanos(chance.pause(SLOW_MAX)));
        }
        (now < self.slow_until[task]).then(|| Step::Wait(Some(self.slow_until[task])))
    }

    pub(crate) fn stepped(&mut self, task: usize, step: Step) {
        let what = [task.to_le_bytes(), usize::from(step == Step::Progress).to_le_bytes()];
        self.world.note(what.as_flattened());
    }

    /// Whether it goes on after a round.
    pub(crate) fn judge(&mut self, books: &Books, now: Nanos) -> Option<Ending> {
        if self.world.is_dead() {
            return Some(Ending::Died);
        }
        if let Some(component) = self.world.has_panicked() {
            let reason = format!("`{component}` panicked by itself; its message is on stderr");
            return Some(Ending::Wrong(reason));
        }
        if let Err(reason) = books.audit() {
            return Some(Ending::Wrong(reason.to_string()));
        }
        if let Some(error) = books.end_error() {
            return Some(Ending::Wrong(error.to_string()));
        }
        let (acked, struck) = (books.acked(), self.world.struck_count());
        let last = &mut self.progress;
        if acked > last.acked || struck > last.struck {
            *last = Progress { acked, struck, at: now, rounds: 0 };
        }
        last.rounds += 1;
        let starved = now.saturating_sub(last.at) > nanos(STARVED_AFTER) || last.rounds > STARVED_ROUNDS;
        starved
            .then(|| Ending::Wrong(format!("starved: no tuple was acked any more; {}", books.unfinished())))
    }

    /// Until when to let time pass although there is something to do; mostly not at all.
    pub(crate) fn dawdle(&mut self, now: Nanos) -> Option<Nanos> {
        self.chance.one_in(8).then(|| now.saturating_add(nanos(self.chance.pause(BUSY_MAX))))
    }

    /// Lets time pass until then, or until something happens: tokio's timers go off in their order on the way.
    pub(crate) fn pass(&self, clock: &Clock, until: Option<Nanos>, tokio: Option<&Runtime>) {
        let most =
            until.map_or(STARVED_AFTER, |until| Duration::from_nanos(until.saturating_sub(clock.now())));
        let (Some(tokio), Some(start)) = (tokio, self.start) else {
            clock.advance(most.max(Duration::from_nanos(1)));
            return;
        };
        tokio.block_on(async {
            tokio::select! {
                biased;
                () = self.notify.notified() => {}
                () = tokio::time::sleep(most) => {}
            }
            clock.advance(start.elapsed().saturating_sub(clock.elapsed()));
        });
    }
}
