//! Tells a frozen or absurd price from a good one: a state machine without clock or network.

use std::collections::VecDeque;
use std::time::Duration;

use btc_records::PriceRecord;
use rust_decimal::Decimal;
use tokio::time::Instant;

use crate::config::BpiConfig;

/// Prices that the median is taken of, at most.
const RECENT_MAX: usize = 32;

/// What to do with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// New and plausible.
    Good,
    /// The provider's last word again, not for long yet.
    Repeated,
    /// The provider's last word again, for too long.
    Frozen,
    /// Too far from what was heard lately.
    Absurd {
        /// What was heard lately.
        median: Decimal,
    },
}

/// Remembers what was heard.
#[derive(Debug)]
pub(crate) struct Guard {
    frozen_max: Duration,
    deviation_max: Decimal,
    recent_max: Duration,
    /// Good prices of all sources, oldest first.
    recent: VecDeque<(Instant, Decimal)>,
    sources: Vec<Memory>,
}

/// What one source said.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// The last answer, and since when it is the same.
    last: Option<(Answer, Instant)>,
    /// The last price that was held to be absurd.
    absurd: Option<(Instant, Decimal)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    eur: Decimal,
    /// Where the provider tells when it observed the price.
    observed_s: Option<i64>,
}

impl Guard {
    pub(crate) fn new(config: &BpiConfig) -> Self {
        Self {
            frozen_max: Duration::from_millis(config.frozen_ms_max),
            deviation_max: Decimal::new(i64::from(config.deviation_percent_max), 2),
            recent_max: Duration::from_millis(config.recent_ms_max),
            recent: VecDeque::new(),
            sources: vec![Memory::default(); config.sources.len()],
        }
    }

    /// Judges the answer of a source. `tells_time` is whether the provider said when it observed the price.
    ///
    /// A provider without times may well say the same price twice: it is good until it is frozen.
    pub(crate) fn judge(
        &mut self,
        source: usize,
        price: &PriceRecord,
        tells_time: bool,
        now: Instant,
    ) -> Verdict {
        let eur = price.eur.decimal();
        let answer = Answer { eur, observed_s: tells_time.then(|| price.observed_at.timestamp()) };
        let memory = &mut self.sources[source];
        match &memory.last {
            Some((last, since)) if *last == answer => {
                if now.duration_since(*since) >= self.frozen_max {
                    return Verdict::Frozen;
                }
                if tells_time {
                    return Verdict::Repeated;
                }
            }
            _ => memory.last = Some((answer, now)),
        }
        if let Some(median) = self.median(now).filter(|median| self.deviates(eur, *median)) {
            if !self.is_confirmed(source, eur, now) {
                self.sources[source].absurd = Some((now, eur));
                // It was not stored, so its repetition is not a repetition.
                self.sources[source].last = None;
                return Verdict::Absurd { median };
            }
            // Two sources agree: the market has moved while nobody looked.
            self.recent.clear();
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((now, eur));
        Verdict::Good
    }

    fn median(&mut self, now: Instant) -> Option<Decimal> {
        while self.recent.front().is_some_and(|(heard, _)| now.duration_since(*heard) > self.recent_max) {
            self.recent.pop_front();
        }
        let mut prices: Vec<Decimal> = self.recent.iter().map(|(_, eur)| *eur).collect();
        prices.sort_unstable();
        prices.get(prices.len() / 2).copied()
    }

    /// Whether another source said about the same lately, and was not believed.
    fn is_confirmed(&self, source: usize, eur: Decimal, now: Instant) -> bool {
        self.sources.iter().enumerate().any(|(other, memory)| {
            other != source
                && memory.absurd.is_some_and(|(heard, absurd)| {
                    now.duration_since(heard) <= self.recent_max && !self.deviates(eur, absurd)
                })
        })
    }

    fn deviates(&self, eur: Decimal, from: Decimal) -> bool {
        (eur - from).abs() > from * self.deviation_max
    }
}

#[cfg(test)]
mod tests {
    use btc_records::parse_price;

    use super::*;

    fn guard() -> Guard {
        Guard::new(&BpiConfig { frozen_ms_max: 600_000, ..BpiConfig::default() })
    }

    fn price(eur: &str, time_s: i64) -> PriceRecord {
        let value = format!(r#"{{"time":{time_s},"eur":"{eur}"}}"#);
        parse_price("csv", value.as_bytes(), 0).unwrap()
    }

    const T: i64 = 1_730_000_000;
    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn the_same_observation_is_repeated_then_frozen_then_good_again() {
        let (mut guard, start) = (guard(), Instant::now());
        let mut judge =
            |eur, time_s, minutes| guard.judge(0, &price(eur, time_s), true, start + MINUTE * minutes);
        assert_eq!(judge("60000.1", T, 0), Verdict::Good);
        assert_eq!(judge("60000.1", T, 9), Verdict::Repeated);
        assert_eq!(judge("60000.1", T, 10), Verdict::Frozen);
        assert_eq!(judge("60000.1", T, 11), Verdict::Frozen);
        assert_eq!(judge("60000.1", T + 660, 12), Verdict::Good, "the same price at a new time is news");
    }

    #[test]
    fn without_times_the_same_price_is_good_until_it_is_frozen() {
        let (mut guard, start) = (guard(), Instant::now());
        let mut judge = |eur, minutes| guard.judge(0, &price(eur, T), false, start + MINUTE * minutes);
        assert_eq!(judge("60000", 0), Verdict::Good);
        assert_eq!(judge("60000", 9), Verdict::Good);
        assert_eq!(judge("60000", 10), Verdict::Frozen);
        assert_eq!(judge("60001", 11), Verdict::Good);
    }

    #[test]
    fn a_price_far_off_is_absurd_unless_a_second_source_agrees() {
        let (mut guard, start) = (guard(), Instant::now());
        let absurd = Verdict::Absurd { median: Decimal::from(60_000) };
        assert_eq!(guard.judge(0, &price("60000", T), true, start), Verdict::Good);
        assert_eq!(guard.judge(0, &price("72000", T + 1), true, start), Verdict::Good, "20 % is the limit");
        assert_eq!(guard.judge(0, &price("60000", T + 2), true, start), Verdict::Good);
        assert_eq!(guard.judge(0, &price("600", T + 3), true, start), absurd);
        assert_eq!(guard.judge(0, &price("600", T + 4), true, start), absurd, "one source does not convince");
        assert_eq!(guard.judge(1, &price("610", T + 5), true, start), Verdict::Good);
        assert_eq!(guard.judge(0, &price("605", T + 6), true, start), Verdict::Good);
    }

    #[test]
    fn old_prices_do_not_count() {
        let (mut guard, start) = (guard(), Instant::now());
        assert_eq!(guard.judge(0, &price("60000", T), true, start), Verdict::Good);
        assert_eq!(guard.judge(0, &price("90000", T + 4_000), true, start + MINUTE * 61), Verdict::Good);
    }
}
