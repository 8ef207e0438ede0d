//! The ends of the topology: documents to the index, dead letters to their topic.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use trombe::{AsyncSink, Failure, SinkLimits};
use trombe_connectors::{Document, Index, Log, LogError, Outcome};

use crate::DEAD_LETTERS;
use crate::dead_letter::DeadLetter;
use crate::documents::DEAD_LETTER;
use crate::signals::Health;

/// The wait before a write is tried again: doubled each time up to a cap, and drawn at random from its upper half, so
/// that several writers do not come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) ms_min: u64,
    pub(crate) ms_max: u64,
}

impl Backoff {
    fn wait(self, attempt: u32) -> Duration {
        let doubled = self.ms_min.saturating_mul(1_u64.checked_shl(attempt).unwrap_or(u64::MAX));
        let ms = doubled.min(self.ms_max);
        let random = RandomState::new().hash_one(attempt);
        Duration::from_millis(ms - random % (ms / 2 + 1))
    }
}

/// Appends dead letters to their topic and does not give up: a letter is acked when it is in the log. One that is larger than
/// the log takes goes without its raw bytes.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetterSink {
    log: Arc<dyn Log>,
    health: Health,
    backoff: Backoff,
}

impl DeadLetterSink {
    pub(crate) fn new(log: Arc<dyn Log>, health: Health, backoff: Backoff) -> Self {
        Self { log, health, backoff }
    }

    async fn append(&self, mut letters: Vec<DeadLetter>) -> Result<(), Failure> {
        let count = letters.len();
        let mut attempt = 0;
        while !letters.is_empty() {
            let messages = letters.iter().map(DeadLetter::message).collect::<Result<_, _>>()?;
            match self.log.append(DEAD_LETTERS, messages).await {
                Ok(_) => break,
                Err(LogError::MessageTooLarge { key, .. }) if shrink(&mut letters, &key) => continue,
                Err(error) if attempt == 0 => tracing::warn!(%error, "dead letters wait for the log"),
                Err(_) => {}
            }
            tokio::time::sleep(self.backoff.wait(attempt)).await;
            attempt = attempt.saturating_add(1);
        }
        self.health.count_dead_letters(count);
        Ok(())
    }
}

/// Takes their raw bytes from the letters of this key, or, if they have none, the letters from the batch. False: there are none.
fn shrink(letters: &mut Vec<DeadLetter>, key: &str) -> bool {
    let mut any = false;
    letters.retain_mut(|letter| {
        let too_large = letter.key() == key;
        any |= too_large;
        let kept = !too_large || letter.drop_raw();
        if !kept {
            tracing::error!(key, "the log does not take a dead letter even without its raw bytes");
        }
        kept
    });
    any
}

impl AsyncSink for DeadLetterSink {
    type In = DeadLetter;

    async fn write(&self, batch: Vec<DeadLetter>) -> Vec<Result<(), Failure>> {
        let count = batch.len();
        vec![self.append(batch).await; count]
    }
}

/// Writes documents until each is stored, was there already, or is rejected for good and a dead letter.
///
/// While the index as a whole does not answer, [`Health`] says so, the spouts pause, and no tuple fails.
#[derive(Debug)]
pub(crate) struct IndexSink {
    index: Arc<dyn Index>,
    dead_letters: DeadLetterSink,
    health: Health,
    backoff: Backoff,
    limits: SinkLimits,
}

impl IndexSink {
    pub(crate) fn new(index: Arc<dyn Index>, dead_letters: DeadLetterSink, limits: SinkLimits) -> Self {
        let (health, backoff) = (dead_letters.health.clone(), dead_letters.backoff);
        Self { index, dead_letters, health, backoff, limits }
    }

    /// Sends documents once and gives back those that have to be sent again.
    async fn send(&self, documents: Vec<Document>) -> Result<Vec<Document>, Failure> {
        let outcomes = match self.index.bulk(documents.clone()).await {
            Ok(outcomes) if outcomes.len() == documents.len() => outcomes,
            Ok(_) => {
                self.away("the index's answer does not match the request");
                return Ok(documents);
            }
            Err(error) => {
                self.away(&error.to_string());
                return Ok(documents);
            }
        };
        if self.health.set_away(None) {
            tracing::info!("the index is back");
        }
        let (mut again, mut letters) = (Vec::new(), Vec::new());
        for (document, outcome) in documents.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Indexed | Outcome::Stale => {}
                Outcome::Retry(_) => again.push(document),
                Outcome::Rejected(reason) if document.index == DEAD_LETTER => {
                    // A letter about a letter could be rejected in its turn, without end.
                    tracing::error!(
                        id = document.id,
                        reason,
                        "the index rejected a dead letter; its topic still has it"
                    );
                }
                Outcome::Rejected(reason) => letters.push(DeadLetter::of_document(&document, &reason)),
            }
        }
        self.dead_letters.append(letters).await?;
        Ok(again)
    }

    fn away(&self, reason: &str) {
        if self.health.set_away(Some(reason.to_owned())) {
            tracing::warn!(reason, "the index is away; the spouts pause until it is back");
        }
    }
}

impl AsyncSink for IndexSink {
    type In = Document;

    fn limits(&self) -> SinkLimits {
        self.limits
    }

    async fn write(&self, batch: Vec<Document>) -> Vec<Result<(), Failure>> {
        let count = batch.len();
        let mut unsent = batch;
        for attempt in 0.. {
            unsent = match self.send(unsent).await {
                Ok(again) => again,
                Err(failure) => return vec![Err(failure); count],
            };
            if unsent.is_empty() {
                break;
            }
            tokio::time::sleep(self.backoff.wait(attempt)).await;
        }
        vec![Ok(()); count]
    }
}
