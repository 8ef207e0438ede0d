//! The last autopsies.

use std::collections::VecDeque;

use crate::clock::{Nanos, millis};
use crate::failure::Autopsy;

/// The log takes no more autopsies in this time than a snapshot holds.
const PERIOD: Nanos = millis(60_000);

/// Tuples that are lost with their spout take one autopsy of so many: they say nothing new, and those with a cause are not to make room for them.
const LOST_SHARE: usize = 10;

/// The last so many autopsies, and how many of them the log has had lately: a topology of which everything fails should not fill a disk.
#[derive(Debug)]
pub(super) struct Autopsies {
    pub(super) kept: VecDeque<Autopsy>,
    count_max: usize,
    period_ends: Nanos,
    logged: usize,
    unlogged: u64,
}

impl Autopsies {
    pub(super) fn new(count_max: usize) -> Self {
        Self { kept: VecDeque::new(), count_max, period_ends: 0, logged: 0, unlogged: 0 }
    }

    pub(super) fn keep(&mut self, autopsy: Autopsy) {
        if self.kept.len() == self.count_max {
            self.kept.pop_front();
        }
        if self.count_max > 0 {
            self.kept.push_back(autopsy);
        }
    }

    /// Autopsies of tuples that are lost with their spout, at most.
    pub(super) fn lost_count_max(&self) -> usize {
        (self.count_max / LOST_SHARE).max(1)
    }

    pub(super) fn log(&mut self, autopsy: &Autopsy, topology: &str, now: Nanos) {
        if let Some(unlogged) = self.admit(now) {
            if unlogged > 0 {
                tracing::warn!(
                    topology,
                    unlogged,
                    "further tuples have failed; the snapshot has the last ones"
                );
            }
            tracing::warn!(topology, spout = autopsy.spout, id = autopsy.id, "{autopsy}");
        }
    }

    /// Whether one more may be logged; then, how many were not since the last one that was.
    fn admit(&mut self, now: Nanos) -> Option<u64> {
        if now >= self.period_ends {
            (self.period_ends, self.logged) = (now.saturating_add(PERIOD), 0);
        }
        if self.logged >= self.count_max {
            self.unlogged += 1;
            return None;
        }
        self.logged += 1;
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_as_many_a_minute_as_are_kept_and_is_told_of_the_others() {
        let mut autopsies = Autopsies::new(2);
        let admitted = [0, 1, 2, 59_999, 60_000, 60_001, 60_002].map(|ms| autopsies.admit(millis(ms)));
        assert_eq!(admitted, [Some(0), Some(0), None, None, Some(2), Some(0), None]);
    }
}
