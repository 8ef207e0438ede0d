//! When a message of a feed that is not live is due.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::Speed;

/// Maps the messages' times to this process's time.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    speed: Speed,
    /// An event time, and the instant at which it is due.
    origin: Option<(i64, Instant)>,
    /// What lies before is history, due at once.
    present_ms: Option<i64>,
}

impl Pace {
    /// The first message is due at once.
    pub(crate) fn from_first(speed: Speed) -> Self {
        Self {
            speed,
            origin: None,
            present_ms: None,
        }
    }

    /// Everything up to the present is due at once, even at full speed; what follows is never due before its
    /// time, because the future has not happened.
    pub(crate) fn from_present(speed: Speed, now: DateTime<Utc>) -> Self {
        let speed = match speed {
            Speed::Max => Speed::Factor(1.0),
            factor @ Speed::Factor(_) => factor,
        };
        let now_ms = now.timestamp_millis();
        Self {
            speed,
            origin: Some((now_ms, Instant::now())),
            present_ms: Some(now_ms),
        }
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
        let (origin_ms, origin) = *self.origin.get_or_insert_with(|| (event_ms, Instant::now()));
        let ahead_ms = u64::try_from(event_ms.saturating_sub(origin_ms))
            .ok()
            .filter(|ahead| *ahead > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
        let wait_s = ahead_ms as f64 / 1_000.0 / factor.max(f64::MIN_POSITIVE);
        // A wait beyond what the clock can hold is for ever.
        let wait = Duration::try_from_secs_f64(wait_s).unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        Some(origin + wait)
    }
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
