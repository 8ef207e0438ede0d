//! The log as a spout: Storm's Kafka spout over any [`Log`].

mod condemned;
mod options;
mod rebalance;
#[cfg(test)]
mod tests;
mod upkeep;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trombe::{Autopsy, Failure, Next, Spout, SpoutEmitter, TaskContext};
use trombe_connectors::{Assignment, ConsumerOptions, Log, LogConsumer, LogError, Position, Record};

use self::condemned::Condemned;
pub use self::options::{LogSpoutOptions, ProcessingGuarantee, SpoutAssignment};
use self::rebalance::Leaving;
use crate::DEAD_LETTERS;
use crate::backoff::Backoff;
use crate::health::{Health, Part};
use crate::offsets::{OpenOffsets, id, partition_and_offset};
use crate::signals::{Draining, FeedOver};
use crate::sinks::{Appender, DeadLetterSink};

/// What a spout shares with its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct SpoutSignals {
    pub(crate) feed_over: FeedOver,
    pub(crate) health: Health,
    pub(crate) draining: Draining,
    /// While it is away, nothing is given out.
    pub(crate) pauses_for: Part,
}

/// What a record takes in memory beside its key and payload, in bytes, roughly.
const RECORD_BYTES: usize = 256;

/// Reads one topic. Its records' positions are its tuples' ids.
///
/// A failed record is read from the log again, so none is kept in memory while it is out. One that fails for the last time
/// becomes a dead letter, and then it is done. While the log cannot be reached, [`Health`] says so, nothing fails, and the engine's
/// backoff decides when it is asked again. While the index is away, nothing is given out.
pub struct LogSpout {
    log: Arc<dyn Log>,
    options: LogSpoutOptions,
    signals: SpoutSignals,
    dead_letters: DeadLetterSink,
    context: Option<TaskContext>,
    /// Component and task, for the health and the draining.
    name: String,
    consumer: Option<Box<dyn LogConsumer>>,
    /// Records that are polled and not given out: they stay here only while they have to be committed first and cannot.
    polled: Vec<Record>,
    offsets: OpenOffsets,
    condemned: Condemned,
    leaving: Leaving,
    /// Records that the consumer has missed and that are reported.
    missed_count: u64,
    commit_at: Duration,
    lag_at: Duration,
    bury_at: Duration,
    /// Why the last commit failed, and how many have in a row.
    commit_error: Option<String>,
    commit_failures: u32,
    /// What was said of the log, if it is away.
    said: Option<String>,
    /// Something was given out since the spout was last found without open records.
    is_busy: bool,
    is_stuck: bool,
}

impl LogSpout {
    /// A spout of a topology of one's own; each of its tasks ends by itself when the feed is over and its partitions are drained.
    /// Dead letters go to [`DEAD_LETTERS`] of the same log.
    pub fn new(log: Arc<dyn Log>, options: LogSpoutOptions, feed_over: FeedOver, health: Health) -> Self {
        let backoff = Backoff { ms_min: 50, ms_max: 5_000, seed: None };
        let letters = Appender::new(Arc::clone(&log), DEAD_LETTERS, health.clone(), backoff);
        let (draining, pauses_for) = (Draining::of(1), Part::Index);
        let signals = SpoutSignals { feed_over, health, draining, pauses_for };
        Self::with(log, options, signals, DeadLetterSink::new(letters))
    }

    pub(crate) fn with(
        log: Arc<dyn Log>,
        options: LogSpoutOptions,
        signals: SpoutSignals,
        dead_letters: DeadLetterSink,
    ) -> Self {
        Self {
            log,
            options,
            signals,
            dead_letters,
            context: None,
            name: String::new(),
            consumer: None,
            polled: Vec::new(),
            offsets: OpenOffsets::default(),
            condemned: Condemned::default(),
            leaving: Leaving::default(),
            missed_count: 0,
            commit_at: Duration::ZERO,
            lag_at: Duration::ZERO,
            bury_at: Duration::ZERO,
            commit_error: None,
            commit_failures: 0,
            said: None,
            is_busy: false,
            is_stuck: false,
        }
    }

    fn uptime(&self) -> Duration {
        self.context.as_ref().map(TaskContext::uptime).unwrap_or_default()
    }

