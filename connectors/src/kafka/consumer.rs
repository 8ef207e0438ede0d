//! A member of a consumer group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset};

use super::assignment::Partition;
use super::clerk::{Clerk, Done};
use super::error::log_error;
use super::group::{Context, Step, report};
use super::poll::Room;
use super::read::{Given, Reader};
use super::start::{self, Slot};
use super::{Shared, client};
use crate::{
    Assignment, ConsumerOptions, IDENTITY_BYTES_MAX, Lag, LogConsumer, LogError, Position, Record, Revoked,
    Start,
};

/// How long calls may take.
pub(super) struct Timeouts {
    pub(super) open: Duration,
    pub(super) commit: Duration,
    pub(super) read: Duration,
    pub(super) lag: Duration,
}

pub(super) struct Consumer {
    /// Holds queues of the client, so it goes first.
    pub(super) assigned: Vec<Partition>,
    /// Holds the client too.
    pub(super) clerk: Option<Clerk>,
    pub(super) client: Arc<BaseConsumer<Context>>,
    settings: ClientConfig,
    prefix: String,
    pub(super) topics: Vec<String>,
    start: Start,
    identity: String,
    pub(super) timeouts: Timeouts,
    /// The partition that the next poll begins with.
    pub(super) turn: usize,
    pub(super) missed: u64,
    /// What the next poll has to tell.
    pub(super) failure: Option<LogError>,
    pub(super) given: Given,
    pub(super) reader: Option<Reader>,
    /// Partitions that the group wants back, until all of them are released.
    pub(super) leaving: Option<Vec<Slot>>,
    /// Partitions of which the caller is to forget all, and has not heard so.
    pub(super) lost: Vec<Revoked>,
}

impl Consumer {
    pub(super) fn open(shared: &Shared, options: ConsumerOptions) -> Result<Self, LogError> {
        let ConsumerOptions { group, topics, assignment, start, identity } = options;
        check(&group, assignment, &identity)?;
        let topics: Vec<_> = topics.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut slots = Vec::new();
        for topic in &topics {
            let full_name = shared.full_name(topic);
            let count = shared.partitions(topic)?;
            slots.extend((0..count).map(|number| (full_name.clone(), number.cast_signed())));
        }
        if let Assignment::Member { member, members } = assignment {
            slots.retain(|(_, number)| number.cast_unsigned() % members == member);
        }
        let config = &shared.config;
        let settings = client::consumer(config, &group, slots.len());
        let settings = settings.map_err(|error| LogError::Refused(error.to_string()))?;
        let client = settings.create_with_context::<_, BaseConsumer<_>>(Context::default());
        let mut consumer = Self {
            assigned: Vec::new(),
            clerk: None,
            client: Arc::new(client.map_err(|error| log_error("open a consumer", &error))?),
            settings,
            prefix: config.topic_prefix.clone(),
            topics,
            start,
            identity,
            timeouts: Timeouts {
                open: Duration::from_millis(config.open_timeout_ms),
                commit: Duration::from_millis(config.commit_timeout_ms),
                read: Duration::from_millis(config.read_timeout_ms),
                lag: Duration::from_millis(config.lag_timeout_ms),
            },
            turn: 0,
            missed: 0,
            failure: None,
            given: Given::new(config.replay_bytes_max),
            reader: None,
            leaving: None,
            lost: Vec::new(),
        };
        match assignment {
            Assignment::Member { .. } => consumer.join(&slots, BaseConsumer::assign)?,
            Assignment::Group => {
                let names: Vec<_> = consumer.topics.iter().map(|topic| shared.full_name(topic)).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let subscribed = consumer.client.subscribe(&names);
                subscribed.map_err(|error| log_error("join the group", &error))?;
            }
        }
        Ok(consumer)
    }

