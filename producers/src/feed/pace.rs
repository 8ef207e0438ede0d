//! When a message of a feed that is not live is due.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::Speed;

/// The longest wait between two messages of a replayed feed. A lull beyond it is cut short, so that neither the
/// years between two blocks nor one wrong time holds up the rest.
const LULL_MAX: Duration = Duration::from_hours(1);

/// Longer than anybody waits, and short enough for the clock.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 100);

/// Maps the messages' times to this process's time.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    speed: Speed,
    /// An event time, and the instant at which it is due: the present, or else the newest message.
    origin: Option<(i64, Instant)>,
    /// What lies before is history, due at once.
    present_ms: Option<i64>,
}

impl Pace {
    /// The first message is due at once.
    pub(crate) fn from_first(speed: Speed) -> Self {
        Self { speed, origin: None, present_ms: None }
    }

    /// Everything up to the present is due at once, even at full speed; what follows is never due before its
    /// time, because the future has not happened.
    pub(crate) fn from_present(speed: Speed, now: DateTime<Utc>) -> Self {
        let speed = match speed {
            Speed::Max => Speed::Factor(1.0),
            factor @ Speed::Factor(_) => factor,
        };
        let now_ms = now.timestamp_millis();
        Self { speed, origin: Some((now_ms, Instant::now())), present_ms: Some(now_ms) }
    }

    /// Whether the feed starts with a history.
    pub(crate) fn has_history(&self) -> bool {
        self.present_ms.is_some()
    }

    /// Whether this is the history that a feed starts with.
    pub(crate) fn is_history(&self, event_ms: i64) -> bool {
        self.present_ms.is_some_and(|present_ms| event_ms <= present_ms)
    }

    /// When a message of this time is due; `None` is at once.
    pub(crate) fn due(&mut self, event_ms: i64) -> Option<Instant> {
        let Speed::Factor(factor) = self.speed else {
            return None;
        };
        let now = Instant::now();
        let (origin_ms, origin) = *self.origin.get_or_insert((event_ms, now));
        let is_ahead = event_ms > origin_ms;
        let distance = scaled(event_ms.abs_diff(origin_ms), factor);
        if self.present_ms.is_some() {
            return is_ahead.then(|| origin + distance);
        }
        if is_ahead {
            let due = origin + distance.min(LULL_MAX);
            self.origin = Some((event_ms, due));
            return Some(due);
        }
        if distance > LULL_MAX {
            // So far back is another recording, or the end of an excursion to a wrong time.
            self.origin = Some((event_ms, now));
        }
        None
    }
}

/// How long a stretch of the feed's time takes.
fn scaled(event_ms: u64, factor: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
    let seconds = event_ms as f64 / 1_000.0 / factor.max(f64::MIN_POSITIVE);
    // What the clock cannot hold is for ever.
    Duration::try_from_secs_f64(seconds).map_or(FOR_EVER, |wait| wait.min(FOR_EVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_times_as_fast_waits_a_tenth() {
        let start = Instant::now();
        let mut pace = Pace::from_first(Speed::Factor(10.0));
        assert_eq!(pace.due(50_000), None);
        assert_eq!(pace.due(60_000), Some(start + Duration::from_secs(1)));
        assert_eq!(pace.due(40_000), None, "what comes late is due at once");
        assert_eq!(pace.due(70_000), Some(start + Duration::from_secs(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_time_costs_one_lull_and_the_pace_goes_on() {
        let start = Instant::now();
        let mut pace = Pace::from_first(Speed::Factor(1.0));
        assert_eq!(pace.due(1_000), None);
        assert_eq!(pace.due(i64::MAX), Some(start + LULL_MAX));
        tokio::time::advance(LULL_MAX).await;
        assert_eq!(pace.due(2_000), None);
        assert_eq!(pace.due(3_000), Some(start + LULL_MAX + Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn history_is_due_at_once_and_the_future_is_not() {
        let start = Instant::now();
        let now = DateTime::from_timestamp_millis(100_000).unwrap();
        let mut pace = Pace::from_present(Speed::Max, now);
        assert_eq!(pace.due(99_000), None);
        assert!(pace.is_history(100_000) && !pace.is_history(100_001));
        assert_eq!(pace.due(102_000), Some(start + Duration::from_secs(2)));
    }
}
