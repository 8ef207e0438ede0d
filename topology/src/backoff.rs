//! How long to wait before something is tried again.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Duration;

/// A wait that doubles with each failure in a row up to a cap, and is drawn at random from its upper half, so that several who
/// wait for the same thing do not come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) ms_min: u64,
    pub(crate) ms_max: u64,
    /// `None` draws from the process; a simulation draws the same in every run.
    pub(crate) seed: Option<u64>,
}

impl Backoff {
    /// The wait after so many failures in a row before the last one.
    pub(crate) fn wait(self, failures: u32) -> Duration {
        let doubled = self.ms_min.saturating_mul(1_u64.checked_shl(failures).unwrap_or(u64::MAX));
        let ms = doubled.min(self.ms_max);
        let random = match self.seed {
            None => RandomState::new().hash_one(failures),
            Some(seed) => {
                let mut hasher = DefaultHasher::new();
                (seed, failures).hash(&mut hasher);
                hasher.finish()
            }
        };
        Duration::from_millis(ms - random % (ms / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_wait_never_overflows_nor_leaves_its_bounds(ms_min: u64, ms_max: u64, failures: u32) {
            let (ms_min, ms_max) = (ms_min.min(ms_max), ms_min.max(ms_max));
            let wait = Backoff { ms_min, ms_max, seed: None }.wait(failures);
            prop_assert!(wait >= Duration::from_millis(ms_min / 2) && wait <= Duration::from_millis(ms_max));
        }
    }

    #[test]
    fn the_wait_doubles_up_to_its_cap() {
        let backoff = Backoff { ms_min: 100, ms_max: 1_000, seed: None };
        for (failures, full) in [(0, 100), (1, 200), (3, 800), (4, 1_000), (70, 1_000), (u32::MAX, 1_000)] {
            let wait = backoff.wait(failures);
            assert!(
                wait >= Duration::from_millis(full / 2) && wait <= Duration::from_millis(full),
                "{wait:?}"
            );
        }
    }
}
