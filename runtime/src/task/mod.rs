//! Tasks: the state machines that executors and tests step.

pub(crate) mod bolt;
pub(crate) mod deferred;
pub(crate) mod effects;
mod inactivity;
pub(crate) mod life;
pub(crate) mod sink;
pub(crate) mod snapshots;
pub(crate) mod spout;
pub(crate) mod stateful;

use crate::clock::{Nanos, millis};

/// One task of a component.
///
/// A step never blocks: it works on one batch at most, and what it cannot hand on it parks, to be tried again before anything else.
pub(crate) trait Task: Send {
    /// Does a bounded amount of work.
    fn step(&mut self, phase: Phase) -> Step;

    /// Ends the component. No step follows.
    fn close(&mut self);
}

/// What a topology as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Spouts emit nothing new; whatever is held is to be brought to an end.
    Draining,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done, and there may be more.
    Progress,
    /// There is nothing to do before somebody notifies the worker, or before the time given.
    Wait(Option<Nanos>),
}

/// A task that waits for space looks again after this time even if nobody wakes it: what holds it up may be a bolt inside its own
/// outputs that waits to be rebuilt.
pub(crate) const BLOCKED_WAIT: Nanos = millis(10);

/// When the next tick is due.
#[derive(Debug)]
pub(crate) struct Ticker {
    every: Nanos,
    due: Nanos,
}

impl Ticker {
    pub(crate) fn new(tick_ms: Option<u64>, now: Nanos) -> Option<Self> {
        tick_ms.map(millis).map(|every| Self { every, due: now.saturating_add(every) })
    }

    /// True once when a tick is due. Ticks that were missed are not made up for.
    pub(crate) fn take(&mut self, now: Nanos) -> bool {
        let due = now >= self.due;
        if due {
            let behind = now - self.due;
            self.due = (now - behind % self.every).saturating_add(self.every);
        }
        due
    }

    pub(crate) fn due(&self) -> Nanos {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_their_pace_and_missed_ones_are_skipped() {
        let mut ticker = Ticker::new(Some(10), 0).unwrap();
        let ms = [5, 10, 11, 19, 20, 57, 59, 60].map(|ms| ticker.take(millis(ms)));
        assert_eq!(ms, [false, true, false, false, true, true, false, true]);
    }
}
