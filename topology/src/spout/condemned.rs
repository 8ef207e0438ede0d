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
    written: Arc<Mutex<Vec<u64>>>,
}

impl Condemned {
    pub(super) fn add(&mut self, id: u64, position: Position, reason: String) {
        self.waiting.push_back((id, position, reason));
    }

    /// The partition belongs to another member, which will condemn its records itself.
    pub(super) fn forget(&mut self, partition: u32) {
        self.waiting.retain(|(_, position, _)| position.partition != partition);
    }

    /// The records whose letters have become durable since.
    pub(super) fn take_written(&mut self) -> Vec<u64> {
        let written = std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner));
        self.is_writing &= written.is_empty();
        written
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
        let (mut letters, mut ids, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        let count = self.waiting.len().min(LETTERS_COUNT_MAX);
        for (id, position, reason) in self.waiting.iter().take(count) {
            if let Some(record) = consumer.read(position)? {
                letters.push(DeadLetter::of_record(&record, reason));
                ids.push(*id);
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
                count = ids.len(),
                "without an asynchronous sink in the topology there are no dead letters"
            );
            gone.append(&mut ids);
            return Ok(gone);
        };
        self.is_writing = true;
        let (sink, written, waker) = (sink.clone(), Arc::clone(&self.written), context.waker());
        drop(tokio.spawn(async move {
            if let Err(failure) = sink.append(letters).await {
                tracing::error!(reason = failure.reason(), "dead letters cannot be written");
            }
            written.lock().unwrap_or_else(PoisonError::into_inner).append(&mut ids);
            waker.wake();
        }));
        Ok(gone)
    }
}
