//! Stores with one mistake each: wrapped round good ones, so that no production code knows of them.

use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use trombe::{StateChange, StateError, StateStore};
use trombe_connectors::{
    ConsumerOptions, Document, Index, IndexError, Lag, Log, LogConsumer, LogError, Message, Outcome,
    Position, Range, Record, StoredDocument, TopicOptions,
};

/// An index whose bulk requests go through `bulk`.
pub(crate) struct BadIndex<F> {
    pub(crate) index: Arc<dyn Index>,
    pub(crate) bulk: F,
}

pub(crate) type Answer = BoxFuture<'static, Result<Vec<Outcome>, IndexError>>;

impl<F> fmt::Debug for BadIndex<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BadIndex").field(&self.index).finish()
    }
}

impl<F: Fn(Arc<dyn Index>, Vec<Document>) -> Answer + Send + Sync> Index for BadIndex<F> {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        (self.bulk)(Arc::clone(&self.index), documents)
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        self.index.get(index, id)
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        self.index.range(range)
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        self.index.oldest(index)
    }

    fn scan<'a>(
        &'a self,
        index: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        self.index.scan(index, after, documents_max)
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        self.index.count(index)
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        self.index.revision()
    }
}

/// What is wrong with a [`BadLog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogMistake {
    /// Commits what was given out, whether it is done or not.
    CommitsPastOpen,
    /// A record read again has lost its key.
    ReplayLosesKey,
    /// The newest record of a partition is not seen before there is a newer one.
    SkipsLast,
    /// A member of a group of other than two takes itself for one of a larger group.
    RebalanceForgetsPartitions,
    /// An append that was refused is taken for done.
    AppendUnchecked,
}

#[derive(Debug)]
pub(crate) struct BadLog {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) mistake: LogMistake,
}

impl Log for BadLog {
    fn create_topic<'a>(
        &'a self,
        topic: &'a str,
        options: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        self.log.create_topic(topic, options)
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        let is_unchecked = self.mistake == LogMistake::AppendUnchecked;
        let appended = self.log.append(topic, messages);
        async move {
            match appended.await {
                Err(_) if is_unchecked => Ok(Vec::new()),
                answer => answer,
            }
        }
        .boxed()
    }

    fn consumer(&self, mut options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        use trombe_connectors::Assignment::Member;
        if self.mistake == LogMistake::RebalanceForgetsPartitions
            && let Member { member, members } = options.assignment
            && members > 2
        {
            options.assignment = Member { member, members: members + 1 };
        }
        let (inner, mistake) = (self.log.consumer(options)?, self.mistake);
        Ok(Box::new(BadConsumer { inner, mistake, given: Vec::new() }))
    }
}

struct BadConsumer {
    inner: Box<dyn LogConsumer>,
    mistake: LogMistake,
    given: Vec<Position>,
}

impl LogConsumer for BadConsumer {
    fn poll(
        &mut self,
        records_max: usize,
        bytes_max: usize,
        records: &mut Vec<Record>,
    ) -> Result<(), LogError> {
        let start = records.len();
        self.inner.poll(records_max, bytes_max, records)?;
        if self.mistake == LogMistake::SkipsLast && records.len() > start {
            let ends = self.inner.lag()?;
            let is_last = |record: &Record| {
                ends.iter().any(|Lag { committed, end_offset }| {
                    committed.partition == record.position.partition
                        && *end_offset == record.position.offset + 1
                })
            };
            records.retain(|record| !is_last(record));
        }
        for Position { topic, partition, offset } in records[start..].iter().map(|r| r.position.clone()) {
            self.given.retain(|known| known.partition != partition);
            self.given.push(Position { topic, partition, offset: offset + 1 });
        }
        Ok(())
    }

    fn read(&mut self, position: &Position) -> Result<Option<Record>, LogError> {
        let record = self.inner.read(position)?;
        Ok(record.map(|mut record| {
            if self.mistake == LogMistake::ReplayLosesKey {
                record.message.key = bytes::Bytes::new();
            }
            record
        }))
    }

    fn commit(&mut self, next: &[Position]) -> Result<(), LogError> {
        match self.mistake {
            LogMistake::CommitsPastOpen => self.inner.commit(&self.given),
            _ => self.inner.commit(next),
        }
    }

    fn lag(&mut self) -> Result<Vec<Lag>, LogError> {
        self.inner.lag()
    }
}

/// What is wrong with a [`BadState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateMistake {
    /// A write is answered at once and made with the next one.
    AnswersBeforeWriting,
    /// Half of each value is written before the whole of it, and a crash comes between.
    Tears,
    /// What is known of transactions is not found again: each counts as new.
    ForgetsTransactions,
    /// A write that failed is taken for done.
    ErrorsUnchecked,
    /// A block is never replaced by, or joined with, what is told of it later.
    LosesBlocks,
}

pub(crate) struct BadState {
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) mistake: StateMistake,
    pub(crate) unwritten: Mutex<Vec<StateChange>>,
}

impl BadState {
    fn forgets(&self, namespace: &str) -> bool {
        match self.mistake {
            StateMistake::ForgetsTransactions => namespace == "transactions",
            StateMistake::LosesBlocks => namespace == "miners",
            _ => false,
        }
    }

    /// What the process would read if the write had been made.
    fn pending(&self, namespace: &str) -> Vec<StateChange> {
        let unwritten = self.unwritten.lock().unwrap();
        unwritten.iter().filter(|change| change.namespace == namespace).cloned().collect()
    }
}

impl StateStore for BadState {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let pending = self.pending(namespace).into_iter().rev().find(|change| change.key == key);
        match pending {
            Some(change) => Ok(change.value),
            None => self.state.get(namespace, key),
        }
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        if self.forgets(namespace) {
            return Ok(());
        }
        self.state.scan(namespace, prefix, each)?;
        for change in self.pending(namespace).iter().filter(|change| change.key.starts_with(prefix)) {
            each(&change.key, change.value.as_deref().unwrap_or_default());
        }
        Ok(())
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        match self.mistake {
            StateMistake::AnswersBeforeWriting => {
                let mut unwritten = self.unwritten.lock().unwrap();
                let earlier = std::mem::replace(&mut *unwritten, changes.to_vec());
                self.state.apply(&earlier)
            }
            StateMistake::Tears => {
                let half = |value: &Vec<u8>| value[..value.len() / 2].to_vec();
                let torn = changes.iter().map(|change| {
                    let value = change.value.as_ref().map(half);
                    StateChange { value, ..change.clone() }
                });
                self.state.apply(&torn.collect::<Vec<_>>())?;
                self.state.apply(changes)
            }
            StateMistake::ErrorsUnchecked => {
                drop(self.state.apply(changes));
                Ok(())
            }
            StateMistake::ForgetsTransactions | StateMistake::LosesBlocks => self.state.apply(changes),
        }
    }
}
