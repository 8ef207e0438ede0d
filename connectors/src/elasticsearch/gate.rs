//! Lets as many bulk requests through as the [`Limit`] allows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::limit::Limit;

#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    in_flight: usize,
}

/// One request under way. Dropping it makes room.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    since: Instant,
    in_flight: usize,
}

impl Gate {
    pub(super) fn new(concurrency_max: usize) -> Self {
        let state = State { limit: Limit::new(concurrency_max), in_flight: 0 };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits for room.
    pub(super) async fn enter(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(in_flight) = self.try_enter() {
                return Pass { gate: self, since: Instant::now(), in_flight };
            }
            changed.await;
        }
    }

    fn try_enter(&self) -> Option<usize> {
        let mut state = self.state();
        if state.in_flight >= state.limit.allowed() {
            return None;
        }
        state.in_flight += 1;
        Some(state.in_flight)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The request was answered, or refused for overload.
    pub(super) fn answered(self, is_overloaded: bool) {
        self.gate.state().limit.observe(self.since.elapsed(), self.in_flight, is_overloaded);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.state().in_flight -= 1;
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_go_in_than_are_allowed_and_room_is_used_at_once() {
        let gate = Gate::new(3);
        let first = gate.enter().await;
        let second = gate.enter().await;
        let mut third = Box::pin(gate.enter());
        assert!(third.as_mut().now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(10)).await;
        drop(first);
        let third = third.now_or_never().expect("there is room");
        second.answered(false);
        third.answered(false);
        let _passes = (gate.enter().await, gate.enter().await, gate.enter().await);
        assert!(gate.enter().now_or_never().is_none(), "it grew, but not beyond its maximum");
    }
}
