//! Which faults a run may have, and which of their opportunities they take.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fault::{Fault, StrikeId};
use crate::rng::Rng;

/// The faults of one run.
///
/// Every opportunity is decided by a number made of the seed, the fault's name and the opportunity's own number, and by nothing else. So
/// leaving out one fault does not change what the others do.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) faults: Vec<Fault>,
    /// Exactly these strikes, whatever the rates say.
    pub(super) only: Option<BTreeSet<StrikeId>>,
    /// After so many strikes all goes well.
    pub(super) strikes_max: usize,
}

/// Chance by seed and purpose: the same numbers in every run of the seed.
#[derive(Clone, Debug)]
pub struct Chance(Rng);

impl Chance {
    pub(super) fn new(seed: u64, purpose: &str, nth: u64) -> Self {
        let mut rng = Rng::new(seed ^ fnv(FNV_START, purpose.as_bytes()).rotate_left(17));
        let first = rng.next_u64();
        Self(Rng::new(first ^ nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `bound` (zero if `bound` is zero).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// True once in `count` times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.0.below(count) == 0
    }

    /// One of the items; `None` of none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.0.index(items.len()))
    }

    /// Puts the items into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }

    /// A time of a millisecond at least and below `most`, short ones as likely as long ones of ten times the length.
    pub fn pause(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let scale = 10_u64.saturating_pow(u32::try_from(self.below(7)).unwrap_or(0));
        Duration::from_millis(1 + self.below(most.min(scale.saturating_mul(10))))
    }
}

impl Plan {
    /// Whether the fault strikes at this opportunity; the chance says how.
    pub(super) fn strike(&self, seed: u64, name: &str, nth: u64, now: Duration) -> Option<Chance> {
        let mut chance = Chance::new(seed, name, nth);
        let draw = chance.below(u64::from(u32::MAX));
        let strikes = match &self.only {
            Some(only) => only.contains(&StrikeId { fault: name.to_owned(), nth }),
            None => self.rate(seed, name, now).is_some_and(|one_in| draw.is_multiple_of(u64::from(one_in))),
        };
        strikes.then_some(chance)
    }

    /// Swarm testing: each seed leaves out some of the faults and exaggerates others, as some mistakes show only under a storm of one
    /// fault, and some only where another is absent.
    fn rate(&self, seed: u64, name: &str, now: Duration) -> Option<u32> {
        let fault = self.faults.iter().find(|fault| fault.name() == name)?;
        let mut chance = Chance::new(seed, name, u64::MAX);
        let is_left_out = self.faults.len() > 2 && chance.below(8) < 3;
        let times = [1, 1, 4, 16][usize::try_from(chance.below(4)).unwrap_or(0)];
        (!is_left_out && fault.is_in_season(now)).then(|| (fault.rate() / times).max(1))
    }
}

/// Where a fingerprint begins.
pub(super) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Fowler, Noll and Vo's hash: small, and the same on every machine.
pub(super) fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(faults: &[Fault]) -> Plan {
        Plan { faults: faults.to_vec(), only: None, strikes_max: 100 }
    }

    fn strikes(plan: &Plan, name: &str) -> Vec<u64> {
        (0..1_000).filter(|nth| plan.strike(7, name, *nth, Duration::ZERO).is_some()).collect()
    }

    #[test]
    fn a_fault_strikes_about_as_often_as_it_says_and_the_others_do_not_change_it() {
        let alone = strikes(&plan(&[Fault::new("a", 100)]), "a");
        assert!((2..=250).contains(&alone.len()), "{alone:?}");
        assert_eq!(alone, strikes(&plan(&[Fault::new("a", 100), Fault::new("b", 1)]), "a"));
        assert_eq!(strikes(&plan(&[Fault::new("b", 1)]), "a"), [0_u64; 0]);
    }

    #[test]
    fn every_fault_is_left_out_by_some_seeds_and_used_by_others() {
        let plan = plan(&Fault::ENGINE);
        for fault in Fault::ENGINE {
            let used =
                (0..64).filter(|seed| plan.rate(*seed, fault.name(), Duration::ZERO).is_some()).count();
            assert!((16..64).contains(&used), "{fault:?} is used by {used} of 64 seeds");
        }
    }

    #[test]
    fn chosen_strikes_are_exactly_those() {
        let only = BTreeSet::from([StrikeId { fault: "a".to_owned(), nth: 3 }]);
        assert_eq!(strikes(&Plan { only: Some(only), ..plan(&[]) }, "a"), [3]);
    }

    #[test]
    fn a_season_has_a_beginning_and_an_end() {
        let second = Duration::from_secs(1);
        let plan = plan(&[Fault::new("a", 1).between(second, 2 * second)]);
        let at = |now| plan.strike(1, "a", 0, now).is_some();
        assert_eq!([at(Duration::ZERO), at(second), at(2 * second)], [false, true, false]);
    }
}
