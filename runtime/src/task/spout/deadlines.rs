//! Storm's message timeout: from the emission of a tuple until its whole tree is done.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::clock::{Nanos, millis};
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::{Ids, Lot};
use crate::flow::home::Home;
use crate::flow::progress::{How, Leftover, Place, Progress};
use crate::metrics::books::Books;

/// Fewer flights than this are not worth sorting.
const FLIGHTS_MIN: usize = 64;

/// The flights of a spout's task that are out, if they have a deadline.
pub(super) struct Deadlines {
    timeout_ms: Option<u64>,
    /// In the order of their deadlines. Those that have landed are dead.
    flights: VecDeque<(Nanos, Weak<Progress>, Ids)>,
    /// At so many the dead ones are sorted out.
    flights_count_max: usize,
}

impl Deadlines {
    pub(super) fn new(timeout_ms: Option<u64>) -> Self {
        Self { timeout_ms, flights: VecDeque::new(), flights_count_max: FLIGHTS_MIN }
    }

    /// A flight that takes off now.
    pub(super) fn flight(&mut self, home: &Arc<Home>, ids: Ids, now: Nanos) -> Lot {
        let Some(ms) = self.timeout_ms else { return Lot::of_spout(Arc::clone(home), ids, now) };
        if self.flights.len() >= self.flights_count_max {
            self.flights.retain(|(_, progress, _)| progress.strong_count() > 0);
            self.flights_count_max = FLIGHTS_MIN.max(2 * self.flights.len());
        }
        let progress = Arc::default();
        self.flights.push_back((now.saturating_add(millis(ms)), Arc::downgrade(&progress), ids.clone()));
        Lot::watched(Arc::clone(home), ids, now, &progress)
    }

    /// The next flight whose time is over: its tuples' ids, and what is left of it, which has failed with this.
    pub(super) fn expire(&mut self, now: Nanos) -> Option<(Ids, Leftover)> {
        let (_, progress, ids) = self.flights.pop_front_if(|(due, ..)| *due <= now)?;
        let left = progress.upgrade().map(|progress| progress.time_out(ids.len()));
        Some((ids, left.unwrap_or_default()))
    }

    pub(super) fn autopsy(&self, books: &Books, place: &Place, now: Nanos) -> Autopsy {
        let ms = self.timeout_ms.unwrap_or(0);
        let (queued, worked) = match place.begun {
            Some(begun) => (begun.saturating_sub(place.sent), now.saturating_sub(begun)),
            None => (now.saturating_sub(place.sent), 0),
        };
        let place_is = match (place.how, place.begun) {
            (How::Batch, None) => "it waits in the queue",
            (How::Batch, Some(_)) => "its batch is being worked on",
            (How::InHand, _) => "it is held",
            (How::HandedOn, _) => "it waits for what was emitted for it",
        };
        let reason = format!("not done within message_timeout_ms = {ms}: {place_is}");
        books.autopsy(place.edge, place.task, (queued, worked), &Failure::retry(reason))
    }

    pub(super) fn next(&self) -> Option<Nanos> {
        self.flights.front().map(|(due, ..)| *due)
    }

    /// Nothing is out any more.
    pub(super) fn clear(&mut self) {
        self.flights.clear();
    }
}
