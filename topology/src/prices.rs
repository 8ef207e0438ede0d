//! The price of a minute, from the set of all observations of the price.

use std::collections::{BTreeSet, btree_set};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use btc_records::{Eur, PriceRecord};
use serde::{Deserialize, Serialize};

use crate::time::{HOUR_S, Hour, Minute};

/// How far from a minute an observation may lie and still price it.
const REACH_S: i64 = HOUR_S;

/// One observation of the price. Its order decides which of two at one instant counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct PriceObservation {
    pub(crate) time_s: i64,
    pub(crate) source: String,
    pub(crate) eur: Eur,
}

impl From<PriceRecord> for PriceObservation {
    fn from(record: PriceRecord) -> Self {
        Self { time_s: record.observed_at.timestamp(), source: record.source, eur: record.eur }
    }
}

impl PriceObservation {
    /// The hours of which some minute may be priced by this observation, oldest first.
    pub(crate) fn hours(&self) -> impl Iterator<Item = Hour> + use<> {
        let first = Hour::of(self.time_s - REACH_S - HOUR_S);
        let time_s = self.time_s;
        (0..=3)
            .map(move |ahead| Hour::of(first.start_s() + ahead * HOUR_S))
            .filter(move |&hour| bearing_on_hour(hour).contains(&time_s))
    }

    /// A key that is this observation's alone and sorts by time.
    pub(crate) fn key(&self) -> Vec<u8> {
        let time = (self.time_s ^ i64::MIN).to_be_bytes();
        [&time, self.source.as_bytes(), &[0], self.eur.to_string().as_bytes()].concat()
    }
}

/// The instants at which an observation may price `minute`.
pub(crate) fn bearing_on(minute: Minute) -> RangeInclusive<i64> {
    minute.start_s() - REACH_S..=minute.end_s() + REACH_S
}

/// The instants at which an observation may price some minute of `hour`.
pub(crate) fn bearing_on_hour(hour: Hour) -> RangeInclusive<i64> {
    hour.start_s() - REACH_S..=hour.end_s() + REACH_S
}

/// A set of observations that answers what a minute's price is.
#[derive(Debug, Default)]
pub(crate) struct PriceBook {
    /// Time, source and price, in the order of [`PriceObservation`]s.
    observations: BTreeSet<(i64, Arc<str>, Eur)>,
    /// Few sources give very many observations; each name is kept once.
    sources: BTreeSet<Arc<str>>,
    /// Sorts before every source.
    nameless: Arc<str>,
}

impl PriceBook {
    /// Adds an observation and says whether it is new.
    pub(crate) fn insert(&mut self, observation: &PriceObservation) -> bool {
        let source = self.sources.get(observation.source.as_str()).cloned().unwrap_or_else(|| {
            let source: Arc<str> = observation.source.as_str().into();
            self.sources.insert(Arc::clone(&source));
            source
        });
        self.observations.insert((observation.time_s, source, observation.eur))
    }

    /// The price of `minute`: the last one observed before its end and no earlier than an hour before its start,
    /// else the first one within an hour after its end. Several at one instant: the greatest by source and
    /// price is the last, the smallest the first.
    pub(crate) fn at(&self, minute: Minute) -> Option<Eur> {
        let bearing = bearing_on(minute);
        let last = self.within(*bearing.start()..minute.end_s()).next_back();
        let first = || self.within(minute.end_s()..bearing.end() + 1).next();
        last.or_else(first).map(|&(_, _, eur)| eur)
    }

    /// The number of distinct observations.
    pub(crate) fn len(&self) -> usize {
        self.observations.len()
    }

    /// The number of distinct observations within `instants`.
    pub(crate) fn count(&self, instants: RangeInclusive<i64>) -> u64 {
        self.within(*instants.start()..instants.end() + 1).count() as u64
    }

    fn within(&self, instants: Range<i64>) -> btree_set::Range<'_, (i64, Arc<str>, Eur)> {
        let least = |time_s| (time_s, Arc::clone(&self.nameless), Eur::default());
        self.observations.range(least(instants.start)..least(instants.end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observation(time_s: i64, source: &str, eur: u32) -> PriceObservation {
        PriceObservation { time_s, source: source.into(), eur: Eur::parse(&eur.to_string()).unwrap() }
    }

    #[track_caller]
    fn check(observations: &[(i64, &str, u32)], expected: Option<u32>) {
        let mut book = PriceBook::default();
        for &(time_s, source, eur) in observations {
            book.insert(&observation(time_s, source, eur));
        }
        let expected = expected.map(|eur| Eur::parse(&eur.to_string()).unwrap());
        assert_eq!(book.at(Minute::of(36_000)), expected);
    }

    /// The minute is 36,000 to 36,060.
    #[test]
    fn the_rule_at_its_edges() {
        check(&[], None);
        check(&[(32_399, "a", 1)], None);
        check(&[(32_400, "a", 1)], Some(1));
        check(&[(32_400, "a", 1), (36_059, "a", 2)], Some(2));
        check(&[(36_059, "a", 2), (36_060, "a", 3)], Some(2));
        check(&[(36_060, "a", 3), (36_061, "a", 4)], Some(3));
        check(&[(39_660, "a", 5)], Some(5));
        check(&[(39_661, "a", 5)], None);
        check(&[(36_000, "a", 9), (36_000, "b", 1), (36_000, "b", 2)], Some(2));
        check(&[(36_070, "b", 1), (36_070, "a", 9), (36_070, "a", 8)], Some(8));
    }

    proptest! {
        #[test]
        fn the_rule_by_brute_force(observations in prop::collection::vec((28_000_i64..44_000, "[ab]", 1_u32..4), 0..12)) {
            let mut book = PriceBook::default();
            for (time_s, source, eur) in &observations {
                book.insert(&observation(*time_s, source, *eur));
            }
            let last = observations.iter().filter(|o| (32_400..36_060).contains(&o.0)).max();
            let first = observations.iter().filter(|o| (36_060..=39_660).contains(&o.0)).min();
            let expected = last.or(first).map(|o| Eur::parse(&o.2.to_string()).unwrap());
            prop_assert_eq!(book.at(Minute::of(36_000)), expected);
        }

        #[test]
        fn an_observation_bears_on_the_hours_it_may_price(time_s in 1_000_000_i64..1_020_000) {
            let hours: Vec<_> = observation(time_s, "a", 1).hours().collect();
            let expected: Vec<_> = (0..300).map(|h| Hour::of(h * HOUR_S + 500_000)).filter(|hour| {
                (0..60).any(|m| bearing_on(hour.minute(m)).contains(&time_s))
            }).collect();
            prop_assert_eq!(hours, expected);
        }
    }
}
