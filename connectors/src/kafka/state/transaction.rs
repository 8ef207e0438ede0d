//! Writing: one Kafka transaction for all records of an apply, under an id that shuts out whoever had it before.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::super::client;
use super::super::config::KafkaConfig;
use super::super::context::{log_client_error, log_line};
use super::super::error::log_error;
use super::config::KafkaStateConfig;
use super::record::{EXPIRES_HEADER, Record};
use super::state_error;
use crate::{StateError, partition_of};

/// The longest single wait for room in the library's queue.
const ROOM_WAIT: Duration = Duration::from_millis(100);

/// What became of a transaction that was not committed for sure.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it will ever be seen, and the next may begin.
    Undone(StateError),
    /// Only the topic knows. This producer is of no more use.
    Unknown {
        why: StateError,
        /// The library has given up on the transactional id, as it does when another producer has taken it.
        is_fatal: bool,
    },
}

/// The offset of each record's partition that was delivered last.
pub(super) type Delivered = Vec<(i32, i64)>;

pub(super) struct Transactions {
    producer: ThreadedProducer<Context>,
    topic: String,
    partitions_count: u32,
    timeout: Duration,
}

impl Transactions {
    /// Takes the transactional id, the topic's name, from whoever had it: what that one left open is undone, and it commits
    /// nothing any more.
    pub(super) fn take_over(
        config: &KafkaConfig,
        state: &KafkaStateConfig,
        topic: &str,
    ) -> Result<Self, StateError> {
        let doing = "take over the state";
        let failed = |error: KafkaError| state_error(log_error(doing, &error));
        let settings = settings(config, state, topic)?;
        let producer: ThreadedProducer<Context> =
            settings.create_with_context(Context::default()).map_err(failed)?;
        producer.init_transactions(Duration::from_millis(state.fence_timeout_ms)).map_err(failed)?;
        Ok(Self {
            producer,
            topic: topic.to_owned(),
            partitions_count: state.partitions_count,
            timeout: Duration::from_millis(state.apply_timeout_ms),
        })
    }

    /// Writes each record to the partition of its key, all of them or none.
    pub(super) fn write(&self, records: &[Record]) -> Result<(), Failure> {
        let placed = records
            .iter()
            .map(|record| (partition_of(&record.key, self.partitions_count).cast_signed(), record));
        self.transact(placed).map(drop)
    }

    /// Writes a record to every partition, and gives its places.
    pub(super) fn mark(&self, record: &Record) -> Result<Delivered, Failure> {
        self.transact((0..self.partitions_count).map(|partition| (partition.cast_signed(), record)))
    }

    fn transact<'a>(&self, records: impl Iterator<Item = (i32, &'a Record)>) -> Result<Delivered, Failure> {
        self.producer.begin_transaction().map_err(|error| self.unknown("begin a transaction", &error))?;
        *self.deliveries() = Deliveries::default();
        if let Err(why) = self.deliver(records) {
            return Err(self.undo(why));
        }
        match self.producer.commit_transaction(self.timeout) {
            Ok(()) => Ok(std::mem::take(&mut self.deliveries().places)),
            Err(error) if requires_abort(&error) => {
                Err(self.undo(state_error(log_error("commit a transaction", &error))))
            }
            // It may have been committed, or may still be.
            Err(error) => Err(self.unknown("commit a transaction", &error)),
        }
    }

    /// Sends the records and waits until each of them is with the brokers. They count for nothing before the commit.
    fn deliver<'a>(&self, records: impl Iterator<Item = (i32, &'a Record)>) -> Result<(), StateError> {
        let deadline = Instant::now() + self.timeout;
        for (partition, record) in records {
            self.send(partition, record, deadline)?;
        }
        let flushed = self.producer.flush(deadline.saturating_duration_since(Instant::now()));
        match (self.deliveries().failure.take(), flushed) {
            (Some(why), _) => Err(why),
            (None, Err(error)) => Err(state_error(log_error("deliver", &error))),
            (None, Ok(())) => Ok(()),
        }
    }

    fn send(&self, partition: i32, record: &Record, deadline: Instant) -> Result<(), StateError> {
        let mut message = message(&self.topic, partition, record);
        while let Err((error, unsent)) = self.producer.send(message) {
            let is_full = error.rdkafka_error_code() == Some(Code::QueueFull);
            if !is_full || Instant::now() >= deadline {
                return Err(state_error(log_error("send", &error)));
            }
            // Whether all was delivered meanwhile is of no interest: there is room again or there is not.
            self.producer.flush(ROOM_WAIT).ok();
            message = unsent;
        }
        Ok(())
    }

    fn undo(&self, why: StateError) -> Failure {
        match self.producer.abort_transaction(self.timeout) {
            Ok(()) => Failure::Undone(why),
            Err(error) => {
                tracing::warn!(%error, "a transaction could not be aborted");
                Failure::Unknown { why, is_fatal: self.is_fatal() }
            }
        }
    }

    fn unknown(&self, doing: &str, error: &KafkaError) -> Failure {
        Failure::Unknown { why: state_error(log_error(doing, error)), is_fatal: self.is_fatal() }
    }

    fn is_fatal(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.producer.context().deliveries()
    }
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").field("topic", &self.topic).finish_non_exhaustive()
    }
}

