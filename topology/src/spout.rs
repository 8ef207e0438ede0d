//! The log as a spout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use trombe::{Autopsy, Failure, Next, Spout, SpoutEmitter, TaskContext};
use trombe_connectors::{Assignment, ConsumerOptions, Log, LogConsumer, LogError, Position, Record, Start};

use crate::offsets::{OpenOffsets, id, partition_and_offset};
use crate::signals::{Draining, FeedOver, Health};

/// How a [`LogSpout`] reads.
#[derive(Clone, Debug)]
pub(crate) struct LogSpoutOptions {
    pub(crate) group: String,
    pub(crate) topic: &'static str,
    pub(crate) poll_bytes_max: usize,
    pub(crate) poll_interval: Duration,
    pub(crate) commit_period: Duration,
}

/// What a spout shares with its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct SpoutSignals {
    pub(crate) feed_over: FeedOver,
    pub(crate) health: Health,
    pub(crate) draining: Draining,
    /// Whether this spout's records may cause dead letters; if not, it waits for those that do.
    pub(crate) is_primary: bool,
}

/// Reads one topic as a member of a consumer group of as many members as the spout has tasks.
///
/// A record's offset is committed once every record before it in its partition is done. A failed record is read
/// from the log again, so none is kept in memory while it is out.
pub(crate) struct LogSpout {
    log: Arc<dyn Log>,
    options: LogSpoutOptions,
    signals: SpoutSignals,
    context: Option<TaskContext>,
    consumer: Option<Box<dyn LogConsumer>>,
    records: Vec<Record>,
    offsets: OpenOffsets,
    /// Failed records that the log could not give again when asked; `next` asks again.
    unread: BTreeSet<u64>,
    /// Records that the consumer has missed and that are reported.
    missed_count: u64,
    commit_at: Duration,
    is_drained: bool,
}

impl LogSpout {
    pub(crate) fn new(log: Arc<dyn Log>, options: LogSpoutOptions, signals: SpoutSignals) -> Self {
        Self {
            log,
            options,
            signals,
            context: None,
            consumer: None,
            records: Vec::new(),
            offsets: OpenOffsets::default(),
            unread: BTreeSet::new(),
            missed_count: 0,
            commit_at: Duration::ZERO,
            is_drained: false,
        }
    }

    fn position(&self, id: u64) -> Position {
        let (partition, offset) = partition_and_offset(id);
        Position { topic: self.options.topic.to_owned(), partition, offset }
    }

    fn consumer(&mut self) -> Result<&mut Box<dyn LogConsumer>, Failure> {
        self.consumer.as_mut().ok_or_else(|| Failure::retry("the spout is not open; open it first"))
    }

    fn done(&mut self, id: u64) {
        let (partition, offset) = partition_and_offset(id);
        self.offsets.done(partition, offset);
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let uncommitted = self.offsets.uncommitted();
        if let (false, Some(consumer)) = (uncommitted.is_empty(), &mut self.consumer) {
            let topic = self.options.topic;
            let position =
                |&(partition, offset): &(u32, u64)| Position { topic: topic.to_owned(), partition, offset };
            consumer.commit(&uncommitted.iter().map(position).collect::<Vec<_>>())?;
            self.offsets.committed(&uncommitted);
        }
        Ok(())
    }

    fn commit_when_due(&mut self) -> Result<(), LogError> {
        let uptime = self.context.as_ref().map(TaskContext::uptime).unwrap_or_default();
        if uptime < self.commit_at {
            return Ok(());
        }
        self.commit_at = uptime + self.options.commit_period;
        self.commit()
    }

    /// Tells of records that retention deleted before they could be read: they are lost to the documents.
    fn report_missed(&mut self) {
        let missed_count = self.consumer.as_ref().map_or(0, |consumer| consumer.missed());
        let count = missed_count.saturating_sub(self.missed_count);
        if count > 0 {
            self.missed_count = missed_count;
            self.signals.health.count_missed_records(count);
            tracing::error!(
                count,
                topic = self.options.topic,
                "retention deleted records before they were read; keep the log for longer"
            );
        }
    }

    /// Reads a record again. An error leaves it among the unread ones.
    fn reread(&mut self, id: u64) -> Result<Option<Record>, Failure> {
        let position = self.position(id);
        self.unread.insert(id);
        let record = self.consumer()?.read(&position)?;
        self.unread.remove(&id);
        if record.is_none() {
            tracing::warn!(%position, "retention deleted a failed record before it could be replayed");
            self.done(id);
        }
        Ok(record)
    }

    /// The feed is over, and nothing of it is left here.
    fn drained(&mut self) -> Result<Next, Failure> {
        self.commit()?;
        if !self.is_drained {
            self.is_drained = true;
            if self.signals.is_primary {
                self.signals.draining.task_drained();
            }
        }
        Ok(Next::Exhausted)
    }

    /// Whether nothing will be appended any more.
    fn is_feed_over(&self) -> bool {
        self.signals.feed_over.is_set() && (self.signals.is_primary || self.signals.draining.is_done())
    }
}

impl Spout for LogSpout {
    type Item = Record;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let member = |number: usize| u32::try_from(number).map_err(Failure::reject);
        let options = ConsumerOptions {
            group: self.options.group.clone(),
            topics: vec![self.options.topic.to_owned()],
            assignment: Assignment::Member { member: member(context.task)?, members: member(context.tasks)? },
            start: Start::default(),
            identity: String::new(),
        };
        self.consumer = Some(self.log.consumer(options)?);
        self.context = Some(context.clone());
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<Record>) -> Result<Next, Failure> {
        self.commit_when_due()?;
        if self.signals.health.is_away() {
            return Ok(Next::Idle(self.options.poll_interval));
        }
        while let (Some(&id), true) = (self.unread.first(), out.room() > 0) {
            if let Some(record) = self.reread(id)? {
                out.emit(id, record);
            }
        }
        // Asked before the look at the log: what was appended before the feed was over must still be seen.
        let is_feed_over = self.is_feed_over();
        let (room, bytes_max) = (out.room(), self.options.poll_bytes_max);
        let mut records = std::mem::take(&mut self.records);
        let polled = self.consumer()?.poll(room, bytes_max, &mut records);
        let count = records.len();
        for record in records.drain(..) {
            let Position { partition, offset, .. } = record.position;
            self.offsets.opened(partition, offset);
            out.emit(id(partition, offset), record);
        }
        self.records = records;
        self.report_missed();
        polled?;
        match count {
            0 if is_feed_over && room > 0 && self.offsets.open_count() == 0 => self.drained(),
            0 => Ok(Next::Idle(self.options.poll_interval)),
            _ => Ok(Next::Emitted),
        }
    }

    fn ack(&mut self, id: u64) {
        // A record that could not be read again counts as acked for the engine, but it is not done.
        if !self.unread.contains(&id) {
            self.done(id);
        }
    }

    fn replay(&mut self, id: u64) -> Option<Record> {
        self.reread(id).unwrap_or_else(|failure| {
            tracing::warn!(position = %self.position(id), reason = failure.reason(), "a failed record cannot be read again yet");
            None
        })
    }

    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        tracing::error!(position = %self.position(id), %autopsy, "a record failed for the last time");
        self.done(id);
    }

    fn close(&mut self) {
        if let Err(error) = self.commit() {
            tracing::warn!(%error, topic = self.options.topic, "the last offsets were not committed and will be read again");
        }
    }
}
