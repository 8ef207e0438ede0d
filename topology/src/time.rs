//! Hours and minutes of Unix time, as newtypes, so that neither is taken for the other or for a second.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Seconds of a minute.
pub(crate) const MINUTE_S: i64 = 60;
/// Seconds of an hour.
pub(crate) const HOUR_S: i64 = 3_600;

/// A UTC hour, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Hour(i32);

impl Hour {
    /// The hour of a Unix second. 32 bits reach 245,000 years either way, further than any parser lets a time be.
    pub(crate) fn of(time_s: i64) -> Self {
        Self(i32::try_from(time_s.div_euclid(HOUR_S)).unwrap_or(i32::MAX))
    }

    /// Its first second.
    pub(crate) fn start_s(self) -> i64 {
        i64::from(self.0) * HOUR_S
    }

    /// The first second after it.
    pub(crate) fn end_s(self) -> i64 {
        self.start_s() + HOUR_S
    }

    /// Its minute `index`, 0 to 59.
    pub(crate) fn minute(self, index: u8) -> Minute {
        Minute(i64::from(self.0) * 60 + i64::from(index))
    }

    /// Four bytes that sort as the hours do, also those before 1970.
    pub(crate) fn key(self) -> [u8; 4] {
        (self.0 ^ i32::MIN).to_be_bytes()
    }

    /// The hour of a [`key`](Self::key).
    pub(crate) fn from_key(key: [u8; 4]) -> Self {
        Self(i32::from_be_bytes(key) ^ i32::MIN)
    }
}

/// A UTC minute, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Minute(i64);

impl Minute {
    /// The minute of a Unix second.
    pub(crate) fn of(time_s: i64) -> Self {
        Self(time_s.div_euclid(MINUTE_S))
    }

    /// Its first second.
    pub(crate) fn start_s(self) -> i64 {
        self.0 * MINUTE_S
    }

    /// The first second after it.
    pub(crate) fn end_s(self) -> i64 {
        self.start_s() + MINUTE_S
    }

    /// Which minute of its hour it is, 0 to 59.
    pub(crate) fn of_hour(self) -> u8 {
        u8::try_from(self.0.rem_euclid(60)).unwrap_or_default()
    }
}

/// A Unix second as a time. Every time here was one once, so the fallback is never taken.
pub(crate) fn utc(time_s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(time_s, 0).unwrap_or_default()
}

/// A Unix second as it stands in a document: `2024-10-19T12:00:00Z`.
pub(crate) fn rfc3339(time_s: i64) -> String {
    utc(time_s).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Unix milliseconds as they stand in a document: `2024-10-19T12:00:00.000Z`.
pub(crate) fn rfc3339_ms(time_ms: i64) -> String {
    DateTime::from_timestamp_millis(time_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_minutes_floor_also_before_1970() {
        for (time_s, hour_start_s, minute_of_hour) in
            [(0, 0, 0), (3_599, 0, 59), (3_600, 3_600, 0), (-1, -3_600, 59), (-3_600, -3_600, 0)]
        {
            assert_eq!(Hour::of(time_s).start_s(), hour_start_s);
            assert_eq!(Minute::of(time_s).of_hour(), minute_of_hour);
            assert_eq!(Hour::of(time_s).minute(minute_of_hour), Minute::of(time_s));
        }
    }

    #[test]
    fn keys_sort_as_hours_do() {
        let hours = [Hour(i32::MIN), Hour(-1), Hour(0), Hour(1), Hour(480_000)];
        assert!(hours.is_sorted_by_key(|hour| hour.key()));
        assert!(hours.iter().all(|hour| Hour::from_key(hour.key()) == *hour));
    }
}