fn settings(config: &KafkaConfig, state: &KafkaStateConfig, topic: &str) -> Result<ClientConfig, StateError> {
    let mut client = client::producer(config).map_err(|error| StateError::Refused(error.to_string()))?;
    // The library wants both below the transaction's own.
    let request_timeout_ms = config.request_timeout_ms.min(state.transaction_timeout_ms - 100);
    client
        .set("transactional.id", topic)
        .set("transaction.timeout.ms", state.transaction_timeout_ms.to_string())
        .set("delivery.timeout.ms", state.apply_timeout_ms.to_string())
        .set("socket.timeout.ms", request_timeout_ms.to_string());
    Ok(client)
}

fn message<'a>(topic: &'a str, partition: i32, record: &'a Record) -> BaseRecord<'a, [u8], [u8]> {
    let message = BaseRecord::to(topic).partition(partition).key(record.key.as_slice());
    let message = match &record.value {
        Some(value) => message.payload(value.as_slice()),
        None => message,
    };
    match record.expires_ms {
        None => message,
        Some(at) => {
            let digits = at.to_string();
            message.headers(OwnedHeaders::new().insert(Header { key: EXPIRES_HEADER, value: Some(&digits) }))
        }
    }
}

fn requires_abort(error: &KafkaError) -> bool {
    // A flush that failed comes before the commit is asked for.
    matches!(error, KafkaError::Flush(_))
        || matches!(error, KafkaError::Transaction(error) if error.txn_requires_abort())
}

/// What was told of the records of one transaction.
#[derive(Debug, Default)]
struct Deliveries {
    places: Delivered,
    /// The first failure.
    failure: Option<StateError>,
}

#[derive(Default)]
struct Context {
    deliveries: Mutex<Deliveries>,
}

impl Context {
    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        log_client_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        let mut deliveries = self.deliveries();
        match delivered {
            Ok(message) => {
                deliveries.places.retain(|(partition, _)| *partition != message.partition());
                deliveries.places.push((message.partition(), message.offset()));
            }
            Err((error, message)) => {
                let why = || undelivered(error, message.key().unwrap_or_default(), message.payload_len());
                deliveries.failure.get_or_insert_with(why);
            }
        }
    }
}

/// A broker keeps its limit to itself.
fn undelivered(error: &KafkaError, key: &[u8], value_bytes: usize) -> StateError {
    if error.rdkafka_error_code() != Some(Code::MessageSizeTooLarge) {
        return state_error(log_error("deliver", error));
    }
    let bytes = key.len() + value_bytes;
    let key = String::from_utf8_lossy(key).into_owned();
    StateError::TooLarge { bytes, bytes_max: bytes.saturating_sub(1), key }
}
