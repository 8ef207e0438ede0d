//! What the documents of a view say, made ready to be shown.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::{
    documents::{Miner, Value, Volume},
    format,
    query::{Period, View},
};

/// Points of the price line.
const POINTS_MAX: i64 = 288;
/// Bars of a chart.
const BARS_MAX: i64 = 170;

/// The documents of one view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Market {
    pub(crate) view: View,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
    /// The newest price of all.
    pub(crate) latest: Option<Value>,
    /// The newest hour of all.
    pub(crate) latest_hour: Option<DateTime<Utc>>,
    /// Oldest first.
    pub(crate) prices: Vec<Value>,
    /// Oldest first.
    pub(crate) hours: Vec<Volume>,
    /// Those that have miners, newest first.
    pub(crate) days: Vec<Period>,
    /// Those that have miners, newest first.
    pub(crate) months: Vec<Period>,
    pub(crate) day: Option<Ranking>,
    pub(crate) month: Option<Ranking>,
}

/// A period's miners, those who earned most first.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    pub(crate) period: Period,
    pub(crate) miners: Vec<Miner>,
}

impl Ranking {
    pub(crate) fn reward_sat(&self) -> u64 {
        sum(self.miners.iter().map(|miner| miner.reward_sat))
    }

    pub(crate) fn blocks(&self) -> u64 {
        sum(self.miners.iter().map(|miner| miner.blocks))
    }
}

/// A sum of whatever a document may say.
pub(crate) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// One point of the price line: the last price of a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: DateTime<Utc>,
    pub(crate) eur: Decimal,
}

/// One or several hours together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bar {
    pub(crate) start: DateTime<Utc>,
    pub(crate) volume_sat: u64,
    pub(crate) volume_eur: Decimal,
    pub(crate) adjusted_sat: u64,
    pub(crate) tx_count: u64,
    pub(crate) max_tx_sat: u64,
    pub(crate) max_tx_eur: Option<Decimal>,
    pub(crate) max_tx_hash: String,
    pub(crate) priced_sat: f64,
}

impl Bar {
    fn add(&mut self, hour: &Volume) {
        self.volume_sat = self.volume_sat.saturating_add(hour.volume_sat);
        self.volume_eur = self.volume_eur.saturating_add(hour.volume_eur);
        self.adjusted_sat = self.adjusted_sat.saturating_add(hour.adjusted_volume_sat);
        self.tx_count = self.tx_count.saturating_add(hour.tx_count);
        self.priced_sat += share_of(hour.volume_sat, hour.priced_share);
        if hour.max_tx_sat > self.max_tx_sat || self.max_tx_hash.is_empty() {
            self.max_tx_sat = hour.max_tx_sat;
            self.max_tx_eur = hour.max_tx_eur;
            self.max_tx_hash.clone_from(&hour.max_tx_hash);
        }
    }

    /// The part of the volume that had a price, from 0 to 1; 1 where there is no volume.
    pub(crate) fn priced_share(&self) -> f64 {
        if self.volume_sat == 0 {
            1.0
        } else {
            (self.priced_sat / share_of(self.volume_sat, 1.0)).clamp(0.0, 1.0)
        }
    }

    /// The volume in EUR; `None` if no part of it had a price.
    pub(crate) fn priced_eur(&self) -> Option<Decimal> {
        (self.volume_sat == 0 || !self.volume_eur.is_zero()).then_some(self.volume_eur)
    }

    /// The change-adjusted volume in EUR, at the hours' own average price.
    pub(crate) fn adjusted_eur(&self) -> Decimal {
        let (volume, adjusted) = (Decimal::from(self.volume_sat), Decimal::from(self.adjusted_sat));
        let ratio = adjusted.checked_div(volume).unwrap_or_default();
        self.volume_eur.checked_mul(ratio).unwrap_or_default()
    }
}

/// A part of an amount, for a ratio; never for a sum of money.
#[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
fn share_of(sat: u64, share: f64) -> f64 {
    sat as f64 * share
}

impl Market {
    /// A time of this range as it is written here: with its year in a range of many months.
    pub(crate) fn time(&self, at: DateTime<Utc>) -> String {
        const DAYS_WITHOUT_YEAR_MAX: i64 = 200;
        if (self.until - self.from).num_days() > DAYS_WITHOUT_YEAR_MAX {
            format::minute_of_year(at)
        } else {
            format::minute(at)
        }
    }

    /// Where a bar begins: by its hour, or in a range of whole days by its day.
    pub(crate) fn bar_time(&self, start: DateTime<Utc>) -> String {
        if self.bar_hours() % 24 == 0 { format::day(start.date_naive()) } else { self.time(start) }
    }

    /// The price line, thinned to what a screen can show.
    pub(crate) fn points(&self) -> Vec<Point> {
        let step =
            step(self.until - self.from, POINTS_MAX, &[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440]);
        let mut points: Vec<Point> = Vec::new();
        for price in &self.prices {
            let point = Point { at: price.at, eur: price.eur };
            let slot = |at: DateTime<Utc>| at.timestamp().div_euclid(step.num_seconds());
            match points.last_mut() {
                Some(last) if slot(last.at) == slot(point.at) => *last = point,
                _ => points.push(point),
            }
        }
        points
    }

