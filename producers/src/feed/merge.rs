//! Several feeds in one, by time.

use std::iter::Peekable;

use super::pump::Events;
use crate::error::ProduceError;
use crate::message::Event;

/// Always gives the earliest of what the feeds have next; of equal ones, the earlier feed's. Each feed keeps its
/// own order, even where its times go backwards.
pub(super) struct Merge {
    feeds: Vec<Peekable<Events>>,
}

impl Merge {
    pub(super) fn new(feeds: impl IntoIterator<Item = Events>) -> Self {
        Self { feeds: feeds.into_iter().map(Iterator::peekable).collect() }
    }
}

impl Iterator for Merge {
    type Item = Result<Event, ProduceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut earliest: Option<(usize, i64)> = None;
        for (index, feed) in self.feeds.iter_mut().enumerate() {
            let Some(next) = feed.peek() else { continue };
            // An error comes first: it ends the run.
            let time_ms = next.as_ref().map_or(i64::MIN, |event| event.message.timestamp_ms);
            if earliest.is_none_or(|(_, earliest_ms)| time_ms < earliest_ms) {
                earliest = Some((index, time_ms));
            }
        }
        self.feeds[earliest?.0].next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{FeedKind, Topic};

    fn feed(times: &'static [i64], key: &'static str) -> Events {
        let event = move |time: &i64| Event::new(Topic::Prices, "csv", FeedKind::Sample, key, "", *time);
        Box::new(times.iter().map(move |time| Ok(event(time))))
    }

    #[test]
    fn the_earliest_comes_first_and_each_feed_keeps_its_order() {
        let merged = Merge::new([feed(&[1, 5, 5], "a"), feed(&[3, 2, 5, 9], "b")]);
        let order: Vec<_> = merged
            .map(|event| event.unwrap().message)
            .map(|message| format!("{}{}", String::from_utf8_lossy(&message.key), message.timestamp_ms))
            .collect();
        assert_eq!(order, ["a1", "b3", "b2", "a5", "a5", "b5", "b9"]);
    }
}
