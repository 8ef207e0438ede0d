//! When a failed tuple is tried again, and when no more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::clock::{Nanos, millis};
use crate::config::Config;
use crate::failure::FailureKind;
use crate::rng::Rng;

/// Exponential backoff, capped, with jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    min: Nanos,
    max: Nanos,
}

impl Backoff {
    pub(crate) fn new(limits: &Config) -> Self {
        Self { min: millis(limits.retry_backoff_ms_min), max: millis(limits.retry_backoff_ms_max) }
    }

    /// The wait after `failures` failures in a row: `min * 2^(failures - 1)`, at most `max`, of which the upper half is drawn at
    /// random so that what failed together does not come back together.
    pub(crate) fn wait(&self, failures: u32, rng: &mut Rng) -> Nanos {
        let doublings = failures.saturating_sub(1).min(63);
        let full = self.min.saturating_mul(1 << doublings).min(self.max);
        full - rng.below(full / 2 + 1)
    }
}

/// The failed tuples of one spout task.
#[derive(Debug)]
pub(crate) struct Retries {
    backoff: Backoff,
    attempts_max: Option<u32>,
    /// Failures so far, of tuples that have failed and are still out.
    failures: HashMap<u64, u32>,
    due: BinaryHeap<Reverse<(Nanos, u64)>>,
}

/// What becomes of a failed tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Retry,
    GiveUp,
}

impl Retries {
    pub(crate) fn new(limits: &Config) -> Self {
        let (backoff, attempts_max) = (Backoff::new(limits), limits.attempts_max);
        Self { backoff, attempts_max, failures: HashMap::new(), due: BinaryHeap::new() }
    }

    /// Books a failure. Returns which attempt it was, and whether there will be another.
    pub(crate) fn failed(&mut self, id: u64, kind: FailureKind, now: Nanos, rng: &mut Rng) -> (u32, Verdict) {
        let attempt = self.failures.get(&id).map_or(1, |failures| failures.saturating_add(1));
        let is_last = match kind {
            FailureKind::Retry => self.attempts_max.is_some_and(|max| attempt >= max),
            FailureKind::Reject => true,
            // It is no fault of the tuple's that the topology ends.
            FailureKind::Fatal | FailureKind::Superseded => false,
        };
        if is_last {
            self.failures.remove(&id);
            return (attempt, Verdict::GiveUp);
        }
        (self.again(id, now, rng), Verdict::Retry)
    }

    /// Books a failure of a tuple that is tried again whatever happens. Returns which attempt it was.
    pub(crate) fn again(&mut self, id: u64, now: Nanos, rng: &mut Rng) -> u32 {
        let failures = self.failures.entry(id).or_insert(0);
        *failures = failures.saturating_add(1);
        let wait = self.backoff.wait(*failures, rng);
        self.due.push(Reverse((now.saturating_add(wait), id)));
        *failures
    }

    /// A tuple whose time has come has to wait longer, behind the others; no failure is booked.
    pub(crate) fn put_off(&mut self, id: u64, until: Nanos) {
        self.due.push(Reverse((until, id)));
    }

    /// A tuple is done, and had failed so often.
    pub(crate) fn forget(&mut self, id: u64) -> u32 {
        self.failures.remove(&id).unwrap_or(0)
    }

    /// Whether no tuple that is out has failed.
    pub(crate) fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    /// Nothing is out any more.
    pub(crate) fn clear(&mut self) {
        self.failures.clear();
        self.due.clear();
    }

