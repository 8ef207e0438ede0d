//! Moments at which every worker of a topology is between two rounds, so that its books can be audited as a whole.
//!
//! Debug builds have them; in release builds nobody calls anything here.

use std::sync::PoisonError;
use std::time::Duration;

use crate::flow::flight::unpoisoned;
use crate::sync::{Condvar, Mutex};

/// How long a moment of rest is waited for: a component that blocks for longer must not hold up all others.
const PATIENCE: Duration = Duration::from_millis(10);

/// Lets workers work at the same time, or one of them look while none does.
#[derive(Debug, Default)]
pub(super) struct Rest {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    /// Somebody looks, or waits for the others to come to rest.
    is_called: bool,
}

/// A worker in the midst of a round.
pub(super) struct AtWork<'a>(&'a Rest);

impl Rest {
    /// Begins to work, unless somebody looks: then after that.
    pub(super) fn work(&self) -> AtWork<'_> {
        let mut state = unpoisoned(&self.state);
        while state.is_called {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.at_work += 1;
        AtWork(self)
    }

    /// Looks while nobody works. `None`: somebody else looks, or a round does not end; to be called by nobody who is at work.
    pub(super) fn look<R>(&self, look: impl FnOnce() -> R) -> Option<R> {
        let mut state = unpoisoned(&self.state);
        if state.is_called {
            return None;
        }
        state.is_called = true;
        while state.at_work > 0 {
            let (waited, timeout) =
                self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            if timeout.timed_out() {
                break;
            }
        }
        let is_at_rest = state.at_work == 0;
        drop(state);
        let _called = Called(self);
        is_at_rest.then(look)
    }
}

/// Lets the others work again, whatever comes of the look.
struct Called<'a>(&'a Rest);

impl Drop for Called<'_> {
    fn drop(&mut self) {
        unpoisoned(&self.0.state).is_called = false;
        self.0.changed.notify_all();
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        unpoisoned(&self.0.state).at_work -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(all(test, trombe_loom))]
mod models {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::flow::models::model;
    use crate::sync::{Arc, AtomicBool};

    #[test]
    fn who_looks_sees_nobody_at_work_and_everybody_goes_on() {
        model(|| {
            let (rest, open) = (Arc::new(Rest::default()), Arc::new(AtomicBool::new(false)));
            let workers = [(); 2].map(|()| {
                let (rest, open) = (Arc::clone(&rest), Arc::clone(&open));
                loom::thread::spawn(move || {
                    let at_work = rest.work();
                    open.store(true, Ordering::Relaxed);
                    open.store(false, Ordering::Relaxed);
                    drop(at_work);
                    rest.look(|| assert!(!open.load(Ordering::Relaxed)));
                })
            });
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            assert_eq!(rest.look(|| ()), Some(()), "it is over");
        });
    }
}
