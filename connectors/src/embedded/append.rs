//! Appending to the log.

use std::collections::BTreeMap;

use super::batch::{Batch, Parts};
use super::error::Fault;
use super::message::size;
use super::transaction::Transaction;
use super::writer::Operation;
use crate::{LogError, Message, Position, partition_of};

/// How much of a key an error quotes: the key may be what is too large.
const KEY_BYTES_QUOTED: usize = 80;

/// Appends messages to one topic. Offsets are given inside the transaction, so those of one partition are dense
/// however many processes append.
pub(super) struct Append {
    topic: String,
    messages: Vec<Message>,
    bytes: usize,
}

impl Append {
    /// Refuses the batch if one of its messages is too large.
    pub(super) fn new(topic: &str, messages: Vec<Message>, bytes_max: usize) -> Result<Self, LogError> {
        // Lengths are stored in 32 bits.
        let bytes_max = bytes_max.min(i32::MAX as usize);
        let mut bytes = 0;
        for message in &messages {
            let size = size(message);
            if size > bytes_max {
                let quoted = &message.key[..message.key.len().min(KEY_BYTES_QUOTED)];
                let key = String::from_utf8_lossy(quoted).into_owned();
                return Err(LogError::MessageTooLarge { bytes: size, bytes_max, key });
            }
            bytes += size_of::<Message>() + size;
        }
        Ok(Self { topic: topic.into(), messages, bytes })
    }
}

impl Operation for Append {
    type Answer = Vec<Position>;

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<Vec<Position>, Fault> {
        let topic = transaction.topic(&self.topic)?;
        let (connection, config, now_ms) = (transaction.connection, transaction.config, transaction.now_ms);
        let mut batches: BTreeMap<u32, Batch> = BTreeMap::new();
        let mut positions = Vec::with_capacity(self.messages.len());
        for message in &self.messages {
            let number = partition_of(&message.key, topic.partitions);
            let partition = transaction.partition(topic.first_partition + i64::from(number))?;
            let batch = batches.entry(number).or_default();
            partition.heed_clock(connection, now_ms)?;
            let is_rolled = partition.roll(connection, config)?;
            let parts = Parts::of(message);
            if is_rolled || !batch.has_room(&parts, config.record_batch_bytes_max) {
                batch.write(connection)?;
            }
            let offset = partition.end_offset.cast_unsigned();
            batch.push(partition.push(size(message).cast_signed() as i64, now_ms), &parts);
            positions.push(Position { topic: self.topic.clone(), partition: number, offset });
        }
        for batch in batches.values_mut() {
            batch.write(connection)?;
        }
        Ok(positions)
    }
}
