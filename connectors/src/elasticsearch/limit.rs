//! How many bulk requests go at once: a pure state machine.
//!
//! Additive increase, multiplicative decrease, as TCP does it. The signal is what Elasticsearch says (429, 5xx) and what it
//! shows: answers that take longer than they used to. Samples are judged in rounds of as many as may be under way.

use std::time::Duration;

/// The factor after a round in which the cluster refused work.
const OVERLOAD_FACTOR: f64 = 0.6;
/// The factor after a round that was slower than usual.
const SLOW_FACTOR: f64 = 0.9;
/// Slower than usual is beyond so many usual deviations,
const DEVIATIONS: f64 = 2.0;
/// but at least so much of the usual time: bulk requests differ in size.
const SHARE: f64 = 0.5;
/// How much a round counts for what is usual.
const WEIGHT: f64 = 0.3;
/// What a round begins with: enough to keep a cluster busy while an answer is on its way.
const START: f64 = 2.0;

#[derive(Debug)]
pub(super) struct Limit {
    max: f64,
    current: f64,
    usual: Option<Usual>,
    round: Round,
    /// Answers still to come to requests that were under way at the last overload: they say it once more.
    echoes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Usual {
    mean_s: f64,
    deviation_s: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Round {
    samples: u32,
    sum_s: f64,
    is_overloaded: bool,
    /// Whether all that was allowed was used: else nothing is learnt by allowing more.
    is_full: bool,
}

impl Limit {
    #[expect(clippy::cast_precision_loss, reason = "the configuration allows no more than 256")]
    pub(super) fn new(max: usize) -> Self {
        let max = (max as f64).max(1.0);
        Self { max, current: START.min(max), usual: None, round: Round::default(), echoes: 0 }
    }

    /// How many requests may be under way, at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 256")]
    pub(super) fn allowed(&self) -> usize {
        self.current as usize
    }

    /// A request was answered; `in_flight` with itself were under way when it began.
    pub(super) fn observe(&mut self, took: Duration, in_flight: usize, is_overloaded: bool) {
        if self.echoes > 0 {
            self.echoes -= 1;
            return;
        }
        self.round.samples += 1;
        self.round.sum_s += took.as_secs_f64();
        self.round.is_overloaded |= is_overloaded;
        self.round.is_full |= in_flight >= self.allowed();
        if is_overloaded || self.round.samples as usize >= self.allowed() {
            self.echoes = if is_overloaded { in_flight.saturating_sub(1) } else { 0 };
            let round = std::mem::take(&mut self.round);
            self.judge(round);
        }
    }

    fn judge(&mut self, round: Round) {
        let mean_s = round.sum_s / f64::from(round.samples);
        let is_slow = self.usual.is_some_and(|usual| {
            mean_s > usual.mean_s + (DEVIATIONS * usual.deviation_s).max(SHARE * usual.mean_s)
        });
        if round.is_overloaded {
            self.current *= OVERLOAD_FACTOR;
        } else if is_slow {
            self.current *= SLOW_FACTOR;
        } else if round.is_full {
            self.current += 1.0;
        }
        self.current = self.current.clamp(1.0, self.max);
        self.usual = Some(match self.usual {
            None => Usual { mean_s, deviation_s: 0.0 },
            // A refusal is quick and says nothing about how long the work takes.
            Some(usual) if round.is_overloaded => usual,
            Some(Usual { mean_s: usual_s, deviation_s }) => Usual {
                mean_s: usual_s + WEIGHT * (mean_s - usual_s),
                deviation_s: deviation_s + WEIGHT * ((mean_s - usual_s).abs() - deviation_s),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster that works on `capacity` requests at once, 100 ms each, and refuses beyond twice as many.
    fn settle(limit: &mut Limit, capacity: usize, rounds: usize) -> Vec<usize> {
        let mut seen = Vec::new();
        for _ in 0..rounds {
            let in_flight = limit.allowed();
            let queued = in_flight.div_ceil(capacity);
            let took = Duration::from_millis(100 * queued as u64);
            for _ in 0..in_flight {
                limit.observe(took, in_flight, in_flight > 2 * capacity);
            }
            seen.push(limit.allowed());
        }
        seen
    }

    #[test]
    fn it_grows_to_its_maximum_on_a_cluster_that_copes() {
        let mut limit = Limit::new(8);
        assert_eq!(limit.allowed(), 2);
        assert_eq!(settle(&mut limit, 100, 10).last(), Some(&8));
    }

    #[test]
    fn it_stays_near_what_the_cluster_can_do() {
        let mut limit = Limit::new(64);
        let seen = settle(&mut limit, 5, 300);
        assert!(seen[100..].iter().all(|&allowed| (3..=11).contains(&allowed)), "{seen:?}");
    }

    #[test]
    fn overload_cuts_it_at_once_but_never_below_one() {
        let mut limit = Limit::new(20);
        settle(&mut limit, 100, 30);
        let mut seen = vec![limit.allowed()];
        for _ in 0..8 {
            limit.observe(Duration::from_millis(1), 1, true);
            seen.push(limit.allowed());
        }
        assert_eq!(seen, [20, 12, 7, 4, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn it_does_not_grow_while_it_is_not_used() {
        let mut limit = Limit::new(8);
        for _ in 0..100 {
            limit.observe(Duration::from_millis(100), 1, false);
        }
        assert_eq!(limit.allowed(), 2);
    }
}
