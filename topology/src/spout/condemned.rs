//! Records that failed for the last time, on their way to the dead letters.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use trombe::TaskContext;
use trombe_connectors::{LogConsumer, LogError, Position};

use crate::dead_letter::DeadLetter;
use crate::sinks::DeadLetterSink;

/// Letters of one spout task that are written together at most, each with up to 64 KiB of its record.
const LETTERS_COUNT_MAX: usize = 64;

/// A condemned record is done when its letter is durable, and not before: until then it counts as open, and its offset is not
/// committed. One batch of letters is under way at a time; the others wait as a position and a reason.
#[derive(Debug, Default)]
pub(super) struct Condemned {
    waiting: VecDeque<(u64, Position, String)>,
    is_writing: bool,
    /// Those whose letters are under way.
    writing: Vec<(u64, Position, String)>,
    /// Whether the letters that were under way are durable.
    written: Arc<Mutex<Option<bool>>>,
}

impl Condemned {
    pub(super) fn add(&mut self, id: u64, position: Position, reason: String) {
        self.waiting.push_back((id, position, reason));
    }

    /// The partition belongs to another member, which will condemn its records itself.
    pub(super) fn forget(&mut self, partition: u32) {
        self.waiting.retain(|(_, position, _)| position.partition != partition);
        self.writing.retain(|(_, position, _)| position.partition != partition);
    }

    /// The records whose letters have become durable since. `None`: they could not be written, and wait again.
    pub(super) fn take_written(&mut self) -> Option<Vec<u64>> {
        let Some(is_written) = self.written.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Some(Vec::new());
        };
        self.is_writing = false;
        let writing = std::mem::take(&mut self.writing);
        if is_written {
            return Some(writing.into_iter().map(|(id, ..)| id).collect());
        }
        // Behind the others, so that a letter that is never taken does not hold them up.
        self.waiting.extend(writing);
        None
    }

    /// Reads the records of the next letters and begins to write these. Gives the records that are done without one, because
    /// retention has deleted them. After an error all are as they were.
    pub(super) fn write(
        &mut self,
        consumer: &mut dyn LogConsumer,
        sink: &DeadLetterSink,
        context: &TaskContext,
    ) -> Result<Vec<u64>, LogError> {
        if self.is_writing || self.waiting.is_empty() {
            return Ok(Vec::new());
        }
        let (mut letters, mut found, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        let count = self.waiting.len().min(LETTERS_COUNT_MAX);
        for (id, position, reason) in self.waiting.iter().take(count) {
            if let Some(record) = consumer.read(position)? {
                letters.push(DeadLetter::of_record(&record, reason));
                found.push((*id, position.clone(), reason.clone()));
            } else {
                tracing::error!(%position, reason, "retention deleted a failed record before its dead letter was written");
                gone.push(*id);
            }
        }
        self.waiting.drain(..count);
        if letters.is_empty() {
            return Ok(gone);
        }
        let Some(tokio) = context.tokio() else {
            tracing::error!(
                count = found.len(),
                "without an asynchronous sink in the topology there are no dead letters"
            );
            gone.extend(found.into_iter().map(|(id, ..)| id));
            return Ok(gone);
        };
        (self.is_writing, self.writing) = (true, found);
        let (sink, written, waker) = (sink.clone(), Arc::clone(&self.written), context.waker());
        drop(tokio.spawn(async move {
            let appended = sink.append(letters).await;
            if let Err(failure) = &appended {
                tracing::error!(
                    reason = failure.reason(),
                    "dead letters cannot be written yet; their records stay open"
                );
            }
            *written.lock().unwrap_or_else(PoisonError::into_inner) = Some(appended.is_ok());
            waker.wake();
        }));
        Ok(gone)
    }
}
