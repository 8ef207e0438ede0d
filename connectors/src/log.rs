//! The log: topics of partitions of offset-numbered messages, as Kafka defines them.
//!
//! Two traits carry it. [`Log`] appends and opens consumers; [`LogConsumer`] reads. Appending is asynchronous
//! because a broker answers over the network; reading never waits, because a spout must not block.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// A message as a producer hands it over and as every consumer sees it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The natural key. Messages of one key keep their order: a stable hash of the key picks the partition.
    pub key: Bytes,
    /// The payload, exactly as it was received.
    pub value: Bytes,
    /// Milliseconds since the Unix epoch at which the producer received the payload.
    pub timestamp_ms: i64,
    /// Small facts about the payload (its source, its feed) that must not alter the payload itself.
    pub headers: Vec<(String, Bytes)>,
}

impl Message {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value)
    }
}

/// A place in the log: the offset is the number of messages before it in its partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The topic's name.
    pub topic: String,
    /// The partition, counted from 0.
    pub partition: u32,
    /// The offset within the partition, counted from 0.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// A message together with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where the message stands.
    pub position: Position,
    /// The message.
    pub message: Message,
}

/// How a topic is laid out when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicOptions {
    /// The number of partitions, at least 1. It is fixed for the life of the topic.
    pub partitions: u32,
    /// Messages older than this may be deleted; `None` keeps them for ever.
    pub retention_ms: Option<i64>,
}

/// Who reads, and which share of the partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// The consumer group whose committed offsets are read at the start and written by `commit`.
    pub group: String,
    /// The topics to read; each must exist.
    pub topics: Vec<String>,
    /// This member's number within the group, from 0. It reads the partitions `p` with
    /// `p % members == member`.
    pub member: u32,
    /// How many members share the group, at least 1.
    pub members: u32,
}

/// How far a consumer is behind on one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The next position this group would read after a restart.
    pub committed: Position,
    /// The offset after the newest message.
    pub end_offset: u64,
}

/// Why the log refused. Every variant's message ends in what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The topic does not exist.
    #[error("there is no topic `{0}`; create it first")]
    NoSuchTopic(String),
    /// One message is larger than the log takes.
    #[error(
        "a message of {bytes} bytes is over the limit of {bytes_max} (key {key}); raise `message_bytes_max` or send less"
    )]
    MessageTooLarge {
        /// The offending message's size.
        bytes: usize,
        /// The limit in force.
        bytes_max: usize,
        /// The message's key, lossily as text.
        key: String,
    },
    /// Another live consumer of the same group reads one of the partitions.
    #[error(
        "group `{group}` is already reading partition {partition} of `{topic}`; stop the other reader or give each its own member number"
    )]
    PartitionTaken {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition that both want.
        partition: u32,
    },
    /// The log cannot be reached or is busy; the same call may succeed later.
    #[error("the log is away ({0}); try again")]
    Unavailable(String),
    /// The request can never succeed as it stands.
    #[error("the log refused the request: {0}; mend the request or the store")]
    Refused(String),
}

impl LogError {
    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Appends messages and opens consumers. Handles are cheap to share.
///
/// Every implementation passes [`crate::conformance::log`].
pub trait Log: Send + Sync + fmt::Debug {
    /// Creates the topic if it is absent. An existing topic keeps its partitions and takes the new retention.
    fn create_topic<'a>(
        &'a self,
        topic: &'a str,
        options: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>>;

    /// Appends all messages durably and in order, or none of them. Returns their positions in the same order.
    ///
    /// `Ok` means that they survive a crash of this process.
    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>>;

    /// Opens a consumer at its group's committed offsets, or at the oldest message where none is committed.
    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError>;
}

/// Reads a share of some topics' partitions. Owned by one spout task.
pub trait LogConsumer: Send {
    /// Adds to `records` what is there, oldest first within a partition and fairly between partitions, without
    /// waiting for more. Stops at `records_max` records, or once `bytes_max` bytes of payload are exceeded. After an
    /// error `records` is as it was, and the next poll begins where this one did.
    fn poll(
        &mut self,
        records_max: usize,
        bytes_max: usize,
        records: &mut Vec<Record>,
    ) -> Result<(), LogError>;

    /// Reads one record again, for replay. `None` if retention has deleted it.
    fn read(&mut self, position: &Position) -> Result<Option<Record>, LogError>;

    /// Stores, durably, the offset from which the group reads after a restart (one past the last record done).
    /// An offset below the committed one is ignored.
    fn commit(&mut self, next: &[Position]) -> Result<(), LogError>;

    /// This member's lag, one entry an assigned partition.
    fn lag(&mut self) -> Result<Vec<Lag>, LogError>;

    /// How many records retention deleted before this consumer came to read them. Reading goes on at the oldest
    /// record that is left.
    fn missed(&self) -> u64 {
        0
    }
}
