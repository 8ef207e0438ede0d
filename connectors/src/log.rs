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
    /// Milliseconds since the Unix epoch at which the producer received the payload. Where it is 0 or less, a log may put the
    /// time of the append.
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

/// Who reads, which share of the partitions, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// The consumer group whose committed offsets are read at the start and written by `commit`.
    pub group: String,
    /// The topics to read; each must exist.
    pub topics: Vec<String>,
    /// Which partitions this consumer reads.
    pub assignment: Assignment,
    /// Where reading begins (Storm's `FirstPollOffsetStrategy`).
    pub start: Start,
    /// Who commits, stored as the metadata of every committed offset; at most [`IDENTITY_BYTES_MAX`] bytes. A commit of
    /// another identity is another deployment's: [`Start::Earliest`], [`Start::Latest`] and [`Start::Timestamp`] look past it.
    pub identity: String,
}

impl ConsumerOptions {
    /// A member of a group of fixed size, which goes on where the group committed, whoever did.
    pub fn member(group: &str, topics: &[&str], member: u32, members: u32) -> Self {
        Self {
            group: group.to_owned(),
            topics: topics.iter().copied().map(str::to_owned).collect(),
            assignment: Assignment::Member { member, members },
            start: Start::default(),
            identity: String::new(),
        }
    }
}

/// The longest [`ConsumerOptions::identity`]: well below the 4,096 bytes of metadata that a broker takes by default.
pub const IDENTITY_BYTES_MAX: usize = 256;

/// How a group's partitions are dealt to its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// By arithmetic, as Storm's Kafka spout does: this member reads the partitions `p` with `p % members == member`.
    Member {
        /// This member's number within the group, from 0.
        member: u32,
        /// How many members share the group, at least 1.
        members: u32,
    },
    /// By the group itself: members come and go, and partitions move between them (Kafka's cooperative rebalance). See
    /// [`LogConsumer::revoking`].
    Group,
}

/// Where a consumer begins to read a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At the oldest record, unless this identity has committed an offset.
    Earliest,
    /// After the newest record, unless this identity has committed an offset.
    Latest,
    /// At the group's committed offset, whoever committed it; where there is none, at the oldest record.
    #[default]
    UncommittedEarliest,
    /// At the group's committed offset, whoever committed it; where there is none, after the newest record.
    UncommittedLatest,
    /// At the first record of this time (milliseconds since the Unix epoch) or later, unless this identity has committed an
    /// offset.
    Timestamp(i64),
}

/// How far a consumer is behind on one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// The next position this group would read after a restart.
    pub committed: Position,
    /// The offset after the newest message.
    pub end_offset: u64,
}

impl Lag {
    /// How many messages that is, if none has been compacted away.
    pub fn records(&self) -> u64 {
        self.end_offset.saturating_sub(self.committed.offset)
    }
}

/// A partition that goes to another member of the group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revoked {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Whether it has gone already; if not, it waits to be released.
    pub lost: bool,
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
    /// Creates the topic if it is absent. An existing topic keeps its partitions; one that belongs to this program alone takes the new
    /// retention.
    fn create_topic<'a>(
        &'a self,
        topic: &'a str,
        options: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>>;

    /// Appends all messages durably, those of one partition in order. Returns their positions in the order of the messages.
    ///
    /// `Ok` means that they survive a crash of this process. After an error none of them is there; only where it is
    /// [`LogError::Unavailable`], or a broker's [`LogError::MessageTooLarge`], may a log over the network have written some or all of them, each at most once. Appended
    /// again, they may then be there twice, so consumers must know a message again by its key.
    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>>;

    /// Opens a consumer where [`ConsumerOptions::start`] says.
    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError>;
}

/// Reads a share of some topics' partitions. Owned by one spout task.
pub trait LogConsumer: Send {
    /// Adds to `records` what is there, oldest first within a partition and fairly between partitions, without
    /// waiting for more. Stops at `records_max` records, or once `bytes_max` bytes of payload are exceeded. After an
    /// error `records` is as it was, and the next poll begins where this one did.
    ///
    /// A log over the network has to hear of its brokers and its group: poll it every second or so, with `records_max` 0
    /// where there is room for nothing.
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

    /// Begins to commit these offsets without waiting for the log, and says which of them are committed by now. An error is
    /// that of an earlier call; the offsets are to be given again.
    fn commit_later(&mut self, next: &[Position]) -> Result<Vec<Position>, LogError> {
        self.commit(next).map(|()| next.to_vec())
    }

    /// This member's lag as it was known last, without waiting for the log: each call begins the look that a later one tells of.
    fn last_lag(&mut self) -> Result<Vec<Lag>, LogError> {
        self.lag()
    }

    /// Whether the group has committed all that was appended before this call.
    fn is_drained(&mut self) -> Result<bool, LogError> {
        Ok(self.lag()?.iter().all(|lag| lag.committed.offset >= lag.end_offset))
    }

    /// How many records retention deleted before this consumer came to read them. Reading goes on at the oldest
    /// record that is left.
    fn missed(&self) -> u64 {
        0
    }

    /// Partitions that the group has taken away or is about to: no record of them is given any more. To be asked before each poll.
    ///
    /// A partition that is being revoked stays with this member until [`release`](Self::release), so that what is under
    /// way can be finished and committed first: nothing is done twice. One that is `lost` (the group gave this member up)
    /// already belongs to another, and cannot be committed. A partition that stays but was cut off before what was read is
    /// told of as `lost` too: it is given again from its oldest record, and its old offsets are to be forgotten.
    fn revoking(&mut self) -> Vec<Revoked> {
        Vec::new()
    }

    /// Gives up partitions that are being revoked. Until then the group waits, up to its `max.poll.interval.ms`.
    fn release(&mut self, partitions: &[Revoked]) -> Result<(), LogError> {
        let _ = partitions;
        Ok(())
    }
}