    fn position(&self, id: u64) -> Position {
        let (partition, offset) = partition_and_offset(id);
        Position { topic: self.options.topic.to_owned(), partition, offset }
    }

    fn done(&mut self, id: u64) {
        let (partition, offset) = partition_and_offset(id);
        self.offsets.done(partition, offset);
    }

    /// Opens the consumer, unless it is open.
    fn connect(&mut self) -> Result<&mut Box<dyn LogConsumer>, LogError> {
        if self.consumer.is_none() {
            let number = |number: Option<usize>| {
                let number = number.and_then(|number| u32::try_from(number).ok());
                number.ok_or_else(|| LogError::Refused("the spout has no task number".to_owned()))
            };
            let (task, tasks) = self.context.as_ref().map(|context| (context.task, context.tasks)).unzip();
            let assignment = match self.options.assignment {
                SpoutAssignment::Tasks => {
                    Assignment::Member { member: number(task)?, members: number(tasks)? }
                }
                SpoutAssignment::Group => Assignment::Group,
            };
            let options = ConsumerOptions {
                group: self.options.group.clone(),
                topics: vec![self.options.topic.to_owned()],
                assignment,
                start: self.options.first_poll,
                identity: self.options.identity.clone(),
            };
            self.consumer = Some(self.log.consumer(options)?);
        }
        self.consumer.as_mut().ok_or_else(|| LogError::Unavailable("there is no consumer".to_owned()))
    }

    /// The payload that may be polled now, in bytes.
    fn bytes_room(&mut self) -> usize {
        let limit = self.options.uncommitted_count_max;
        let stuck =
            |spout: &Self| spout.offsets.longest_uncommitted().filter(|(_, count, _)| *count >= limit);
        if stuck(self).is_some() {
            self.commit();
        }
        if let Some((partition, count, oldest)) = stuck(self) {
            if !std::mem::replace(&mut self.is_stuck, true) {
                let topic = self.options.topic;
                tracing::warn!(
                    topic,
                    partition,
                    oldest,
                    count,
                    "at the limit of uncommitted offsets; waiting for the oldest"
                );
            }
            return 0;
        }
        self.is_stuck = false;
        let pending = self.offsets.open_bytes();
        self.options.poll_bytes_max.min(self.options.pending_bytes_max.saturating_sub(pending))
    }

    fn poll(&mut self, room: usize) -> Result<(), LogError> {
        let (bytes_max, known) = (self.bytes_room(), self.polled.len());
        let records_max = if bytes_max == 0 || known > 0 { 0 } else { room };
        let mut polled = std::mem::take(&mut self.polled);
        // Also if nothing is taken: a member of a group has to show that it is alive, and what a client has to tell would gather.
        let looked = self.connect().and_then(|consumer| consumer.poll(records_max, bytes_max, &mut polled));
        for Record { position, message } in &polled[known..] {
            let bytes = RECORD_BYTES + message.key.len() + message.value.len();
            self.offsets.opened(position.partition, position.offset, bytes);
        }
        self.polled = polled;
        self.report_missed();
        looked
    }

    /// Gives out what is polled. Where every record is to be given out once at most, it is committed first.
    fn give_out(&mut self, out: &mut SpoutEmitter<Record>) -> Result<usize, LogError> {
        if self.options.guarantee == ProcessingGuarantee::AtMostOnce {
            let given_out = self.offsets.given_out();
            self.commit_offsets(&given_out)?;
        }
        let count = self.polled.len().min(out.room());
        for record in self.polled.drain(..count) {
            out.emit(id(record.position.partition, record.position.offset), record);
        }
        if count > 0 {
            self.is_busy = true;
            self.signals.draining.moved();
        }
        Ok(count)
    }

    /// What has to go on also while nothing may be given out.
    fn attend(&mut self) -> Result<(), LogError> {
        self.connect()?;
        self.rebalance();
        self.bury();
        if self.is_busy && self.offsets.open_count() == 0 {
            self.is_busy = false;
            self.signals.draining.moved();
        }
        self.commit_when_due();
        self.look_at_lag();
        Ok(())
    }

