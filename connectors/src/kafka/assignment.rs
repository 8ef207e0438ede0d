//! The partitions that a consumer reads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::Offset;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::consumer::place;
use super::group::Context;
use super::poll::Room;
use super::start::{Begin, Slot};
use crate::{LogError, Message, Position, Record};

/// A partition that is read.
pub(super) struct Partition {
    /// The topic's full name, and the partition's number.
    pub(super) slot: Slot,
    /// The topic's name without prefix.
    topic: String,
    queue: PartitionQueue<Context>,
    /// Records that came before the queue was there.
    early: VecDeque<Record>,
    /// The offset after the last record given.
    pub(super) next: u64,
    /// What the group has committed, as far as it counts here.
    pub(super) committed: Option<u64>,
    /// Where the group began without a commit.
    begun: u64,
    pub(super) end: u64,
    /// No record below this is still to be given.
    read_to: u64,
    /// Its records are not given any more, but may still be committed.
    pub(super) is_revoked: bool,
    /// It was read beyond what is there, and is to be placed anew.
    pub(super) is_out_of_range: bool,
}

impl Partition {
    pub(super) fn open(
        client: &Arc<BaseConsumer<Context>>,
        prefix: &str,
        slot: Slot,
        begin: Begin,
    ) -> Result<Self, LogError> {
        let queue = client.split_partition_queue(&slot.0, slot.1);
        let queue =
            queue.ok_or_else(|| LogError::Unavailable(format!("{}/{} has no queue", slot.0, slot.1)))?;
        Ok(Self {
            topic: slot.0.strip_prefix(prefix).unwrap_or(&slot.0).to_owned(),
            slot,
            queue,
            early: VecDeque::new(),
            next: begin.next,
            committed: begin.committed,
            begun: begin.next,
            end: begin.end,
            read_to: begin.next,
            is_revoked: false,
            is_out_of_range: false,
        })
    }

    pub(super) fn number(&self) -> u32 {
        self.slot.1.cast_unsigned()
    }

    /// Where the library is to go on.
    pub(super) fn offset(&self) -> Offset {
        place(self.next)
    }

    pub(super) fn is_at(&self, position: &Position) -> bool {
        self.topic == position.topic && self.number() == position.partition
    }

    pub(super) fn position(&self, offset: u64) -> Position {
        Position { topic: self.topic.clone(), partition: self.number(), offset }
    }

    pub(super) fn came_early(&mut self, message: &BorrowedMessage<'_>) {
        self.early.push_back(record(&self.topic, message));
    }

    /// Gives what is there, at most as much as there is room for. Gives back what was taken, and whether nothing is left.
    pub(super) fn take(
        &mut self,
        share: Room,
        records: &mut Vec<Record>,
    ) -> Result<(Room, bool), KafkaError> {
        let mut taken = Room { records: 0, bytes: 0 };
        while taken.records < share.records && taken.bytes <= share.bytes {
            let record = match self.early.pop_front() {
                Some(record) => record,
                None => match self.queue.poll(Duration::ZERO) {
                    Some(Ok(message)) => record(&self.topic, &message),
                    Some(Err(KafkaError::PartitionEOF(_))) => continue,
                    Some(Err(error)) => return Err(error),
                    None => return Ok((taken, true)),
                },
            };
            // A pause or a new place can let the library give again what it has given.
            if record.position.offset >= self.next {
                self.next = record.position.offset + 1;
                taken.records += 1;
                taken.bytes += record.message.key.len() + record.message.value.len();
                records.push(record);
            }
        }
        Ok((taken, false))
    }

    /// The client has read up to this end, and the queue was found empty since.
    pub(super) fn is_read_to(&mut self, end: u64) {
        self.read_to = self.read_to.max(end);
        self.end = self.end.max(end);
    }

    /// Places the partition anew, now that it turned out to be out of range. Gives the count of records that were missed, and
    /// whether the log was cut off before what was read: its offsets may stand for other records now.
    pub(super) fn place(&mut self, low: u64, end: u64) -> (u64, bool) {
        let missed = low.saturating_sub(self.next);
        let is_cut_off = self.next > end;
        if is_cut_off {
            // The topic was made anew, or its newest records were lost with their broker.
            tracing::warn!(
                topic = self.topic,
                partition = self.number(),
                read_to = self.next,
                end,
                "the log ends before what was read; reading all of the partition again"
            );
            (self.next, self.committed, self.begun) = (low, None, low);
            self.read_to = low;
        }
        self.next = self.next.max(low);
        self.end = end;
        self.early.clear();
        self.is_out_of_range = false;
        (missed, is_cut_off)
    }

    /// Where the group would go on, gaps at the end left out.
    pub(super) fn restart(&self) -> u64 {
        let committed = self.committed.unwrap_or(self.begun);
        if committed >= self.next { committed.max(self.read_to) } else { committed }
    }
}

pub(super) fn record(topic: &str, message: &BorrowedMessage<'_>) -> Record {
    let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice).unwrap_or_default();
    let headers = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), bytes(header.value))).collect());
    Record {
        position: Position {
            topic: topic.to_owned(),
            partition: message.partition().cast_unsigned(),
            offset: message.offset().max(0).cast_unsigned(),
        },
        message: Message {
            key: bytes(message.key()),
            value: bytes(message.payload()),
            timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
            headers: headers.unwrap_or_default(),
        },
    }
}
