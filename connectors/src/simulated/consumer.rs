//! Reading the log.

use std::sync::Arc;

use super::log::{Commit, Shared, State};
use super::{LOG_REORDER, LOG_REPEAT, shuffle, unpoisoned};
use crate::{ConsumerOptions, Lag, LogConsumer, LogError, Message, Position, Record, Start};

/// After a fail-over a fetch begins so many records too early at most.
const REPEATED_MAX: u64 = 20;

pub(super) struct Consumer {
    shared: Arc<Shared>,
    group: String,
    identity: String,
    assigned: Vec<Assigned>,
    /// The partition that the next poll begins with.
    turn: usize,
}

struct Assigned {
    topic: String,
    number: u32,
    next: u64,
}

impl Consumer {
    pub(super) fn open(
        shared: Arc<Shared>,
        state: &State,
        options: ConsumerOptions,
        (member, members): (u32, u32),
    ) -> Result<Self, LogError> {
        let mut assigned = Vec::new();
        for topic in &options.topics {
            let partitions = state.topics.get(topic).ok_or_else(|| LogError::NoSuchTopic(topic.clone()))?;
            let numbers = 0..u32::try_from(partitions.len()).unwrap_or(u32::MAX);
            for number in numbers.filter(|number| number % members == member) {
                let committed = state.committed.get(&(options.group.clone(), topic.clone(), number));
                let next = first_offset(&options, committed, &partitions[number as usize]);
                assigned.push(Assigned { topic: topic.clone(), number, next });
            }
        }
        let ConsumerOptions { group, identity, .. } = options;
        Ok(Self { shared, group, identity, assigned, turn: 0 })
    }

    fn assigned(&self, position: &Position) -> Result<&Assigned, LogError> {
        let is_it =
            |assigned: &&Assigned| assigned.topic == position.topic && assigned.number == position.partition;
        self.assigned.iter().find(is_it).ok_or_else(|| {
            LogError::Refused(format!("{position} is in none of the partitions that this consumer reads"))
        })
    }

    fn committed(&self, state: &State, assigned: &Assigned) -> u64 {
        let key = (self.group.clone(), assigned.topic.clone(), assigned.number);
        state.committed.get(&key).map_or(0, |commit| commit.offset)
    }

    /// Another broker leads a partition now, and knows a little less of what this consumer has fetched.
    fn fail_over(&mut self, random: u64) {
        let count = self.assigned.len();
        if count == 0 {
            return;
        }
        let which = usize::try_from(random % count as u64).unwrap_or(0);
        let committed = self.committed(&unpoisoned(&self.shared.state), &self.assigned[which]);
        let assigned = &mut self.assigned[which];
        let back = 1 + (random >> 32) % REPEATED_MAX;
        assigned.next = assigned.next.saturating_sub(back).max(committed.min(assigned.next));
    }
}

/// Where reading begins.
fn first_offset(options: &ConsumerOptions, committed: Option<&Commit>, messages: &[Message]) -> u64 {
    let own = committed.filter(|commit| commit.identity == options.identity).map(|commit| commit.offset);
    let any = committed.map(|commit| commit.offset);
    let end = messages.len() as u64;
    let at = |time| {
        let first = messages.iter().position(|message| message.timestamp_ms >= time);
        first.map_or(end, |offset| offset as u64)
    };
    match options.start {
        Start::Earliest => own.unwrap_or(0),
        Start::Latest => own.unwrap_or(end),
        Start::Timestamp(time) => own.unwrap_or_else(|| at(time)),
        Start::UncommittedEarliest => any.unwrap_or(0),
        Start::UncommittedLatest => any.unwrap_or(end),
    }
}

impl LogConsumer for Consumer {
    fn poll(
        &mut self,
        records_max: usize,
        bytes_max: usize,
        records: &mut Vec<Record>,
    ) -> Result<(), LogError> {
        self.shared.arrive();
        let shared = Arc::clone(&self.shared);
        drop(shared.answer()?);
        if let Some(random) = shared.disturb.strike(LOG_REPEAT) {
            self.fail_over(random);
        }
        let (start, mut bytes) = (records.len(), 0);
        let state = unpoisoned(&shared.state);
        let count = self.assigned.len();
        self.turn = (self.turn + 1) % count.max(1);
        let mut drained = 0;
        let mut at = self.turn;
        // One record of each partition in turn.
        while drained < count && records.len() - start < records_max && bytes <= bytes_max && bytes_max > 0 {
            let assigned = &mut self.assigned[at % count];
            at += 1;
            let messages = &state.topics[&assigned.topic][assigned.number as usize];
            let Some(message) = usize::try_from(assigned.next).ok().and_then(|next| messages.get(next))
            else {
                drained += 1;
                continue;
            };
            drained = 0;
            bytes += message.key.len() + message.value.len() + 1;
            let (topic, partition, offset) = (assigned.topic.clone(), assigned.number, assigned.next);
            let position = Position { topic, partition, offset };
            records.push(Record { position, message: message.clone() });
            assigned.next += 1;
        }
        drop(state);
        if records.len() > start {
            if let Some(random) = shared.disturb.strike(LOG_REORDER) {
                shuffle(&mut records[start..], random);
            }
            let given = records[start..].iter().map(|record| record.position.to_string());
            shared.disturb.note(&given.collect::<Vec<_>>().join(" "));
        }
        Ok(())
    }

    fn read(&mut self, position: &Position) -> Result<Option<Record>, LogError> {
        let state = self.shared.answer()?;
        self.assigned(position)?;
        let messages = &state.topics[&position.topic][position.partition as usize];
        let message = usize::try_from(position.offset).ok().and_then(|offset| messages.get(offset));
        Ok(message.map(|message| Record { position: position.clone(), message: message.clone() }))
    }

    fn commit(&mut self, next: &[Position]) -> Result<(), LogError> {
        drop(self.shared.answer()?);
        for position in next {
            self.assigned(position)?;
            if self.shared.disturb.dies() {
                return Err(LogError::Unavailable("simulated: the process is dead".to_owned()));
            }
            self.shared.disturb.note(&format!("commit {position}"));
            let key = (self.group.clone(), position.topic.clone(), position.partition);
            let mut state = unpoisoned(&self.shared.state);
            let first = Commit { offset: 0, identity: String::new() };
            let commit = state.committed.entry(key).or_insert(first);
            if position.offset >= commit.offset || commit.identity != self.identity {
                *commit = Commit { offset: position.offset, identity: self.identity.clone() };
            }
        }
        Ok(())
    }

    fn lag(&mut self) -> Result<Vec<Lag>, LogError> {
        let state = self.shared.answer()?;
        let lag = |assigned: &Assigned| {
            let (topic, partition) = (assigned.topic.clone(), assigned.number);
            let offset = self.committed(&state, assigned);
            let end_offset = state.topics[&topic][partition as usize].len() as u64;
            Lag { committed: Position { topic, partition, offset }, end_offset }
        };
        Ok(self.assigned.iter().map(lag).collect())
    }
}