    fn step(&mut self, out: &mut SpoutEmitter<Record>) -> Result<Next, LogError> {
        self.attend()?;
        // Both asked before the look at the log: what was appended before must still be seen.
        let (is_feed_over, moves) = (self.signals.feed_over.is_set(), self.signals.draining.moves());
        let is_paused = self.signals.health.is_away(self.signals.pauses_for);
        self.poll(if is_paused { 0 } else { out.room() })?;
        if is_paused {
            return Ok(Next::Idle(self.options.poll_interval));
        }
        if self.give_out(out)? > 0 {
            return Ok(Next::Emitted);
        }
        let is_quiet = is_feed_over && self.polled.is_empty() && self.offsets.open_count() == 0;
        // A poll that gives nothing is no proof of an end where records come over a network.
        let seems_over = is_quiet && self.signals.draining.seems_over(&self.name, moves);
        let is_drained = seems_over && self.commit() && self.connect()?.is_drained()?;
        if is_drained && self.signals.draining.is_over(&self.name, moves) {
            return Ok(Next::Exhausted);
        }
        Ok(Next::Idle(self.options.poll_interval))
    }

    fn tell_of<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        let trouble = result.as_ref().err().map(ToString::to_string);
        self.tell(trouble.or_else(|| self.commit_error.clone()));
        result
    }

    /// Says of the log that it is away, or that it is back.
    fn tell(&mut self, trouble: Option<String>) {
        if trouble == self.said {
            return;
        }
        match &trouble {
            Some(reason) if self.said.is_none() => {
                tracing::warn!(reason, spout = self.name, "the spout waits for the log");
            }
            None => tracing::info!(spout = self.name, "the log is back"),
            Some(_) => {}
        }
        self.signals.health.report(Part::Log, &self.name, trouble.clone());
        self.said = trouble;
    }
}

impl Spout for LogSpout {
    type Item = Record;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.name = format!("{}/{}", context.component, context.task);
        self.context = Some(context.clone());
        match self.connect() {
            // `next` tries again.
            Err(error) if error.is_transient() => self.tell(Some(error.to_string())),
            connected => drop(connected?),
        }
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<Record>) -> Result<Next, Failure> {
        let stepped = self.step(out);
        Ok(self.tell_of(stepped)?)
    }

    fn idle(&mut self) -> Result<Option<Duration>, Failure> {
        let attended = self.attend().and_then(|()| self.poll(0));
        self.tell_of(attended)?;
        Ok(Some(self.options.poll_interval))
    }

    fn ack(&mut self, id: u64) {
        self.done(id);
    }

    fn replay(&mut self, id: u64) -> Result<Option<Record>, Failure> {
        let position = self.position(id);
        if !self.offsets.is_open(position.partition, position.offset) {
            return Ok(None);
        }
        let record = match self.options.guarantee {
            ProcessingGuarantee::AtLeastOnce => self.connect()?.read(&position)?,
            _ => None,
        };
        if record.is_none() {
            tracing::warn!(%position, "a failed record is not given again: retention has deleted it, or the guarantee forbids it");
            self.done(id);
        }
        Ok(record)
    }

    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        let position = self.position(id);
        tracing::error!(%position, %autopsy, "a record failed for the last time");
        if self.options.topic == DEAD_LETTERS {
            // A letter about a letter could fail in its turn, without end; the topic still has it.
            self.done(id);
        } else if self.offsets.is_open(position.partition, position.offset) {
            let Autopsy { component, edge, attempt, reason, .. } = autopsy;
            let reason = format!("{component} failed it on attempt {attempt}, from {edge}: {reason}");
            self.condemned.add(id, position, reason);
        }
    }

    fn positions() -> Option<fn(u64) -> trombe::Position> {
        Some(|id| {
            let (partition, offset) = partition_and_offset(id);
            trombe::Position { partition, offset }
        })
    }

    fn replay_from(&self, partition: u32) -> u64 {
        self.offsets.settled_below(partition)
    }

    fn close(&mut self) {
        if !self.commit_now() {
            let (error, topic) = (&self.commit_error, self.options.topic);
            tracing::warn!(?error, topic, "the last offsets were not committed and will be read again");
        }
    }
}

impl fmt::Debug for LogSpout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSpout")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
