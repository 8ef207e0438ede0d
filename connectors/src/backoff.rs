//! How long to wait before another try.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Doubles from `ms_min` up to `ms_max`, whatever the number of tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) ms_min: u64,
    pub(crate) ms_max: u64,
}

impl Backoff {
    /// The longest wait before this try, the first retry being 0.
    pub(crate) fn cap(self, attempt: u32) -> Duration {
        let doubled = self.ms_min.saturating_mul(1_u64.checked_shl(attempt).unwrap_or(u64::MAX));
        Duration::from_millis(doubled.min(self.ms_max))
    }

    /// A wait from the upper half of [`Self::cap`], so that several writers do not come back at once.
    pub(crate) fn wait(self, attempt: u32, random: u64) -> Duration {
        let ms = u64::try_from(self.cap(attempt).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(ms - random % (ms / 2 + 1))
    }
}

/// A number that nobody can foresee; good enough to spread waits.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_wait_overflows_or_leaves_its_limits(
            ms_min in any::<u64>(),
            ms_max in any::<u64>(),
            attempt in any::<u32>(),
            random in any::<u64>(),
        ) {
            let wait = Backoff { ms_min, ms_max }.wait(attempt, random);
            prop_assert!(wait <= Duration::from_millis(ms_max));
            prop_assert!(wait >= Duration::from_millis(ms_min.min(ms_max) / 2));
        }
    }

    #[test]
    fn a_wait_doubles_and_stays_within_its_cap() {
        let backoff = Backoff { ms_min: 50, ms_max: 2_000 };
        for (attempt, cap_ms) in
            [(0, 50), (1, 100), (5, 1_600), (6, 2_000), (63, 2_000), (64, 2_000), (u32::MAX, 2_000)]
        {
            assert_eq!(backoff.cap(attempt), Duration::from_millis(cap_ms), "attempt {attempt}");
            for random in [0, 1, 999, u64::MAX] {
                let wait = backoff.wait(attempt, random);
                assert!(wait <= backoff.cap(attempt) && wait >= backoff.cap(attempt) / 2, "{wait:?}");
            }
        }
    }
}
