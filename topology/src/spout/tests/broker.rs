//! A log in memory that a test disturbs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use trombe_connectors::{
    ConsumerOptions, Lag, Log, LogConsumer, LogError, Message, Position, Record, Revoked, TopicOptions,
};

pub(super) const TOPIC: &str = "t";

/// The broker's side. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Broker(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// The offsets that each partition holds; others were compacted away.
    pub(super) records: BTreeMap<u32, Vec<u64>>,
    pub(super) committed: BTreeMap<u32, u64>,
    pub(super) appended: Vec<(String, Message)>,
    pub(super) revoking: Vec<Revoked>,
    pub(super) released: Vec<u32>,
    pub(super) opened: Vec<ConsumerOptions>,
    pub(super) polls: u64,
    /// Commits that were asked for.
    pub(super) commits: u64,
    /// Which calls find nobody: `consumer`, `poll`, `read`, `commit`, `append`.
    pub(super) away: Vec<&'static str>,
    next: BTreeMap<u32, u64>,
}

impl State {
    fn reach(&self, call: &'static str) -> Result<(), LogError> {
        let is_away = self.away.contains(&call);
        if is_away { Err(LogError::Unavailable(format!("no broker for `{call}`"))) } else { Ok(()) }
    }
}

impl Broker {
    /// Partitions that hold these offsets.
    pub(super) fn with(records: &[(u32, &[u64])]) -> Self {
        let broker = Self::default();
        broker.state().records =
            records.iter().map(|(partition, offsets)| (*partition, offsets.to_vec())).collect();
        broker
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn committed(&self, partition: u32) -> Option<u64> {
        self.state().committed.get(&partition).copied()
    }

    /// The partition loses all and gets these records instead.
    pub(super) fn cut_off(&self, partition: u32, offsets: &[u64]) {
        let mut state = self.state();
        state.records.insert(partition, offsets.to_vec());
        state.next.remove(&partition);
        state.committed.remove(&partition);
        state.revoking.push(Revoked { topic: TOPIC.to_owned(), partition, lost: true });
    }

    pub(super) fn revoke(&self, partition: u32, lost: bool) {
        self.state().revoking.push(Revoked { topic: TOPIC.to_owned(), partition, lost });
    }
}

/// The record at an offset: its payload names its place.
fn record(partition: u32, offset: u64) -> Record {
    let position = Position { topic: TOPIC.to_owned(), partition, offset };
    Record { message: Message { value: position.to_string().into(), ..Message::default() }, position }
}

impl Log for Broker {
    fn create_topic<'a>(&'a self, _: &'a str, _: &'a TopicOptions) -> BoxFuture<'a, Result<(), LogError>> {
        async { Ok(()) }.boxed()
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        async move {
            let mut state = self.state();
            state.reach("append")?;
            state.appended.extend(messages.into_iter().map(|message| (topic.to_owned(), message)));
            Ok(Vec::new())
        }
        .boxed()
    }

    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        let mut state = self.state();
        state.reach("consumer")?;
        state.opened.push(options);
        state.next = state.committed.clone();
        Ok(Box::new(self.clone()))
    }
}

impl LogConsumer for Broker {
    fn poll(&mut self, records_max: usize, _: usize, records: &mut Vec<Record>) -> Result<(), LogError> {
        let mut state = self.state();
        state.polls += 1;
        state.reach("poll")?;
        let State { records: held, next, revoking, .. } = &mut *state;
        for (&partition, offsets) in held.iter() {
            if revoking.iter().any(|revoked| revoked.partition == partition) {
                continue;
            }
            let next = next.entry(partition).or_default();
            let from = *next;
            for &offset in offsets
                .iter()
                .filter(|offset| **offset >= from)
                .take(records_max.saturating_sub(records.len()))
            {
                records.push(record(partition, offset));
                *next = offset + 1;
            }
        }
        Ok(())
    }

    fn read(&mut self, position: &Position) -> Result<Option<Record>, LogError> {
        let state = self.state();
        state.reach("read")?;
        let is_there = state.records[&position.partition].contains(&position.offset);
        Ok(is_there.then(|| record(position.partition, position.offset)))
    }

    fn commit(&mut self, next: &[Position]) -> Result<(), LogError> {
        let mut state = self.state();
        state.commits += 1;
        state.reach("commit")?;
        state.committed.extend(next.iter().map(|position| (position.partition, position.offset)));
        Ok(())
    }

    fn lag(&mut self) -> Result<Vec<Lag>, LogError> {
        let state = self.state();
        let lag = |(&partition, offsets): (&u32, &Vec<u64>)| Lag {
            committed: Position {
                topic: TOPIC.to_owned(),
                partition,
                offset: state.committed.get(&partition).copied().unwrap_or_default(),
            },
            end_offset: offsets.last().map_or(0, |last| last + 1),
        };
        Ok(state.records.iter().map(lag).collect())
    }

    fn revoking(&mut self) -> Vec<Revoked> {
        let mut state = self.state();
        let revoking = state.revoking.clone();
        state.revoking.retain(|revoked| !revoked.lost);
        revoking
    }

    fn release(&mut self, partitions: &[Revoked]) -> Result<(), LogError> {
        let mut state = self.state();
        for released in partitions {
            state.revoking.retain(|revoked| revoked.partition != released.partition);
            state.released.push(released.partition);
        }
        Ok(())
    }
}
