//! Waiting between attempts: exponential, capped, scattered.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use crate::config::BackoffConfig;
use crate::random::Random;

/// Doubles from the first wait to the longest. Each wait is scattered over its upper half, so that many
/// clients of one provider that went down together do not come back together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: Random,
}

impl Backoff {
    pub(crate) fn new(config: &BackoffConfig) -> Self {
        Self::between(config.first_ms, config.longest_ms)
    }

    pub(crate) fn between(first_ms: u64, longest_ms: u64) -> Self {
        Self::seeded(first_ms, longest_ms, RandomState::new().build_hasher().finish())
    }

    fn seeded(first_ms: u64, longest_ms: u64, seed: u64) -> Self {
        Self {
            first: Duration::from_millis(first_ms),
            longest: Duration::from_millis(longest_ms.max(first_ms)),
            failures: 0,
            random: Random::new(seed),
        }
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = doubled / 2;
        let scatter_us = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        half + Duration::from_micros(self.random.below(scatter_us.saturating_add(1)))
    }

    /// Begins again at the first wait.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_wait_overflows_shrinks_or_leaves_its_limits(first: u64, longest: u64, failures: u32, seed: u64) {
            let mut backoff = Backoff::seeded(first, longest, seed);
            backoff.failures = failures;
            let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest.max(first)));
            for _ in 0..3 {
                let wait = backoff.next();
                prop_assert!(first / 2 <= wait && wait <= longest, "{:?}", wait);
            }
            prop_assert_eq!(backoff.failures, failures.saturating_add(3));
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_stay_in_their_upper_half() {
        let mut backoff = Backoff::seeded(100, 1_000, 1);
        for bound_ms in [100, 200, 400, 800, 1_000, 1_000] {
            let bound = Duration::from_millis(bound_ms);
            let wait = backoff.next();
            assert!(bound / 2 <= wait && wait <= bound, "{wait:?} for {bound:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::seeded(60_000, 3_600_000, 2);
        for _ in 0..1_000 {
            assert!(backoff.next() <= Duration::from_hours(1));
        }
    }
}
