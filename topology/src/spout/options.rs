//! How a log is read.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use trombe_connectors::Start;

/// What a failed or killed run may do to a record (Storm's words).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessingGuarantee {
    /// A record's offset is committed once it and every record before it in its partition are done; a failed record is
    /// given again.
    #[default]
    AtLeastOnce,
    /// Offsets are committed before their records are given out: none is ever given twice, and one that fails, or is under way
    /// when the process dies, is lost.
    AtMostOnce,
    /// Offsets are committed from time to time, whatever became of the records: some may be given twice, some lost.
    NoGuarantee,
}

/// Which partitions a task of a [`LogSpout`](super::LogSpout) reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpoutAssignment {
    /// Those whose number, divided by the spout's number of tasks, leaves the task's number: one topology reads all of the topic.
    #[default]
    Tasks,
    /// Those that the consumer group gives it: several topologies share the topic, and partitions move between them. Only for
    /// bolts without state. A total over all partitions needs all of them in one topology.
    Group,
}

/// How a [`LogSpout`](super::LogSpout) reads. Begin with [`LogSpoutOptions::new`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogSpoutOptions {
    /// The consumer group, whose committed offsets say where to go on after a restart.
    pub group: String,
    /// The topic, which must exist.
    pub topic: &'static str,
    /// Who commits; see [`ConsumerOptions::identity`](trombe_connectors::ConsumerOptions::identity).
    pub identity: String,
    /// Which partitions each task reads.
    pub assignment: SpoutAssignment,
    /// What becomes of a record if it fails.
    pub guarantee: ProcessingGuarantee,
    /// Where reading begins.
    pub first_poll: Start,
    /// Payload taken from the log in one step, in bytes.
    pub poll_bytes_max: usize,
    /// How often an idle spout looks for new records.
    pub poll_interval: Duration,
    /// How often offsets are committed.
    pub commit_period: Duration,
    /// How often the lag is looked at.
    pub lag_period: Duration,
    /// Payload of records given out and not done, of one task, in bytes. A step may go beyond it once.
    pub pending_bytes_max: usize,
    /// Offsets of one partition given out beyond the committed one: so many records at most are given again after a restart. At
    /// the limit nothing new is given out until the oldest record is done.
    pub uncommitted_count_max: u64,
    /// How long a partition that goes to another member waits for its records to be done. Those that are not by then are read
    /// again there.
    pub release_max: Duration,
}

impl LogSpoutOptions {
    /// At least once, from the group's committed offsets or the oldest record, with limits that suit small records.
    pub fn new(group: &str, topic: &'static str) -> Self {
        Self {
            group: group.to_owned(),
            topic,
            identity: String::new(),
            assignment: SpoutAssignment::Tasks,
            guarantee: ProcessingGuarantee::AtLeastOnce,
            first_poll: Start::default(),
            poll_bytes_max: 1 << 20,
            poll_interval: Duration::from_millis(20),
            commit_period: Duration::from_secs(1),
            lag_period: Duration::from_secs(5),
            pending_bytes_max: 64 << 20,
            uncommitted_count_max: 1_000_000,
            release_max: Duration::from_secs(30),
        }
    }
}
