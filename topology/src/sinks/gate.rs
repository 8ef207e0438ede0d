//! The way to an index: open to all while it answers, and to one request at a time while it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use trombe_connectors::{Document, Index, IndexError, Outcome};

use crate::backoff::Backoff;
use crate::health::{Health, Part};

/// Shared by every task that writes to one index. [`Health`] knows when it is shut, and the spouts pause.
///
/// While it is shut, one of those who wait sends its request now and then; the others hold theirs, one batch each, and go on at
/// the moment that one is answered. An answer that puts off every document (a block on writes, shards that are away) is none.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    index: Arc<dyn Index>,
    part: Part,
    health: Health,
    backoff: Backoff,
    /// How long to wait after a refusal: only a person can mend it.
    refused_wait: Duration,
    /// Whoever holds it probes.
    probe: Mutex<()>,
    /// Requests in a row without an answer.
    failures: AtomicU32,
    is_refused: AtomicBool,
}

impl Gate {
    pub(crate) fn new(
        index: Arc<dyn Index>,
        part: Part,
        health: Health,
        backoff: Backoff,
        refused_wait: Duration,
    ) -> Self {
        let (probe, failures, is_refused) = (Mutex::new(()), AtomicU32::new(0), AtomicBool::new(false));
        Self(Arc::new(State { index, part, health, backoff, refused_wait, probe, failures, is_refused }))
    }

    pub(super) fn part(&self) -> Part {
        self.0.part
    }

    pub(super) fn health(&self) -> &Health {
        &self.0.health
    }

    pub(super) fn backoff(&self) -> Backoff {
        self.0.backoff
    }

    /// Sends the documents, however long it takes until there is an answer: an outcome for each. The rest of a batch of which the
    /// index took some may be put off as a whole: that alone does not shut the way for all others.
    pub(super) async fn answer(&self, documents: &[Document], is_rest: bool) -> Vec<Outcome> {
        loop {
            if self.is_open() {
                if let Some(outcomes) = self.send(documents, is_rest).await {
                    return outcomes;
                }
                continue;
            }
            let _probing = self.0.probe.lock().await;
            // Another's probe may have been answered meanwhile.
            if !self.is_open() {
                tokio::time::sleep(self.wait()).await;
                if let Some(outcomes) = self.send(documents, is_rest).await {
                    return outcomes;
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        !self.0.health.is_away(self.0.part)
    }

    fn wait(&self) -> Duration {
        if self.0.is_refused.load(Ordering::Acquire) {
            return self.0.refused_wait;
        }
        self.0.backoff.wait(self.0.failures.load(Ordering::Acquire).saturating_sub(1))
    }

    /// `None`: nothing became of any of the documents.
    async fn send(&self, documents: &[Document], is_rest: bool) -> Option<Vec<Outcome>> {
        let error = match self.0.index.bulk(documents.to_vec()).await {
            Ok(outcomes) if outcomes.len() == documents.len() => match put_off(&outcomes) {
                None => {
                    self.open();
                    return Some(outcomes);
                }
                Some(_) if is_rest && self.is_open() => return Some(outcomes),
                Some(why) => IndexError::Unavailable(why.to_owned()),
            },
            Ok(_) => IndexError::Unavailable("its answer does not match the request".to_owned()),
            Err(error) => error,
        };
        self.shut(&error);
        None
    }

    fn open(&self) {
        let state = &*self.0;
        if !self.is_open() {
            state.failures.store(0, Ordering::Release);
            state.is_refused.store(false, Ordering::Release);
            state.health.report(state.part, state.part.name(), None);
            tracing::info!(index = state.part.name(), "the index is back");
        }
    }

    fn shut(&self, error: &IndexError) {
        let state = &*self.0;
        let (was_open, is_refused) = (self.is_open(), !error.is_transient());
        let was_refused = state.is_refused.swap(is_refused, Ordering::AcqRel);
        state.failures.fetch_add(1, Ordering::AcqRel);
        state.health.count_writes(state.part, |counts| counts.unanswered += 1);
        let name = state.part.name();
        let reason = if state.part == Part::Index { error.to_string() } else { format!("{name}: {error}") };
        state.health.report(state.part, name, Some(reason));
        if is_refused && (was_open || !was_refused) {
            tracing::error!(
                index = name,
                %error,
                "the index refuses everything: nothing is written until this is mended"
            );
        } else if was_open {
            tracing::warn!(index = name, %error, "the index is away; what is for it waits until it is back");
        }
    }
}

/// Why, if every document is to be sent again.
fn put_off(outcomes: &[Outcome]) -> Option<&str> {
    let mut whys = outcomes.iter().map(|outcome| match outcome {
        Outcome::Retry(why) => Some(why.as_str()),
        Outcome::Indexed | Outcome::Stale | Outcome::Rejected(_) => None,
    });
    let first = whys.next()??;
    whys.all(|why| why.is_some()).then_some(first)
}

#[cfg(test)]
mod tests;
