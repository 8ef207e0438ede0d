//! Days and months in UTC.

use chrono::{Datelike, NaiveDate};

use crate::time::utc;

/// A UTC day or month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Period {
    Day(NaiveDate),
    /// By its first day.
    Month(NaiveDate),
}

impl Period {
    /// The day and the month of a Unix second.
    pub(super) fn of(time_s: i64) -> [Self; 2] {
        let day = utc(time_s).date_naive();
        [Self::Day(day), Self::Month(day.with_day(1).unwrap_or(day))]
    }

    fn first_day(self) -> NaiveDate {
        match self {
            Self::Day(day) | Self::Month(day) => day,
        }
    }

    /// `day` or `month`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Day(_) => "day",
            Self::Month(_) => "month",
        }
    }

    /// `2024-10-19` or `2024-10`.
    pub(super) fn name(self) -> String {
        let format = match self {
            Self::Day(_) => "%Y-%m-%d",
            Self::Month(_) => "%Y-%m",
        };
        self.first_day().format(format).to_string()
    }

    /// Its first second.
    pub(super) fn start_s(self) -> i64 {
        self.first_day().and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
    }
}