    /// Begins to read partitions where the start says.
    pub(super) fn join(
        &mut self,
        slots: &[Slot],
        assign: impl FnOnce(&BaseConsumer<Context>, &rdkafka::TopicPartitionList) -> Result<(), KafkaError>,
    ) -> Result<(), LogError> {
        let failed = |error: KafkaError| log_error("begin to read", &error);
        let begins = start::begin(&self.client, slots, self.start, &self.identity, self.timeouts.open)
            .map_err(failed)?;
        let mut joined = Vec::new();
        for (slot, begin) in slots.iter().zip(begins) {
            self.missed += begin.missed;
            joined.push(Partition::open(&self.client, &self.prefix, slot.clone(), begin)?);
        }
        let places = joined.iter().map(|partition| (partition.slot.clone(), partition.offset()));
        let places = start::list(places).map_err(failed)?;
        assign(&self.client, &places).map_err(failed)?;
        // A partition that was given up before comes back as it went: paused.
        self.client.resume(&places).map_err(failed)?;
        self.assigned.retain(|partition| !slots.contains(&partition.slot));
        self.assigned.extend(joined);
        Ok(())
    }

    fn partition(&self, position: &Position) -> Result<&Partition, LogError> {
        self.assigned.iter().find(|partition| partition.is_at(position)).ok_or_else(|| {
            LogError::Refused(format!("{position} is in none of the partitions that this consumer reads"))
        })
    }

    /// The offsets that are news to the group, by partition.
    fn uncommitted(&self, next: &[Position]) -> Vec<(Slot, u64)> {
        let mut wanted = BTreeMap::new();
        for position in next {
            // One that has gone holds up none of those that are still here.
            let Some(partition) = self.assigned.iter().find(|partition| partition.is_at(position)) else {
                tracing::debug!(%position, "not committed: the partition is not this consumer's any more");
                continue;
            };
            if partition.committed.is_none_or(|committed| committed < position.offset) {
                let offset = wanted.entry(partition.slot.clone()).or_default();
                *offset = position.offset.max(*offset);
            }
        }
        wanted.into_iter().collect()
    }

    /// Calls the clerk, and notes what it has committed.
    pub(super) fn with_clerk<T>(
        &mut self,
        call: impl FnOnce(&mut Clerk, &mut Done<'_>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut clerk = match self.clerk.take() {
            Some(clerk) => clerk,
            None => Clerk::start(&self.client, &self.identity)
                .map_err(|error| LogError::Unavailable(format!("no thread for commits: {error}")))?,
        };
        let assigned = &mut self.assigned;
        let result = call(&mut clerk, &mut |done| {
            for (slot, offset) in done {
                for partition in assigned.iter_mut().filter(|partition| partition.slot == *slot) {
                    partition.committed = partition.committed.max(Some(*offset));
                }
            }
        });
        self.clerk = Some(clerk);
        result
    }

    fn slots(&self) -> Vec<Slot> {
        self.assigned.iter().map(|partition| partition.slot.clone()).collect()
    }

    fn known_lag(&self) -> Vec<Lag> {
        let lag = |partition: &Partition| {
            let restart = partition.restart();
            Lag { committed: partition.position(restart), end_offset: partition.end.max(restart) }
        };
        self.assigned.iter().map(lag).collect()
    }
}

fn by_topic(wanted: &[(Slot, u64)]) -> Vec<Vec<(Slot, u64)>> {
    wanted.chunk_by(|(a, _), (b, _)| a.0 == b.0).map(<[_]>::to_vec).collect()
}

impl LogConsumer for Consumer {
    fn poll(
        &mut self,
        records_max: usize,
        bytes_max: usize,
        records: &mut Vec<Record>,
    ) -> Result<(), LogError> {
        self.poll_records(Room { records: records_max, bytes: bytes_max }, records)
    }