    /// The next tuple whose time has come.
    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<u64> {
        let Reverse((due, _)) = self.due.peek()?;
        if *due > now {
            return None;
        }
        self.due.pop().map(|Reverse((_, id))| id)
    }

    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn the_wait_never_overflows_nor_leaves_its_bounds(min: u64, max: u64, failures: u32, seed: u64) {
            let limits = Config { retry_backoff_ms_min: min.min(max), retry_backoff_ms_max: min.max(max), ..Config::default() };
            let backoff = Backoff::new(&limits);
            let wait = backoff.wait(failures, &mut Rng::new(seed));
            prop_assert!(wait <= backoff.max);
            prop_assert!(wait >= backoff.min / 2);
        }
    }

    proptest! {
        /// Whatever fails when: a tuple with attempts left comes due once for each failure, within the longest wait, in the order of the
        /// due times; one without never does.
        #[test]
        fn every_failure_comes_due_once(
            failures in prop::collection::vec((0_u64..5, 0_u64..50), 1..60),
            attempts_max in prop::option::of(1_u32..4),
            seed in any::<u64>(),
        ) {
            let limits = Config { attempts_max, retry_backoff_ms_min: 1, retry_backoff_ms_max: 20, ..Config::default() };
            let (mut retries, mut rng) = (Retries::new(&limits), Rng::new(seed));
            let (mut now, mut waiting, mut attempts) = (0, Vec::new(), HashMap::new());
            for (id, pause_ms) in failures {
                let (attempt, verdict) = retries.failed(id, FailureKind::Retry, now, &mut rng);
                let expected: &mut u32 = attempts.entry(id).or_insert(0);
                *expected += 1;
                prop_assert_eq!(attempt, *expected);
                if attempts_max.is_some_and(|max| attempt >= max) {
                    prop_assert_eq!(verdict, Verdict::GiveUp);
                    *expected = 0;
                } else {
                    prop_assert_eq!(verdict, Verdict::Retry);
                    waiting.push((id, now.saturating_add(millis(20))));
                }
                now += millis(pause_ms);
                let mut last = 0;
                while let Some(due) = retries.next_due().filter(|due| *due <= now) {
                    prop_assert!(due >= last);
                    last = due;
                    let id = retries.pop_due(now);
                    let at = waiting.iter().position(|(waits, _)| Some(*waits) == id);
                    prop_assert!(at.is_some(), "{:?} came due and had not failed", id);
                    waiting.remove(at.unwrap());
                }
                prop_assert!(waiting.iter().all(|(_, latest)| *latest > now), "overdue at {}: {:?}", now, waiting);
            }
        }
    }

    #[test]
    fn the_wait_doubles_up_to_its_cap() {
        let backoff = Backoff { min: 100, max: 1000 };
        let longest = |failures| (0..1000).map(|seed| backoff.wait(failures, &mut Rng::new(seed))).max();
        let longest: Vec<_> = (1..7).filter_map(longest).collect();
        let near = |wait: u64, full: u64| wait <= full && wait > full - full / 50;
        assert!(
            longest.iter().zip([100, 200, 400, 800, 1000, 1000]).all(|(wait, full)| near(*wait, full)),
            "{longest:?}"
        );
    }

    #[test]
    fn attempts_are_counted_and_end() {
        let limits = Config { attempts_max: Some(2), ..Config::default() };
        let (mut retries, mut rng) = (Retries::new(&limits), Rng::new(1));
        assert_eq!(retries.failed(7, FailureKind::Retry, 0, &mut rng), (1, Verdict::Retry));
        assert_eq!(retries.pop_due(0), None);
        assert_eq!(retries.pop_due(millis(10)), Some(7));
        assert_eq!(retries.failed(7, FailureKind::Retry, 0, &mut rng), (2, Verdict::GiveUp));
        assert_eq!(retries.failed(8, FailureKind::Reject, 0, &mut rng), (1, Verdict::GiveUp));
        assert_eq!(retries.failed(9, FailureKind::Retry, 0, &mut rng), (1, Verdict::Retry));
        retries.forget(9);
        assert!(retries.failures.is_empty());
    }

    #[test]
    fn a_topology_that_cannot_go_on_gives_no_tuple_up() {
        let (config, mut rng) = (Config { attempts_max: Some(2), ..Config::default() }, Rng::new(0));
        let mut retries = Retries::new(&config);
        for attempt in 1..=3 {
            assert_eq!(retries.failed(6, FailureKind::Fatal, 0, &mut rng), (attempt, Verdict::Retry));
        }
    }
}
