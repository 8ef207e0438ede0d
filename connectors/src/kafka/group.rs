//! What a group tells its member: rebalances, and ends that were reached.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;

use super::context::{Broker, Statistics, log_line};
use super::start::Slot;

/// A step of a rebalance, to be answered outside of the library's callback: it waits until then.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The group gives these; they are to be assigned.
    Join(Vec<Slot>),
    /// The group wants these back; they are to be unassigned once their records are done.
    Leave(Vec<Slot>),
    /// The group has given these to others already.
    Lost(Vec<Slot>),
}

/// What the library has told since it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) steps: VecDeque<Step>,
    /// Ends up to which the client has read.
    pub(super) ends: HashMap<Slot, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) broker: Broker,
    told: Mutex<Told>,
    is_closing: AtomicBool,
}

impl Context {
    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the group's wishes are answered at once.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn stats_raw(&self, json: &[u8]) {
        let statistics = Statistics::parse(json);
        self.broker.observe(&statistics);
        let ends = statistics.ends().map(|((topic, partition), end)| ((topic.to_owned(), partition), end));
        self.told().ends.extend(ends);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.broker.failed(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let slots: Vec<Slot> =
            list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
        let is_join = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            if !is_join {
                report("unassign", client.incremental_unassign(list));
            }
            return;
        }
        let step = if is_join {
            Step::Join(slots)
        } else if client.assignment_lost() {
            report("unassign", client.incremental_unassign(list));
            Step::Lost(slots)
        } else {
            report("pause", client.pause(list));
            Step::Leave(slots)
        };
        tracing::debug!(?step, "rebalance");
        self.told().steps.push_back(step);
    }
}

/// Such a call fails only when the group has moved on meanwhile, and then the next step mends it.
pub(super) fn report(what: &str, result: KafkaResult<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, what, "the group did not take a step of its rebalance");
    }
}
