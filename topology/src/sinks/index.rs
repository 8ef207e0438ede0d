//! Documents to an index.

use trombe::{AsyncSink, Failure, SinkLimits};
use trombe_connectors::{Document, Outcome};

use super::dead_letters::DeadLetterSink;
use super::gate::Gate;
use crate::dead_letter::DeadLetter;
use crate::documents::DEAD_LETTER;

/// Writes documents until each is stored, was there already, or is rejected for good and a dead letter. No tuple fails because
/// the index is away.
#[derive(Clone, Debug)]
pub(crate) struct IndexSink {
    gate: Gate,
    dead_letters: DeadLetterSink,
    limits: SinkLimits,
}

impl IndexSink {
    pub(crate) fn new(gate: Gate, dead_letters: DeadLetterSink, limits: SinkLimits) -> Self {
        Self { gate, dead_letters, limits }
    }

    /// Sends documents once and gives back those that have to be sent again.
    async fn send(&self, documents: Vec<Document>) -> Result<Vec<Document>, Failure> {
        let outcomes = self.gate.answer(&documents).await;
        let part = self.gate.part();
        let (mut again, mut letters) = (Vec::new(), Vec::new());
        let (mut indexed, mut stale, mut rejected) = (0, 0, 0);
        for (document, outcome) in documents.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Indexed => indexed += 1,
                Outcome::Stale => stale += 1,
                Outcome::Retry(reason) => {
                    tracing::debug!(index = part.name(), id = document.id, reason, "to be sent again");
                    again.push(document);
                }
                Outcome::Rejected(reason) => {
                    rejected += 1;
                    if document.index == DEAD_LETTER {
                        // A letter about a letter could be rejected in its turn, without end.
                        let (index, id) = (part.name(), &document.id);
                        tracing::error!(
                            index,
                            id,
                            reason,
                            "a dead letter was rejected; its topic still has it"
                        );
                    } else {
                        letters.push(DeadLetter::of_document(&document, part.name(), &reason));
                    }
                }
            }
        }
        self.gate.health().count_writes(part, |counts| {
            counts.indexed += indexed;
            counts.stale += stale;
            counts.rejected += rejected;
            counts.retried += again.len() as u64;
        });
        self.dead_letters.append(letters).await?;
        Ok(again)
    }
}

impl AsyncSink for IndexSink {
    type In = Document;

    fn limits(&self) -> SinkLimits {
        self.limits
    }

    async fn write(&self, batch: Vec<Document>) -> Vec<Result<(), Failure>> {
        let count = batch.len();
        let (mut unsent, mut fruitless) = (batch, 0_u32);
        loop {
            let sent = unsent.len();
            unsent = match self.send(unsent).await {
                Ok(again) => again,
                Err(failure) => return vec![Err(failure); count],
            };
            if unsent.is_empty() {
                return vec![Ok(()); count];
            }
            fruitless = if unsent.len() < sent { 0 } else { fruitless.saturating_add(1) };
            tokio::time::sleep(self.gate.backoff().wait(fruitless)).await;
        }
    }
}
