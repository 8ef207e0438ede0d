//! The deadline of held tuples, which needs no tuning.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::clock::{Nanos, millis};
use crate::failure::Failure;
use crate::flow::held::Held;

/// How often in a deadline held tuples are looked at: so much later than at its end they may fail.
const LOOKS: Nanos = 8;

/// Watches what one task holds, and fails it when nothing has happened for too long to the trees that it belongs to.
///
/// Nothing is noted while tuples move: all is found out by looking at those that are held for long. Time during which the task is
/// held up by its consumers does not count: nobody could have answered then.
pub(crate) struct Inactivity {
    timeout_ms: Option<u64>,
    /// How long the task has been held up in all, and since when it is.
    held_up: Nanos,
    held_up_since: Option<Nanos>,
    /// In the order of the next looks.
    watched: VecDeque<Watched>,
}

/// The tuples of one fragment. All times are in time that counts.
struct Watched {
    held: Weak<Held>,
    look_at: Nanos,
    /// What was seen, and since when.
    signs: Option<u64>,
    since: Nanos,
}

impl Inactivity {
    pub(crate) fn new(timeout_ms: Option<u64>) -> Self {
        Self { timeout_ms, held_up: 0, held_up_since: None, watched: VecDeque::new() }
    }

    /// Watches what a component has been given and may have kept.
    pub(crate) fn watch(&mut self, held: &Arc<Held>, now: Nanos) {
        let Some(ms) = self.timeout_ms else { return };
        if held.has_in_hand() {
            // What else there is of a tree mostly moves still, which the first look will find out.
            let signs = held.is_alone().then(|| held.signs()).flatten();
            let since = self.counted(now);
            let look_at = since.saturating_add(pause(ms));
            // As long as it is referred to here, what is done takes up memory.
            while self.watched.pop_front_if(|watched| watched.held.strong_count() == 0).is_some() {}
            self.watched.push_back(Watched { held: Arc::downgrade(held), look_at, signs, since });
        }
    }

    /// Says whether the task is held up now.
    pub(crate) fn hold_up(&mut self, is_held_up: bool, now: Nanos) {
        if is_held_up {
            self.held_up_since.get_or_insert(now);
        } else if let Some(since) = self.held_up_since.take() {
            self.held_up += now.saturating_sub(since);
        }
    }

    /// The time that counts.
    fn counted(&self, now: Nanos) -> Nanos {
        self.held_up_since.unwrap_or(now).saturating_sub(self.held_up)
    }

    /// Looks at what is to be looked at, and fails what is due. True if anything was.
    pub(crate) fn expire(&mut self, now: Nanos) -> bool {
        let Some(ms) = self.timeout_ms else { return false };
        let (mut any, counted) = (false, self.counted(now));
        while let Some(mut watched) = self.watched.pop_front_if(|watched| watched.look_at <= counted) {
            let Some(held) = watched.held.upgrade().filter(|held| held.has_in_hand()) else { continue };
            let signs = held.signs();
            if signs.is_none() || signs != watched.signs {
                (watched.signs, watched.since) = (signs, counted);
            } else if counted.saturating_sub(watched.since) >= millis(ms) {
                let reason = format!("held, and nothing has happened to it for inactivity_timeout_ms = {ms}");
                any |= held.expire(&Failure::retry(reason));
                continue;
            }
            watched.look_at = watched.look_at.saturating_add(pause(ms)).max(counted.saturating_add(1));
            self.watched.push_back(watched);
        }
        any
    }

    pub(crate) fn next(&self) -> Option<Nanos> {
        self.watched.front().map(|watched| watched.look_at.saturating_add(self.held_up))
    }
}

fn pause(timeout_ms: u64) -> Nanos {
    (millis(timeout_ms) / LOOKS).max(1)
}