    /// The lowest and the highest price of the range.
    pub(crate) fn extremes(&self) -> Option<(Decimal, Decimal)> {
        let prices = || self.prices.iter().map(|price| price.eur);
        Some((prices().min()?, prices().max()?))
    }

    /// How many hours one bar covers.
    pub(crate) fn bar_hours(&self) -> i64 {
        step(self.until - self.from, BARS_MAX, &[60, 360, 1_440, 10_080, 43_200]).num_hours()
    }

    /// The volume, one bar an hour or, in a long range, several hours a bar. Stretches without any are left out.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let seconds = self.bar_hours() * 3_600;
        let mut bars: Vec<Bar> = Vec::new();
        for hour in &self.hours {
            let start = hour.at.timestamp().div_euclid(seconds) * seconds;
            let start = DateTime::from_timestamp(start, 0).unwrap_or(hour.at);
            if bars.last().is_none_or(|bar| bar.start != start) {
                bars.push(Bar { start, ..Bar::default() });
            }
            if let Some(bar) = bars.last_mut() {
                bar.add(hour);
            }
        }
        bars
    }

    /// All hours of the range as one.
    pub(crate) fn total(&self) -> Bar {
        let mut total = Bar { start: self.from, ..Bar::default() };
        for hour in &self.hours {
            total.add(hour);
        }
        total
    }

    /// The hour whose largest transaction is the largest of the range.
    pub(crate) fn largest(&self) -> Option<&Volume> {
        self.hours.iter().max_by_key(|hour| hour.max_tx_sat)
    }
}

/// The smallest of the given steps, in minutes, that cuts a length into at most `count_max` pieces, or as many times
/// the largest as it takes.
fn step(length: TimeDelta, count_max: i64, minutes: &[i64]) -> TimeDelta {
    let needed = length.num_minutes().div_euclid(count_max) + 1;
    let largest = minutes.last().copied().unwrap_or(1);
    let fitting = minutes.iter().copied().find(|minutes| *minutes >= needed);
    TimeDelta::minutes(fitting.unwrap_or_else(|| (needed / largest + 1) * largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hour(at: &str, sat: u64, hash: &str, priced_share: f64) -> Volume {
        Volume {
            at: time(at),
            volume_sat: sat,
            volume_eur: Decimal::from(sat * 2),
            adjusted_volume_sat: sat / 2,
            max_tx_sat: sat / 4,
            max_tx_eur: None,
            max_tx_hash: hash.into(),
            tx_count: 10,
            priced_share,
        }
    }

    #[test]
    fn steps_keep_a_chart_legible() {
        let lengths = [(6, 1), (48, 1), (7 * 24, 1), (30 * 24, 6), (365 * 24, 168), (20 * 365 * 24, 1440)];
        for (hours, expected) in lengths {
            let step = step(TimeDelta::hours(hours), BARS_MAX, &[60, 360, 1_440, 10_080, 43_200]);
            assert_eq!(step.num_hours(), expected, "{hours} hours");
        }
    }

    #[test]
    fn hours_add_up_to_bars() {
        let market = Market {
            from: time("2024-10-01T00:00:00Z"),
            until: time("2024-10-31T00:00:00Z"),
            hours: vec![
                hour("2024-10-02T06:00:00Z", 400, "aa", 1.0),
                hour("2024-10-02T07:00:00Z", 800, "bb", 0.5),
                hour("2024-10-02T12:00:00Z", 100, "cc", 1.0),
            ],
            ..Market::default()
        };
        let bars = market.bars();
        assert_eq!(bars.len(), 2);
        assert_eq!((bars[0].volume_sat, bars[0].max_tx_sat, bars[0].tx_count), (1_200, 200, 20));
        assert_eq!(bars[0].max_tx_hash, "bb");
        assert!((bars[0].priced_share() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(bars[0].adjusted_eur(), Decimal::from(1_200));
        assert_eq!(market.total().volume_sat, 1_300);
        assert_eq!(market.largest().unwrap().max_tx_hash, "bb");
    }

    #[test]
    fn the_line_shows_the_last_price_of_each_stretch() {
        let price = |at: &str, eur: i64| Value { at: time(at), eur: eur.into(), source: "sample".into() };
        let market = Market {
            from: time("2024-10-01T00:00:00Z"),
            until: time("2024-10-08T00:00:00Z"),
            prices: vec![
                price("2024-10-02T00:01:00Z", 5),
                price("2024-10-02T00:29:00Z", 6),
                price("2024-10-02T01:00:00Z", 7),
            ],
            ..Market::default()
        };
        let shown: Vec<Decimal> = market.points().into_iter().map(|point| point.eur).collect();
        assert_eq!(shown, [6.into(), 7.into()]);
        assert_eq!(market.extremes(), Some((5.into(), 7.into())));
    }
}
