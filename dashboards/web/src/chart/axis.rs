//! The time axis: its ends and its labels.

use chrono::{DateTime, TimeDelta, Utc};

/// More labels would touch each other on a telephone.
const LABELS_MAX: i64 = 6;
/// No label within this part of either end, where it would be cut off.
const MARGIN_SHARE: i32 = 25;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A stretch of time, cut into equal steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeAxis {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    step: TimeDelta,
}

impl TimeAxis {
    /// Covers whole steps from the one that holds `from` to the one that holds `until`.
    pub(crate) fn new(from: DateTime<Utc>, until: DateTime<Utc>, step: TimeDelta) -> Self {
        let seconds = step.num_seconds().max(1);
        let whole = |at: i64| DateTime::from_timestamp(at, 0);
        let first = from.timestamp().div_euclid(seconds) * seconds;
        let end = (until.timestamp() + seconds - 1).div_euclid(seconds) * seconds;
        Self {
            from: whole(first).unwrap_or(from),
            until: whole(end.max(first + seconds)).unwrap_or(until),
            step: TimeDelta::seconds(seconds),
        }
    }

    #[cfg(test)]
    pub(super) fn from(&self) -> DateTime<Utc> {
        self.from
    }

    pub(super) fn step_seconds(&self) -> i64 {
        self.step.num_seconds()
    }

    pub(super) fn ends(&self) -> (i64, i64) {
        (self.from.timestamp(), self.until.timestamp())
    }

    /// Round times and how they are called.
    pub(super) fn labels(&self) -> Vec<(i64, String)> {
        let (first, end) = self.ends();
        let length = end - first;
        let steps =
            [HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY];
        let fits = |step: &i64| length / step <= LABELS_MAX;
        let year = 365 * DAY;
        let long = || (length / (LABELS_MAX * 30 * DAY) + 1) * 30 * DAY;
        let step = steps.into_iter().find(fits).unwrap_or_else(long);
        let margin = length / i64::from(MARGIN_SHARE);
        let format = match step {
            step if step < DAY => "%H:%M",
            _ if length > year => "%b %Y",
            _ => "%-d %b",
        };
        let mut labels = Vec::new();
        let mut at = first.div_euclid(step) * step;
        while at <= end - margin {
            if let Some(time) = DateTime::from_timestamp(at, 0).filter(|_| at >= first + margin) {
                let format = if step < DAY && at.rem_euclid(DAY) == 0 { "%-d %b" } else { format };
                labels.push((at, time.format(format).to_string()));
            }
            at += step;
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn labels_are_round_and_few() {
        let until: DateTime<Utc> = "2024-10-19T14:25:00Z".parse().unwrap();
        let labels = |hours| {
            let axis = TimeAxis::new(until - TimeDelta::hours(hours), until, TimeDelta::minutes(1));
            let labels: Vec<String> = axis.labels().into_iter().map(|(_, label)| label).collect();
            format!("{hours} hours: {}\n", labels.join(" | "))
        };
        let all: String = [6, 24, 48, 7 * 24, 30 * 24, 365 * 24, 15 * 365 * 24].map(labels).concat();
        expect![[r"
            6 hours: 09:00 | 10:00 | 11:00 | 12:00 | 13:00 | 14:00
            24 hours: 18:00 | 19 Oct | 06:00 | 12:00
            48 hours: 18 Oct | 12:00 | 19 Oct | 12:00
            168 hours: 14 Oct | 16 Oct | 18 Oct
            720 hours: 26 Sep | 3 Oct | 10 Oct | 17 Oct
            8760 hours: 19 Dec | 18 Mar | 16 Jun | 14 Sep
            131400 hours: Sep 2010 | Apr 2013 | Nov 2015 | May 2018 | Dec 2020 | Jun 2023
        "]]
        .assert_eq(&all);
    }
}