    fn read(&mut self, position: &Position) -> Result<Option<Record>, LogError> {
        let slot = self.partition(position)?.slot.clone();
        if let Some(record) = self.given.find(position) {
            return Ok(Some(record));
        }
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::new(&self.settings, self.timeouts.read)?,
        };
        self.reader.insert(reader).read(&slot, position)
    }

    fn commit(&mut self, next: &[Position]) -> Result<(), LogError> {
        let wanted = by_topic(&self.uncommitted(next));
        if wanted.is_empty() {
            return Ok(());
        }
        let timeout = self.timeouts.commit;
        self.with_clerk(|clerk, done| clerk.commit(wanted, timeout, done))
    }

    fn commit_later(&mut self, next: &[Position]) -> Result<Vec<Position>, LogError> {
        let wanted = by_topic(&self.uncommitted(next));
        if !wanted.is_empty() || self.clerk.is_some() {
            self.with_clerk(|clerk, done| clerk.commit_later(&wanted, done))?;
        }
        let is_committed = |position: &&Position| {
            let mut partitions = self.assigned.iter().filter(|partition| partition.is_at(position));
            partitions.any(|partition| partition.committed >= Some(position.offset))
        };
        Ok(next.iter().filter(is_committed).cloned().collect())
    }

    fn lag(&mut self) -> Result<Vec<Lag>, LogError> {
        let slots = self.slots();
        if !slots.is_empty() && self.client.context().broker.away().is_none() {
            match start::ends(&self.client, &slots, self.timeouts.lag) {
                Ok(ends) => {
                    for (partition, end) in self.assigned.iter_mut().zip(ends) {
                        partition.end = end;
                    }
                }
                Err(error) => tracing::debug!(%error, "the ends of partitions are not known anew"),
            }
        }
        Ok(self.known_lag())
    }

    fn last_lag(&mut self) -> Result<Vec<Lag>, LogError> {
        let slots = self.slots();
        if !slots.is_empty() && self.client.context().broker.away().is_none() {
            let timeout = self.timeouts.lag;
            let ends = self.with_clerk(|clerk, done| clerk.ends(slots, timeout, done))?;
            for (slot, end) in ends {
                for partition in self.assigned.iter_mut().filter(|partition| partition.slot == slot) {
                    partition.end = end;
                }
            }
        }
        Ok(self.known_lag())
    }

    fn is_drained(&mut self) -> Result<bool, LogError> {
        let slots = self.slots();
        if slots.is_empty() {
            return Ok(true);
        }
        let ends = start::ends(&self.client, &slots, self.timeouts.lag);
        let ends = ends.map_err(|error| log_error("find the ends of partitions", &error))?;
        Ok(self.assigned.iter().zip(ends).all(|(partition, end)| partition.restart() >= end))
    }

    fn missed(&self) -> u64 {
        self.missed
    }

    fn revoking(&mut self) -> Vec<Revoked> {
        // The group may give up on a member that takes long.
        if let Some(slots) = self.leaving.take_if(|_| self.client.assignment_lost()) {
            self.lose(&slots);
            self.leaving = Some(slots);
            self.leave_when_released();
        }
        let mut revoked = std::mem::take(&mut self.lost);
        for partition in self.assigned.iter().filter(|partition| partition.is_revoked) {
            let Position { topic, partition, .. } = partition.position(0);
            revoked.push(Revoked { topic, partition, lost: false });
        }
        revoked
    }

    fn release(&mut self, partitions: &[Revoked]) -> Result<(), LogError> {
        for Revoked { topic, partition, .. } in partitions {
            let given_up = Position { topic: topic.clone(), partition: *partition, offset: 0 };
            self.assigned.retain(|partition| !(partition.is_revoked && partition.is_at(&given_up)));
        }
        self.leave_when_released();
        Ok(())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.assigned.clear();
        self.clerk = None;
        // The library leaves the group only after it got an answer to every step of a rebalance.
        let context = Arc::clone(self.client.context());
        context.close();
        self.leave_when_released();
        let steps = std::mem::take(&mut context.told().steps);
        for step in steps {
            let (Step::Join(slots) | Step::Leave(slots) | Step::Lost(slots)) = &step;
            let places = start::list(slots.iter().map(|slot| (slot.clone(), Offset::End)));
            match step {
                Step::Join(_) => {
                    report("assign", places.and_then(|places| self.client.incremental_assign(&places)));
                }
                Step::Leave(_) => {
                    report("unassign", places.and_then(|places| self.client.incremental_unassign(&places)));
                }
                Step::Lost(_) => {}
            }
        }
    }
}

pub(super) fn place(offset: u64) -> Offset {
    Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX))
}

fn check(group: &str, assignment: Assignment, identity: &str) -> Result<(), LogError> {
    if let Assignment::Member { member, members } = assignment
        && member >= members
    {
        return Err(LogError::Refused(format!(
            "member {member} of {members} in group `{group}`: members count from 0"
        )));
    }
    if group.is_empty() {
        return Err(LogError::Refused("a group without a name: give it one".to_owned()));
    }
    if identity.len() > IDENTITY_BYTES_MAX {
        return Err(LogError::Refused(format!(
            "an identity of {} bytes: at most {IDENTITY_BYTES_MAX} are stored",
            identity.len()
        )));
    }
    Ok(())
}
