//! The log.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::consumer::Consumer;
use super::{Absence, Disturb, LOG_AWAY, LOG_CUT, unpoisoned};
use crate::{
    Assignment, ConsumerOptions, IDENTITY_BYTES_MAX, Log, LogConsumer, LogError, Message, Position,
    TopicOptions, partition_of,
};

/// No broker answers for this long at most.
const AWAY_MS_MAX: u64 = 60_000;

/// A log in memory. Clones share it.
#[derive(Clone)]
pub struct SimulatedLog(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) disturb: Arc<dyn Disturb>,
    pub(super) state: Mutex<State>,
    absence: Absence,
    when_fed: Mutex<Arc<dyn Fn() + Send + Sync>>,
    message_bytes_max: usize,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) topics: BTreeMap<String, Vec<Vec<Message>>>,
    pub(super) committed: BTreeMap<(String, String, u32), Commit>,
    /// What the feed is still to bring, in the order of time.
    feed: VecDeque<(Duration, String, Message)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) offset: u64,
    pub(super) identity: String,
}

impl SimulatedLog {
    /// An empty log.
    pub fn new(disturb: Arc<dyn Disturb>) -> Self {
        let nobody: Arc<dyn Fn() + Send + Sync> = Arc::new(|| {});
        Self(Arc::new(Shared {
            disturb,
            state: Mutex::default(),
            absence: Absence::default(),
            when_fed: Mutex::new(nobody),
            message_bytes_max: 1 << 20,
        }))
    }

    /// Messages that a feed brings at their times, each to its topic. Producers are another process, which no fault of the log holds up.
    pub fn feed(&self, messages: impl IntoIterator<Item = (Duration, String, Message)>) {
        let mut state = unpoisoned(&self.0.state);
        state.feed.extend(messages);
        state.feed.make_contiguous().sort_by_key(|(at, _, _)| *at);
    }

    /// Calls `fed` when the feed has brought everything; at once, if it has.
    pub fn when_fed(&self, fed: impl Fn() + Send + Sync + 'static) {
        *unpoisoned(&self.0.when_fed) = Arc::new(fed);
        self.0.arrive();
    }

    /// How many records a group has not committed, over all topics.
    pub fn lag(&self, group: &str) -> u64 {
        let state = unpoisoned(&self.0.state);
        let partitions = state.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().zip(0..).map(move |(messages, number)| (topic, number, messages.len() as u64))
        });
        let committed = |topic: &String, number| {
            let key = (group.to_owned(), topic.clone(), number);
            state.committed.get(&key).map_or(0, |commit| commit.offset)
        };
        partitions.map(|(topic, number, end)| end - committed(topic, number)).sum()
    }
}

impl Shared {
    /// Appends what the feed has brought by now.
    pub(super) fn arrive(&self) {
        let now = self.disturb.now();
        let mut state = unpoisoned(&self.state);
        while state.feed.front().is_some_and(|(at, _, _)| *at <= now) {
            if let Some((_, topic, message)) = state.feed.pop_front() {
                drop(state.append(&topic, message));
            }
        }
        let is_fed = state.feed.is_empty();
        drop(state);
        if is_fed {
            let fed = Arc::clone(&unpoisoned(&self.when_fed));
            fed();
        }
    }

    /// The state, if the log answers.
    pub(super) fn answer(&self) -> Result<MutexGuard<'_, State>, LogError> {
        if self.disturb.is_dead() {
            return Err(LogError::Unavailable("simulated: the process is dead".to_owned()));
        }
        if self.absence.is_on(&*self.disturb, LOG_AWAY, AWAY_MS_MAX) {
            return Err(LogError::Unavailable("simulated: no broker answers".to_owned()));
        }
        Ok(unpoisoned(&self.state))
    }
}

impl State {
    fn append(&mut self, topic: &str, message: Message) -> Result<Position, LogError> {
        let partitions = self.topics.get_mut(topic).ok_or_else(|| LogError::NoSuchTopic(topic.to_owned()))?;
        let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
        let partition = partition_of(&message.key, count);
        let messages = &mut partitions[partition as usize];
        messages.push(message);
        Ok(Position { topic: topic.to_owned(), partition, offset: messages.len() as u64 - 1 })
    }
}

impl Log for SimulatedLog {
    fn create_topic<'a>(
        &'a self,
        topic: &'a str,
        options: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async move {
            if options.partitions == 0 {
                return Err(LogError::Refused("a topic has a partition at least".to_owned()));
            }
            let empty = || (0..options.partitions).map(|_| Vec::new()).collect();
            unpoisoned(&self.0.state).topics.entry(topic.to_owned()).or_insert_with(empty);
            Ok(())
        })
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        Box::pin(async move {
            let mut state = self.0.answer()?;
            if !state.topics.contains_key(topic) {
                return Err(LogError::NoSuchTopic(topic.to_owned()));
            }
            let bytes_max = self.0.message_bytes_max;
            let size = |message: &Message| message.key.len() + message.value.len();
            if let Some(large) = messages.iter().find(|message| size(message) > bytes_max) {
                let key = String::from_utf8_lossy(&large.key).into_owned();
                return Err(LogError::MessageTooLarge { bytes: size(large), bytes_max, key });
            }
            let cut = self.0.disturb.strike(LOG_CUT);
            let lost = || LogError::Unavailable("simulated: the connection was cut".to_owned());
            if cut.is_some_and(|random| random & 1 == 0) {
                return Err(lost());
            }
            let appended = messages.into_iter().map(|message| state.append(topic, message));
            let positions = appended.collect::<Result<Vec<_>, _>>()?;
            drop(state);
            self.0.disturb.note(&format!("append {topic} {positions:?}"));
            if self.0.disturb.dies() || cut.is_some() { Err(lost()) } else { Ok(positions) }
        })
    }

    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        self.0.arrive();
        let Assignment::Member { member, members } = options.assignment else {
            let reason = "the simulated log has no group protocol; give each member its number";
            return Err(LogError::Refused(reason.to_owned()));
        };
        if options.group.is_empty() || member >= members {
            return Err(LogError::Refused(format!("there is no member {member} of {members}")));
        }
        if options.identity.len() > IDENTITY_BYTES_MAX {
            return Err(LogError::Refused(format!("an identity has at most {IDENTITY_BYTES_MAX} bytes")));
        }
        let state = self.0.answer()?;
        Ok(Box::new(Consumer::open(Arc::clone(&self.0), &state, options, (member, members))?))
    }
}

impl fmt::Debug for SimulatedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics: Vec<_> = unpoisoned(&self.0.state).topics.keys().cloned().collect();
        f.debug_struct("SimulatedLog").field("topics", &topics).finish_non_exhaustive()
    }
}
