//! Documents to the topic through which the secondary index is fed.

use trombe::{AsyncSink, Failure, SinkLimits};
use trombe_connectors::Document;

use super::append::{Appender, TooLarge};
use super::dead_letters::DeadLetterSink;
use crate::dead_letter::DeadLetter;
use crate::documents::DEAD_LETTER;
use crate::envelope;

/// Appends documents to their topic; one is acked when it is in the log. One that is larger than the log takes is a dead letter.
#[derive(Clone, Debug)]
pub(crate) struct DocumentSink {
    appender: Appender,
    dead_letters: DeadLetterSink,
    limits: SinkLimits,
}

impl DocumentSink {
    pub(crate) fn new(appender: Appender, dead_letters: DeadLetterSink, limits: SinkLimits) -> Self {
        Self { appender, dead_letters, limits }
    }

    async fn append(&self, mut documents: Vec<Document>) -> Result<(), Failure> {
        let mut letters = Vec::new();
        while !documents.is_empty() {
            let messages = documents.iter().map(envelope::message).collect::<Result<_, _>>()?;
            let TooLarge(key) = match self.appender.append(messages).await {
                Ok(()) => break,
                Err(too_large) => too_large,
            };
            let mut large = documents.extract_if(.., |document| envelope::key(document) == key).peekable();
            if large.peek().is_none() {
                return Err(Failure::retry(format!("the log calls too large what was not sent: {key}")));
            }
            for document in large {
                let reason = "too large for the topic of documents, and so not in the secondary index";
                if document.index == DEAD_LETTER {
                    tracing::error!(id = document.id, reason, "a dead letter is in its own topic only");
                } else {
                    letters.push(DeadLetter::of_document(&document, "secondary", reason));
                }
            }
        }
        self.dead_letters.append(letters).await
    }
}

impl AsyncSink for DocumentSink {
    type In = Document;

    fn limits(&self) -> SinkLimits {
        self.limits
    }

    async fn write(&self, batch: Vec<Document>) -> Vec<Result<(), Failure>> {
        let count = batch.len();
        vec![self.append(batch).await; count]
    }
}
