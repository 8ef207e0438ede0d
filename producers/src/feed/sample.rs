//! The sample feed: a Bitcoin day that needs no network.
//!
//! What happens in a minute is a pure function of the seed and the minute's number since the Unix epoch. So a
//! restart makes equal messages again, any stretch of time can be made without what came before it, and two
//! machines agree. Nothing here computes in floating point.
//!
//! Prices follow real ones (see `prices`), blocks go to the mining pools by their real shares (see `pools`), and the shapes
//! of the messages are the providers' own: blockchain.info's `utx` and mempool.space's `block`.

mod amounts;
mod blocks;
mod pools;
mod prices;
mod transactions;
mod wallets;

use std::sync::Arc;
use std::vec;

use chrono::{DateTime, Utc};

use crate::config::SampleConfig;
use crate::error::ProduceError;
use crate::message::Event;
use crate::progress::Progress;

use blocks::Blocks;
use prices::Prices;
use transactions::Transactions;

pub(crate) const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Where a replay's history ends: 2024-10-31T00:00:00Z, at the end of the real prices.
const REPLAY_END_MS: i64 = 1_730_332_800_000;

/// The sample's events in the order of their times, for ever or up to an end.
#[derive(Debug)]
pub(crate) struct Sample {
    world: World,
    /// The next minute to be made.
    minute: i64,
    /// Events lie in `from_ms..until_ms`.
    from_ms: i64,
    until_ms: Option<i64>,
    made: vec::IntoIter<Event>,
    history_minutes_left: i64,
    progress: Arc<Progress>,
}

impl Sample {
    /// The fixed stretch of history.
    pub(crate) fn replay(config: &SampleConfig, progress: Arc<Progress>) -> Self {
        let from_ms = history_from_ms(config, REPLAY_END_MS);
        Self::between(config, from_ms, REPLAY_END_MS, Some(REPLAY_END_MS), progress)
    }

    /// History up to `now`, as far as it is not there already, and the future after it.
    pub(crate) fn up(
        config: &SampleConfig,
        now: DateTime<Utc>,
        since: Option<DateTime<Utc>>,
        progress: Arc<Progress>,
    ) -> Self {
        let present_ms = now.timestamp_millis();
        let since_ms = since.map_or(i64::MIN, |since| since.timestamp_millis().min(present_ms));
        let from_ms = history_from_ms(config, present_ms).max(since_ms);
        Self::between(config, from_ms, present_ms, None, progress)
    }

    fn between(
        config: &SampleConfig,
        from_ms: i64,
        present_ms: i64,
        until_ms: Option<i64>,
        progress: Arc<Progress>,
    ) -> Self {
        let minute = from_ms.div_euclid(MINUTE_MS);
        let history_minutes_left = present_ms.div_euclid(MINUTE_MS) - minute;
        progress.expect_work(history_minutes_left.unsigned_abs());
        let world = World::new(config);
        let made = Vec::new().into_iter();
        Self { world, minute, from_ms, until_ms, made, history_minutes_left, progress }
    }

    fn make_minute(&mut self) {
        let start_ms = self.minute * MINUTE_MS;
        let mut events = self.world.minute(self.minute);
        if start_ms < self.from_ms {
            events.retain(|event| event.message.timestamp_ms >= self.from_ms);
        }
        if let Some(until_ms) = self.until_ms {
            events.retain(|event| event.message.timestamp_ms < until_ms);
        }
        self.made = events.into_iter();
        self.minute += 1;
        if self.history_minutes_left > 0 {
            self.history_minutes_left -= 1;
            self.progress.work_done(1);
        }
    }
}

fn history_from_ms(config: &SampleConfig, present_ms: i64) -> i64 {
    present_ms - i64::from(config.history_hours) * HOUR_MS
}

impl Iterator for Sample {
    type Item = Result<Event, ProduceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.made.next() {
                return Some(Ok(event));
            }
            if self.until_ms.is_some_and(|until_ms| self.minute * MINUTE_MS >= until_ms) {
                return None;
            }
            self.make_minute();
        }
    }
}

/// Everything that happens, as a function of the minute.
#[derive(Debug)]
pub(crate) struct World {
    prices: Prices,
    transactions: Transactions,
    blocks: Blocks,
}

impl World {
    pub(crate) fn new(config: &SampleConfig) -> Self {
        Self {
            prices: Prices::new(config.seed),
            transactions: Transactions::new(config.seed, config.transactions_per_second),
            blocks: Blocks::new(config.seed),
        }
    }

    /// The events of one minute (counted since the Unix epoch) in the order of their times.
    pub(crate) fn minute(&mut self, minute: i64) -> Vec<Event> {
        let mut events = vec![self.prices.event(minute)];
        self.transactions.add(minute, &mut events);
        self.blocks.add(minute, &mut events);
        // Stable, so that events of the same millisecond stay in one order.
        events.sort_by_key(|event| event.message.timestamp_ms);
        events
    }
}

/// The independent streams of randomness of one seed.
#[derive(Clone, Copy, Debug)]
enum Domain {
    Wallet = 1,
    PriceSwing,
    PriceJitter,
    Transactions,
    BlockTimes,
    BlockHash,
    StaleHash,
    Block,
}

impl Domain {
    /// The stream of one thing of this domain.
    fn stream(self, seed: u64, number: i64) -> crate::random::Random {
        crate::random::Random::of(seed, self as u64, number.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(seed: u64) -> SampleConfig {
        SampleConfig { seed, transactions_per_second: 0.2, history_hours: 1 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// The property that a restart relies on: no minute depends on the ones made before it.
        #[test]
        fn a_minute_is_the_same_alone_and_after_others(seed: u64, start in 0_i64..60_000_000, len in 1_i64..8) {
            let mut world = World::new(&config(seed));
            for minute in start..start + len {
                prop_assert_eq!(world.minute(minute), World::new(&config(seed)).minute(minute));
            }
        }

        #[test]
        fn a_minute_is_in_order_and_within_itself(seed: u64, minute in 0_i64..60_000_000) {
            let events = World::new(&config(seed)).minute(minute);
            let times: Vec<i64> = events.iter().map(|event| event.message.timestamp_ms).collect();
            prop_assert!(times.is_sorted());
            prop_assert!(times.iter().all(|time_ms| time_ms.div_euclid(MINUTE_MS) == minute));
        }
    }

    #[test]
    fn a_restart_goes_on_where_the_history_overlaps() {
        let progress = Arc::new(Progress::new());
        let now = DateTime::from_timestamp_millis(REPLAY_END_MS + 12_345).unwrap();
        let until = |sample: Sample, end_ms: i64| -> Vec<Event> {
            sample.map(Result::unwrap).take_while(|event| event.message.timestamp_ms < end_ms).collect()
        };
        let end_ms = now.timestamp_millis() + 30 * MINUTE_MS;
        let first = until(Sample::up(&config(1), now, None, Arc::clone(&progress)), end_ms);
        let later = now + chrono::TimeDelta::minutes(20);
        let second = until(Sample::up(&config(1), later, None, Arc::clone(&progress)), end_ms);
        let overlap_ms = later.timestamp_millis() - HOUR_MS;
        let overlap: Vec<Event> =
            first.into_iter().filter(|event| event.message.timestamp_ms >= overlap_ms).collect();
        assert_eq!(overlap, second);
    }
}
