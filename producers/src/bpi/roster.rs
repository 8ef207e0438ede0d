//! Who is asked for the price, and when: a state machine without clock, network or chance.

use std::time::Duration;

use tokio::time::Instant;

/// What is known of one source.
#[derive(Clone, Debug)]
struct Seat {
    interval: Duration,
    health: Health,
    /// When the source is asked next, if it is wanted then.
    due: Instant,
    /// A question is under way.
    asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Up,
    /// It failed; it is asked again when due, wanted or not, so that a better source comes back.
    Down,
}

/// The sources in their order of preference.
///
/// A source is *wanted* while fewer than `active_max` healthy ones stand before it. Wanted sources are asked at
/// their interval, those that are down at their backoff, the others not at all.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    seats: Vec<Seat>,
    active_max: usize,
}

impl Roster {
    /// All healthy, all due now.
    pub(crate) fn new(
        intervals: impl IntoIterator<Item = Duration>,
        active_max: usize,
        now: Instant,
    ) -> Self {
        let seat = |interval| Seat { interval, health: Health::Up, due: now, asked: false };
        Self { seats: intervals.into_iter().map(seat).collect(), active_max }
    }

    /// Whether this source is polled rather than probed or left standing by.
    pub(crate) fn is_wanted(&self, source: usize) -> bool {
        let healthy = self.seats[..source].iter().filter(|seat| seat.health == Health::Up).count();
        self.seats[source].health == Health::Up && healthy < self.active_max
    }

    /// The sources to ask now. Each must be answered by `succeeded` or `failed`.
    pub(crate) fn ask(&mut self, now: Instant) -> Vec<usize> {
        let asked: Vec<usize> = self.askable().filter(|source| self.seats[*source].due <= now).collect();
        for source in &asked {
            self.seats[*source].asked = true;
        }
        asked
    }

    /// When `ask` next has somebody, as things stand; `None` while every candidate is being asked.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.askable().map(|source| self.seats[source].due).min()
    }

    /// The source answered well.
    pub(crate) fn succeeded(&mut self, source: usize, now: Instant) {
        let seat = &mut self.seats[source];
        seat.asked = false;
        seat.health = Health::Up;
        // In step with the interval, unless that would mean catching up.
        seat.due = (seat.due + seat.interval).max(now);
    }

    /// The source did not answer, or not well: it is left alone for the wait, and the next one takes over now.
    pub(crate) fn failed(&mut self, source: usize, now: Instant, wait: Duration) {
        let seat = &mut self.seats[source];
        seat.asked = false;
        seat.health = Health::Down;
        seat.due = now + wait;
    }

    fn askable(&self) -> impl Iterator<Item = usize> {
        (0..self.seats.len()).filter(|source| {
            let seat = &self.seats[*source];
            !seat.asked && (seat.health == Health::Down || self.is_wanted(*source))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn the_first_healthy_source_is_asked_at_its_interval() {
        let now = Instant::now();
        let mut roster = Roster::new([MINUTE, MINUTE], 1, now);
        assert_eq!(roster.ask(now), [0]);
        assert!(roster.ask(now).is_empty(), "one question at a time");
        roster.succeeded(0, now + Duration::from_secs(2));
        assert_eq!(roster.next_due(), Some(now + MINUTE));
        assert_eq!(roster.ask(now + MINUTE), [0]);
    }

    #[test]
    fn the_next_takes_over_at_once_and_the_better_one_comes_back() {
        let now = Instant::now();
        let mut roster = Roster::new([MINUTE, MINUTE], 1, now);
        roster.ask(now);
        roster.failed(0, now, MINUTE * 5);
        assert_eq!(roster.ask(now), [1]);
        roster.succeeded(1, now);
        assert!(roster.is_wanted(1));
        assert_eq!(roster.ask(now + MINUTE * 5), [0, 1], "a probe beside the poll");
        roster.succeeded(0, now + MINUTE * 5);
        roster.succeeded(1, now + MINUTE * 5);
        assert!(roster.is_wanted(0) && !roster.is_wanted(1));
        assert_eq!(roster.ask(now + MINUTE * 10), [0]);
    }

    #[test]
    fn two_of_three_are_active_and_the_third_replaces_either() {
        let now = Instant::now();
        let mut roster = Roster::new([MINUTE; 3], 2, now);
        assert_eq!(roster.ask(now), [0, 1]);
        roster.succeeded(0, now);
        roster.failed(1, now, MINUTE * 9);
        assert_eq!(roster.ask(now), [2]);
    }

    #[test]
    fn a_long_pause_is_not_caught_up() {
        let now = Instant::now();
        let mut roster = Roster::new([MINUTE], 1, now);
        roster.ask(now);
        let late = now + MINUTE * 100;
        roster.succeeded(0, late);
        assert_eq!(roster.next_due(), Some(late));
    }
}
