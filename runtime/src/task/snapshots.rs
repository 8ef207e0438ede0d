//! When a task with state writes it, and the tuples that wait for it.

use std::sync::Arc;

use crate::clock::{Nanos, millis};
use crate::component::stateful::Guarantee;
use crate::config::Config;
use crate::failure::Failure;
use crate::flow::flight::Lot;
use crate::flow::progress::Stay;
use crate::metrics::site::Site;
use crate::retry::Backoff;
use crate::rng::Rng;
use crate::state::writer::{Changes, Client};
use crate::state::{StateChange, StateError, StateErrorKind};

/// Tuples of one fragment whose effect is not durable yet, with their share of the flight.
///
/// Dropped, it fails its flight: what nobody has made durable must not be acked. That takes the flight's other tuples with it, but
/// happens only when a topology ends in the midst of its work.
struct Unsaved {
    /// Ends before the share: what has landed is nowhere any more.
    stay: Option<Stay>,
    /// `None`: they are acked.
    lot: Option<Lot>,
    site: Arc<Site>,
    edge: usize,
    count: usize,
}

impl Unsaved {
    fn ack(mut self) {
        self.site.closed(self.count, self.count);
        self.site.acked(self.edge, self.count);
        // Landing comes last: whoever hears of it finds the books in order.
        drop(self.stay.take());
        drop(self.lot.take());
    }
}

impl Drop for Unsaved {
    fn drop(&mut self) {
        drop(self.stay.take());
        if let Some(lot) = self.lot.take() {
            let failure = Failure::retry("the topology ended before the effect was stored");
            self.site.closed(self.count, self.count);
            self.site.failed(self.edge, self.count);
            lot.fail_groups(&failure);
            lot.fail_all(&self.site.autopsy(self.edge, 0, 0, &failure));
        }
    }
}

/// The write under way.
struct Writing {
    changes: Changes,
    tuples: Vec<Unsaved>,
    begun: Nanos,
    failures: u32,
    /// It has failed, and is tried again at this time.
    again_at: Option<Nanos>,
}

/// Two generations: while one is written the next one gathers.
pub(crate) struct Snapshots {
    client: Client,
    site: Arc<Site>,
    gathering: Vec<Unsaved>,
    gathering_count: usize,
    writing: Option<Writing>,
    interval: Nanos,
    held_count_max: usize,
    /// No write begins before this time, unless the task holds its fill.
    not_before: Nanos,
    backoff: Backoff,
    rng: Rng,
}

/// What there is to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Nanos,
    /// The state has changed.
    pub(crate) changed: bool,
    /// Nothing waits in front of a task that is to come to its end.
    pub(crate) drained: bool,
}

impl Snapshots {
    pub(crate) fn new(client: Client, site: &Arc<Site>, limits: &Config, rng: Rng) -> Self {
        Self {
            client,
            site: Arc::clone(site),
            gathering: Vec::new(),
            gathering_count: 0,
            writing: None,
            interval: millis(limits.snapshot_interval_ms),
            held_count_max: limits.held_count_max,
            not_before: 0,
            backoff: Backoff::new(limits),
            rng,
        }
    }

    /// Holds tuples until what is written next is durable.
    pub(crate) fn hold(&mut self, lot: Lot, stay: Option<Stay>, edge: usize, count: usize) {
        self.site.taken_in_hand(count);
        self.gathering_count += count;
        self.gathering.push(Unsaved { stay, lot: Some(lot), site: Arc::clone(&self.site), edge, count });
    }

    /// Whether the task may take no more before a write has gone well.
    pub(crate) fn is_full(&self) -> bool {
        self.gathering_count >= self.held_count_max
    }

    /// Whether the next write is to begin.
    pub(crate) fn is_due(&self, Moment { now, changed, drained }: Moment) -> bool {
        let wanted = changed || !self.gathering.is_empty();
        wanted && self.writing.is_none() && (drained || self.is_full() || now >= self.not_before)
    }

    /// Has the changes written, and acks afterwards what is held now.
    pub(crate) fn begin(&mut self, changes: Vec<StateChange>, now: Nanos) {
        self.not_before = now.saturating_add(self.interval);
        self.gathering_count = 0;
        let tuples = std::mem::take(&mut self.gathering);
        if changes.is_empty() {
            // Everything is in the store: they changed nothing.
            tuples.into_iter().for_each(Unsaved::ack);
            return;
        }
        let changes = Changes::from(changes);
        self.client.write(Changes::clone(&changes));
        self.writing = Some(Writing { changes, tuples, begun: now, failures: 0, again_at: None });
    }

    /// The changes could not be made out.
    pub(crate) fn put_off(&mut self, error: StateError, now: Nanos) {
        self.site.trouble(Some("snapshot"), &error.into());
        self.not_before = now.saturating_add(self.interval);
    }

    /// Hears of the write under way. True: it is durable.
    pub(crate) fn hear(&mut self, now: Nanos) -> bool {
        let Some(writing) = &mut self.writing else { return false };
        if writing.again_at.is_some_and(|again_at| now >= again_at) {
            writing.again_at = None;
            self.client.write(Changes::clone(&writing.changes));
        }
        match self.client.take_answer() {
            None => false,
            Some(Ok(())) => {
                if let Some(Writing { changes, tuples, begun, .. }) = self.writing.take() {
                    let bytes = changes.iter().map(bytes_of).sum();
                    self.site.own.state.written(bytes, now, now.saturating_sub(begun));
                    tuples.into_iter().for_each(Unsaved::ack);
                }
                true
            }
            Some(Err(error)) => {
                let may_pass = error.kind == StateErrorKind::Transient;
                self.site.trouble(Some("snapshot"), &error.into());
                if !may_pass {
                    // The topology ends. What waits for this write is never acked, and fails with the task.
                    return false;
                }
                writing.failures = writing.failures.saturating_add(1);
                let wait = self.backoff.wait(writing.failures, &mut self.rng).max(millis(1));
                writing.again_at = Some(now.saturating_add(wait));
                false
            }
        }
    }

    /// When there is something to do at the latest, if nobody wakes the task before.
    pub(crate) fn next(&self, changed: bool) -> Option<Nanos> {
        match &self.writing {
            Some(writing) => writing.again_at,
            None => (changed || !self.gathering.is_empty()).then_some(self.not_before),
        }
    }

    /// The last write, after which the task hears of none: what is held fails, as it may not get there.
    pub(crate) fn end(self, changes: Vec<StateChange>, guarantee: Guarantee) {
        let before = self.writing.as_ref().map(|writing| writing.changes.to_vec());
        let all = [before.unwrap_or_default(), changes].concat();
        if all.is_empty() {
            return;
        }
        let site = Arc::clone(&self.site);
        self.client.write_last(all.into(), move |error| {
            tracing::warn!(component = site.name(), task = site.task, %error, "the last snapshot is not stored");
            let is_lost = guarantee == Guarantee::AtMostOnce && error.kind == StateErrorKind::Transient;
            let error = if is_lost { lost(&error) } else { error };
            site.trouble(Some("snapshot"), &error.into());
        });
    }
}

/// Nobody tries again, and nothing gives the tuples again.
fn lost(error: &StateError) -> StateError {
    let why = format!(
        "{}; the effects since the last snapshot are lost: see to the store, and take `Guarantee::AtLeastOnce` for what must \
         not be",
        error.reason
    );
    StateError::of(StateErrorKind::Permanent, &error.namespace, why)
}

fn bytes_of(change: &StateChange) -> u64 {
    (change.key.len() + change.value.as_ref().map_or(0, Vec::len)) as u64
}
