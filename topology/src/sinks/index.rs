//! Documents to an index.

use trombe::{AsyncSink, Failure, SinkLimits};
use trombe_connectors::{Document, Outcome};

use super::dead_letters::DeadLetterSink;
use super::gate::Gate;
use crate::dead_letter::DeadLetter;
use crate::documents::DEAD_LETTER;

/// After so many rounds in a row that brought a batch no further, the log says which document it waits for.
const FRUITLESS_MAX: u32 = 3;

/// Writes documents until each is stored, was there already, or is rejected for good and a dead letter. No tuple fails because
/// the index is away.
///
/// A batch is answered as a whole: as long as the index puts off one of its documents (a single index without its shards), the
/// tuples of the others, which are stored, stay open, too. They count against the limit of pending tuples, and a crash replays them,
/// which is safe.
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

    /// Sends documents once and gives back those that have to be sent again, with why for the first one.
    async fn send(
        &self,
        documents: Vec<Document>,
        is_rest: bool,
    ) -> Result<(Vec<Document>, String), Failure> {
        let outcomes = self.gate.answer(&documents, is_rest).await;
        let part = self.gate.part();
        let (mut again, mut letters) = (Vec::new(), Vec::new());
        let (mut indexed, mut stale, mut rejected, mut why) = (0, 0, 0, String::new());
        for (document, outcome) in documents.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Indexed => indexed += 1,
                Outcome::Stale => stale += 1,
                Outcome::Retry(reason) => {
                    tracing::debug!(index = part.name(), id = document.id, reason, "to be sent again");
                    if again.is_empty() {
                        why = reason;
                    }
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
        Ok((again, why))
    }
}

impl AsyncSink for IndexSink {
    type In = Document;

    fn limits(&self) -> SinkLimits {
        self.limits
    }

    async fn write(&self, batch: Vec<Document>) -> Vec<Result<(), Failure>> {
        let count = batch.len();
        let (mut unsent, mut fruitless, mut is_told) = (batch, 0_u32, false);
        loop {
            let sent = unsent.len();
            let (again, why) = match self.send(unsent, sent < count).await {
                Ok(again) => again,
                Err(failure) => return vec![Err(failure); count],
            };
            unsent = again;
            let Some(first) = unsent.first() else { return vec![Ok(()); count] };
            fruitless = if unsent.len() < sent { 0 } else { fruitless.saturating_add(1) };
            if fruitless >= FRUITLESS_MAX && !is_told {
                is_told = true;
                let (index, left) = (self.gate.part().name(), unsent.len());
                let document = format!("{}/{}", first.index, first.id);
                tracing::warn!(
                    index,
                    document,
                    why,
                    left,
                    "a batch waits for documents that the index puts off"
                );
            }
            tokio::time::sleep(self.gate.backoff().wait(fruitless)).await;
        }
    }
}
