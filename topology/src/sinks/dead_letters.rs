//! Dead letters to their topic.

use trombe::{AsyncSink, Failure, SinkLimits};

use super::append::{Appender, TooLarge};
use crate::dead_letter::DeadLetter;

/// Appends dead letters to their topic and does not give up: a letter is acked when it is in the log. One that is larger than
/// the log takes goes without its raw bytes.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetterSink {
    appender: Appender,
}

impl DeadLetterSink {
    pub(crate) fn new(appender: Appender) -> Self {
        Self { appender }
    }

    /// Returns once the letters are durable, and counts them.
    pub(crate) async fn append(&self, mut letters: Vec<DeadLetter>) -> Result<(), Failure> {
        let count = letters.len();
        while !letters.is_empty() {
            let messages = letters.iter().map(DeadLetter::message).collect::<Result<_, _>>()?;
            match self.appender.append(messages).await {
                Ok(()) => break,
                Err(TooLarge(key)) => shrink(&mut letters, &key)?,
            }
        }
        self.appender.health().count_dead_letters(count);
        Ok(())
    }
}

/// Takes their raw bytes from the letters of this key, or, if they have none, the letters from the batch.
fn shrink(letters: &mut Vec<DeadLetter>, key: &str) -> Result<(), Failure> {
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
    if any {
        Ok(())
    } else {
        Err(Failure::retry(format!("the log calls too large what was not sent: {key}")))
    }
}

impl AsyncSink for DeadLetterSink {
    type In = DeadLetter;

    fn limits(&self) -> SinkLimits {
        // A letter waits for the log to come back, however long that takes.
        SinkLimits { write_timeout_ms: None, ..SinkLimits::default() }
    }

    async fn write(&self, batch: Vec<DeadLetter>) -> Vec<Result<(), Failure>> {
        let count = batch.len();
        vec![self.append(batch).await; count]
    }
}
