//! A poll: events first, then a fair share of every partition's records.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::consumer::Consumer;
use super::error::{code, is_missing_topic, log_error};
use super::read::is_passing;
use super::start;
use crate::{LogError, Position, Record, Revoked};

/// Events that one poll looks at, so that none of them waits for long and records come in between.
const EVENTS_MAX: usize = 8;

/// How much a poll may still take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Room {
    fn is_left(self) -> bool {
        self.records > 0 && self.bytes > 0
    }

    fn share(self, of: usize) -> Self {
        Self { records: self.records.div_ceil(of), bytes: self.bytes.div_ceil(of) }
    }

    fn take(&mut self, taken: Self) {
        self.records = self.records.saturating_sub(taken.records);
        self.bytes = self.bytes.saturating_sub(taken.bytes);
    }
}

impl Consumer {
    /// Adds records. An error is kept for the next poll if there are records to give before it.
    pub(super) fn poll_records(&mut self, room: Room, records: &mut Vec<Record>) -> Result<(), LogError> {
        for _ in 0..EVENTS_MAX {
            self.serve(Duration::ZERO);
        }
        self.reader.take_if(|reader| reader.is_idle(Instant::now()));
        self.leave_when_released();
        let count = records.len();
        let result = self.take_steps().and_then(|()| self.place_out_of_range());
        // Of a partition that was cut off, the caller hears before it is given any of its records again.
        if self.failure.is_none() && matches!(result, Ok(false)) {
            let ends = std::mem::take(&mut self.client.context().told().ends);
            self.fill(room, &ends, records);
        }
        self.given.keep(&records[count..]);
        if records.len() > count {
            self.failure = self.failure.take().or(result.err());
            return Ok(());
        }
        match self.failure.take().or(result.err()) {
            Some(error) => Err(error),
            None => self
                .client
                .context()
                .broker
                .away()
                .map_or(Ok(()), |reason| Err(LogError::Unavailable(reason))),
        }
    }

    /// Looks at one thing that the library has to tell, waiting for it up to a time.
    pub(super) fn serve(&mut self, wait: Duration) {
        let client = std::sync::Arc::clone(&self.client);
        match client.poll(wait) {
            Some(Ok(message)) => self.came_early(&message),
            Some(Err(error)) => self.note(None, &error),
            None => {}
        }
    }

    /// A record that the library had put into the common queue before its partition had one.
    fn came_early(&mut self, message: &BorrowedMessage<'_>) {
        let is_its = |slot: &start::Slot| slot.0 == message.topic() && slot.1 == message.partition();
        if let Some(partition) = self.assigned.iter_mut().find(|partition| is_its(&partition.slot)) {
            partition.came_early(message);
        }
    }

    /// Gives each partition that holds something an equal share of the room, round after round, until the room or the
    /// records are used up.
    fn fill(
        &mut self,
        mut room: Room,
        ends: &std::collections::HashMap<start::Slot, u64>,
        records: &mut Vec<Record>,
    ) {
        let mut waiting: Vec<usize> =
            (0..self.assigned.len()).filter(|&index| !self.assigned[index].is_revoked).collect();
        if waiting.is_empty() {
            return;
        }
        self.turn = (self.turn + 1) % waiting.len();
        waiting.rotate_left(self.turn);
        while room.is_left() && !waiting.is_empty() {
            let mut left = Vec::with_capacity(waiting.len());
            for (step, &index) in waiting.iter().enumerate() {
                if !room.is_left() {
                    return;
                }
                let partition = &mut self.assigned[index];
                match partition.take(room.share(waiting.len() - step), records) {
                    Ok((taken, is_drained)) => {
                        room.take(taken);
                        if is_drained {
                            if let Some(&end) = ends.get(&partition.slot) {
                                partition.is_read_to(end);
                            }
                        } else {
                            left.push(index);
                        }
                    }
                    Err(error) => self.note(Some(index), &error),
                }
            }
            waiting = left;
        }
        // What is not drained is told again with the next statistics.
    }

    /// Sorts an error into what passes by itself, what is mended here, and what the caller must know.
    fn note(&mut self, index: Option<usize>, error: &KafkaError) {
        match code(error) {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                for (at, partition) in self.assigned.iter_mut().enumerate() {
                    partition.is_out_of_range |= index.is_none_or(|index| index == at);
                }
            }
            Some(code) if is_passing(code) => tracing::debug!(%error, "the consumer goes on by itself"),
            Some(code) if is_missing_topic(code) => {
                let topic = index
                    .map_or_else(|| self.topics.join(", "), |index| self.assigned[index].position(0).topic);
                self.failure = Some(LogError::NoSuchTopic(topic));
            }
            _ if matches!(error, KafkaError::PartitionEOF(_)) => {}
            _ => self.failure = Some(log_error("read", error)),
        }
    }

    /// What was given of a partition that was cut off counts no more, here and for the caller.
    fn forget(&mut self, index: usize) {
        let partition = &self.assigned[index];
        self.client.context().told().ends.remove(&partition.slot);
        self.given.clear();
        let Position { topic, partition, .. } = partition.position(0);
        self.lost.push(Revoked { topic, partition, lost: true });
    }

    /// Lets partitions of which what was to be read is not there go on at the oldest record that is. Says whether any was cut off.
    fn place_out_of_range(&mut self) -> Result<bool, LogError> {
        let out: Vec<_> =
            (0..self.assigned.len()).filter(|&index| self.assigned[index].is_out_of_range).collect();
        if out.is_empty() {
            return Ok(false);
        }
        let mut any_cut_off = false;
        let failed = |error: KafkaError| log_error("find the oldest record that is left", &error);
        let slots: Vec<_> = out.iter().map(|&index| self.assigned[index].slot.clone()).collect();
        let timeout = self.timeouts.lag;
        let (lows, ends) = (|| -> KafkaResult<_> {
            Ok((start::lows(&self.client, &slots, timeout)?, start::ends(&self.client, &slots, timeout)?))
        })()
        .map_err(failed)?;
        for (at, &index) in out.iter().enumerate() {
            let (missed, is_cut_off) = self.assigned[index].place(lows[at], ends[at]);
            self.missed += missed;
            if is_cut_off {
                any_cut_off = true;
                self.forget(index);
            }
        }
        let places =
            out.iter().map(|&index| (self.assigned[index].slot.clone(), self.assigned[index].offset()));
        // The library has stopped reading them, so that a seek does nothing.
        let begun = start::list(places).and_then(|places| {
            self.client.incremental_unassign(&places)?;
            self.client.incremental_assign(&places)
        });
        if let Err(error) = begun {
            for &index in &out {
                self.assigned[index].is_out_of_range = true;
            }
            return Err(failed(error));
        }
        Ok(any_cut_off)
    }
}
