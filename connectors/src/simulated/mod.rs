//! A log and an index in memory, to which everything happens that happens to real ones: for simulations.
//!
//! They keep every promise of [`Log`](crate::Log) and [`Index`](crate::Index), and pass the [conformance](crate::conformance) suites. When and
//! how they are disturbed is decided by whoever runs the simulation, through [`Disturb`]; [`Calm`] leaves them alone.
//!
//! | fault | what happens |
//! |---|---|
//! | [`LOG_AWAY`] | no broker answers, for up to a minute |
//! | [`LOG_REPEAT`] | after a fail-over a fetch begins before the last one's end, but not before the committed offset |
//! | [`LOG_REORDER`] | after a fail-over a fetch gives its records in another order, even within a partition |
//! | [`LOG_CUT`] | an append is cut off: its messages are there, or not, and there is no answer |
//! | [`INDEX_BUSY`] | every document of a request is answered with 429 |
//! | [`INDEX_PARTIAL`] | some documents of a request are stored, the others answered with 503 |
//! | [`INDEX_CUT`] | the connection is cut after the body: documents are stored, and the answer is lost |
//! | [`INDEX_OUTAGE`] | no node answers, for up to ten minutes |
//! | [`INDEX_SLOW`] | a request waits up to ten seconds, so that later ones pass it |

mod consumer;
mod index;
mod log;

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

pub use self::index::SimulatedIndex;
pub use self::log::SimulatedLog;

/// See the [module](self).
pub const LOG_AWAY: &str = "log-away";
/// See the [module](self).
pub const LOG_REPEAT: &str = "log-repeat";
/// See the [module](self).
pub const LOG_REORDER: &str = "log-reorder";
/// See the [module](self).
pub const LOG_CUT: &str = "log-cut";
/// See the [module](self).
pub const INDEX_BUSY: &str = "index-busy";
/// See the [module](self).
pub const INDEX_PARTIAL: &str = "index-partial";
/// See the [module](self).
pub const INDEX_CUT: &str = "index-cut";
/// See the [module](self).
pub const INDEX_OUTAGE: &str = "index-outage";
/// See the [module](self).
pub const INDEX_SLOW: &str = "index-slow";

/// Who decides what goes wrong, and what time it is.
pub trait Disturb: Send + Sync {
    /// An opportunity for a fault. `Some`: it strikes, and how is up to the number, of which every bit is random.
    fn strike(&self, fault: &'static str) -> Option<u64>;

    /// An opportunity for the calling process to die between two effects. True: it is dead, and has no further effect.
    fn dies(&self) -> bool;

    /// Whether the calling process is dead.
    fn is_dead(&self) -> bool;

    /// Time since the simulation began.
    fn now(&self) -> Duration;

    /// Something has happened that must happen again when the simulation is repeated.
    fn note(&self, what: &str);
}

/// Nothing goes wrong, and no time passes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calm;

impl Disturb for Calm {
    fn strike(&self, _: &'static str) -> Option<u64> {
        None
    }

    fn dies(&self) -> bool {
        false
    }

    fn is_dead(&self) -> bool {
        false
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn note(&self, _: &str) {}
}

impl fmt::Debug for dyn Disturb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disturb").finish_non_exhaustive()
    }
}

/// A time of absence.
#[derive(Debug, Default)]
struct Absence(Mutex<Duration>);

impl Absence {
    /// Whether it lasts, or begins now, for at most `ms_max` and mostly much less.
    fn is_on(&self, disturb: &dyn Disturb, fault: &'static str, ms_max: u64) -> bool {
        let now = disturb.now();
        let mut until = unpoisoned(&self.0);
        if now >= *until
            && let Some(random) = disturb.strike(fault)
        {
            *until = now + Duration::from_millis(1 + ((random % ms_max) >> (random >> 61)));
        }
        now < *until
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Items in an order that follows from the number (Fisher and Yates, with Knuth's generator).
fn shuffle<T>(items: &mut [T], mut random: u64) {
    for last in (1..items.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = (random >> 33) % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap_or(0));
    }
}
