//! The sample's price path: real hourly opens, with seeded noise between them.

use super::{Domain, MINUTE_MS};
use crate::message::{Event, FeedKind, Topic, price_key};

/// The opens, in tenths of a euro; the file's first line says whose they are.
const OPENS: &str = include_str!("facts/kraken_xbteur_2024_10_hourly_opens.txt");

/// The hour (since the Unix epoch) of the first open: 2024-10-01T00:00:00Z.
const FIRST_HOUR: i64 = 1_727_740_800 / 3_600;

/// Minutes between two nodes of the slower noise.
const SWING_MINUTES: i64 = 10;

/// One price a minute.
#[derive(Debug)]
pub(super) struct Prices {
    seed: u64,
    opens_cent: Vec<i64>,
}

impl Prices {
    pub(super) fn new(seed: u64) -> Self {
        let rows = OPENS.lines().filter(|line| !line.starts_with('#'));
        let tenths = rows.flat_map(str::split_whitespace).map(str::parse::<i64>);
        let opens_cent = tenths.map(|tenth| tenth.expect("the table holds numbers only") * 10).collect();
        Self { seed, opens_cent }
    }

    /// The observation at the minute's start.
    pub(super) fn event(&self, minute: i64) -> Event {
        let time_s = minute * 60;
        let cent = self.cent(minute);
        let value = format!(r#"{{"time":{time_s},"eur":"{}.{:02}"}}"#, cent / 100, cent % 100);
        Event::new(
            Topic::Prices,
            "sample",
            FeedKind::Sample,
            price_key("sample", time_s),
            value,
            minute * MINUTE_MS,
        )
    }

    /// Between two opens: the straight line, a slow swing that vanishes at both, and a jitter.
    fn cent(&self, minute: i64) -> i64 {
        let hour = minute.div_euclid(60);
        let past = minute.rem_euclid(60);
        let line = self.open(hour) + (self.open(hour + 1) - self.open(hour)) * past / 60;
        // Deviations of 0.15 % and 0.02 % of the price.
        let swing = self.swing(minute) * line / 65_536 * 15 / 10_000 * past.min(60 - past) / 30;
        let jitter = Domain::PriceJitter.stream(self.seed, minute).normal() * line / 65_536 * 2 / 10_000;
        line + swing + if past == 0 { 0 } else { jitter }
    }

    /// A slowly changing number, about normal with a deviation of 65,536.
    fn swing(&self, minute: i64) -> i64 {
        let node = minute.div_euclid(SWING_MINUTES);
        let past = minute.rem_euclid(SWING_MINUTES);
        let at = |node| Domain::PriceSwing.stream(self.seed, node).normal();
        (at(node) * (SWING_MINUTES - past) + at(node + 1) * past) / SWING_MINUTES
    }

    /// The open of an hour. Outside of October 2024 the table goes on backwards, forwards, and so on, so that
    /// the price never jumps.
    fn open(&self, hour: i64) -> i64 {
        let len = i64::try_from(self.opens_cent.len()).unwrap_or(i64::MAX);
        let phase = (hour - FIRST_HOUR).rem_euclid(2 * len);
        let index = if phase < len { phase } else { 2 * len - 1 - phase };
        self.opens_cent[usize::try_from(index).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hours_of_october_2024_open_at_the_real_price() {
        let prices = Prices::new(1);
        assert_eq!(prices.opens_cent.len(), 744);
        assert_eq!(prices.cent(FIRST_HOUR * 60), 5_687_460);
        let event = prices.event(FIRST_HOUR * 60);
        assert_eq!(event.message.value, r#"{"time":1727740800,"eur":"56874.60"}"#);
        assert_eq!(event.message.key, "sample:1727740800");
    }

    #[test]
    fn the_price_never_jumps() {
        let prices = Prices::new(2);
        let start = (FIRST_HOUR + 743) * 60;
        for minute in start - 5_000..start + 5_000 {
            let (now, next) = (prices.cent(minute), prices.cent(minute + 1));
            assert!((next - now).abs() * 100 < now, "minute {minute}: {now} to {next}");
        }
    }
}
