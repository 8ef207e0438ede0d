//! The only place that reads time.
//!
//! Everything else is handed a [`Clock`] or a number, so that tests and the simulator decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nanoseconds since the topology started.
pub(crate) type Nanos = u64;

/// Monotone time since the start of a topology: the system's or one set by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The system's monotone clock, starting at zero now.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands still until it is advanced.
    #[must_use]
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::default()))
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now())
    }

    /// Moves a manual clock forward; the system's clock is not ours to move and ignores it.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(nanos(by), Ordering::AcqRel);
        }
    }

    pub(crate) fn now(&self) -> Nanos {
        match &self.0 {
            Source::System(start) => nanos(start.elapsed()),
            Source::Manual(now) => now.load(Ordering::Acquire),
        }
    }
}

/// What tokio's timers take for the present; in a simulation it stands still until they are waited for.
pub(crate) fn tokio_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A duration in nanoseconds; 584 years and more count as 584 years.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds in nanoseconds, saturating.
pub(crate) const fn millis(ms: u64) -> Nanos {
    ms.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual();
        assert_eq!(clock.now(), 0);
        clock.clone().advance(Duration::from_millis(5));
        assert_eq!(clock.elapsed(), Duration::from_millis(5));
    }
}
