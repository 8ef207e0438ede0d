//! The log on Kafka: topics, producers and consumer groups as its brokers know them.
//!
//! [`KafkaLog::connect`] asks no broker, so a program starts while they are away. Every call is bounded in time, and
//! answers [`LogError::Unavailable`] until brokers are there again; nothing has to be opened anew.
//!
//! # Where its promises differ from the embedded log's
//!
//! - **Append.** The producer is idempotent and waits for every replica in sync, so a message that was answered with `Ok`
//!   is there once. A batch that was answered with an error may be there in part or as a whole: what was sent when the
//!   connection broke may have been written. Appended again, its messages may be there twice: consumers know them by
//!   their keys.
//! - **Timestamps** of 0 or before become the time of the append.
//! - **Offsets** have gaps where a topic is compacted or a transaction ended. A consumer passes over them, and they
//!   do not count as [missed](crate::LogConsumer::missed).
//! - **Two consumers** of one group with the same member number both read: no broker forbids it.
//!
//! # Memory
//!
//! A consumer reads ahead `consumer_queue_bytes_max` bytes and keeps `replay_bytes_max` bytes of what it gave; the
//! producer, one for a [`KafkaLog`], holds `producer_queue_bytes_max` bytes.

mod admin;
mod assignment;
mod clerk;
mod client;
mod config;
mod consumer;
mod context;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod poll;
mod producer;
mod properties;
mod read;
mod rebalance;
mod security;
mod start;
mod state;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::runtime::Handle;

pub use self::config::{Compression, KafkaConfig, KafkaConfigError};
pub use self::security::{KafkaSecurity, SaslMechanism, SecurityProtocol};
pub use self::state::{KafkaState, KafkaStateConfig};

use self::admin::{ANSWERS, Admin};
use self::consumer::Consumer;
use self::error::{is_missing_topic, log_error, of_code};
use self::producer::{Producer, Receipt, size};
use crate::{ConsumerOptions, Log, LogConsumer, LogError, Message, Position, TopicOptions, partition_of};

/// A handle to a Kafka cluster. Clones share one producer.
#[derive(Clone, Debug)]
pub struct KafkaLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: KafkaConfig,
    producer: Producer,
    /// How many partitions each topic has, under the name without prefix: fixed for the life of the topic.
    partitions: Mutex<HashMap<String, u32>>,
}

impl KafkaLog {
    /// Makes the clients and checks their settings. Asks no broker.
    pub fn connect(config: &KafkaConfig) -> Result<Self, LogError> {
        let refused = |error: KafkaConfigError| LogError::Refused(error.to_string());
        config.validate().map_err(refused)?;
        let failed = |error| log_error("connect", &error);
        client::consumer(config, "", 1).map_err(refused)?.create_native_config().map_err(failed)?;
        let settings = client::producer(config).map_err(refused)?;
        let (count_max, bytes_max) = (config.producer_queue_count_max, config.producer_queue_bytes_max);
        let producer = Producer::new(settings, count_max, bytes_max).map_err(failed)?;
        let partitions = Mutex::default();
        Ok(Self { shared: Arc::new(Shared { config: config.clone(), producer, partitions }) })
    }

    /// Creates the topic or brings its settings in line, and says what was changed, a sentence each; nothing, if all was as it should
    /// be. Less retention deletes messages.
    pub async fn create_topic_reporting(
        &self,
        topic: &str,
        options: &TopicOptions,
    ) -> Result<Vec<String>, LogError> {
        let options = options.clone();
        self.administer(topic, move |admin, topic| admin.bring_about(topic, &options)).await
    }

    /// What tells the cluster from any other one.
    pub async fn cluster_id(&self) -> Result<String, LogError> {
        const ASK_MS_MAX: u64 = 10_000;
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let producer = shared.producer.current();
            let id = producer.client().fetch_cluster_id(Duration::from_millis(ASK_MS_MAX));
            id.ok_or_else(|| LogError::Unavailable("no broker said which cluster it belongs to".to_owned()))
        })
        .await
    }

    /// How the topic differs from these options and this log's configuration, a sentence each.
    pub async fn topic_drift(&self, topic: &str, options: &TopicOptions) -> Result<Vec<String>, LogError> {
        let options = options.clone();
        self.administer(topic, move |admin, topic| admin.drift(topic, &options)).await
    }

    /// As [`Self::create_topic_reporting`], for the topic of a [`KafkaState`] of that name.
    pub async fn create_state_topic_reporting(
        &self,
        name: &str,
        state: &KafkaStateConfig,
    ) -> Result<Vec<String>, LogError> {
        let state = state.clone();
        self.administer(name, move |admin, topic| admin.bring_about_state(topic, &state)).await
    }

    /// As [`Self::topic_drift`], for the topic of a [`KafkaState`] of that name.
    pub async fn state_topic_drift(
        &self,
        name: &str,
        state: &KafkaStateConfig,
    ) -> Result<Vec<String>, LogError> {
        let state = state.clone();
        self.administer(name, move |admin, topic| admin.drift_of_state(topic, &state)).await
    }

    async fn administer<T: Send + 'static>(
        &self,
        topic: &str,
        act: impl FnOnce(&Admin<'_>, &str) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (shared, topic) = (Arc::clone(&self.shared), topic.to_owned());
        blocking(move || {
            let config = &shared.config;
            let settings = client::common(config).map_err(|error| LogError::Refused(error.to_string()))?;
            act(&Admin::new(config, &settings)?, &shared.full_name(&topic))
        })
        .await
    }

    async fn append_to(&self, topic: &str, messages: Vec<Message>) -> Result<Vec<Position>, LogError> {
        let bytes_max = self.shared.config.message_bytes_max;
        if let Some(message) = messages.iter().find(|message| size(message) > bytes_max) {
            let key = String::from_utf8_lossy(&message.key).into_owned();
            return Err(LogError::MessageTooLarge { bytes: size(message), bytes_max, key });
        }
        let (shared, name) = (Arc::clone(&self.shared), topic.to_owned());
        let known = self.shared.known_partitions(topic);
        let partitions = match known {
            Some(partitions) => partitions,
            None => blocking(move || shared.partitions(&name)).await?,
        };
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let place = |message: Message| (partition_of(&message.key, partitions).cast_signed(), message);
        let placed: Vec<_> = messages.into_iter().map(place).collect();
        let receipts = self.shared.producer.send(&self.shared.full_name(topic), &placed).await;
        let receipts = receipts.map_err(|(error, is_topic_missing)| {
            self.shared.forget_partitions(topic);
            if is_topic_missing { LogError::NoSuchTopic(topic.to_owned()) } else { error }
        })?;
        let position = |receipt: Receipt| {
            let offset = u64::try_from(receipt.offset);
            let offset =
                offset.map_err(|_| LogError::Unavailable("the offset of a message is unknown".to_owned()))?;
            Ok(Position { topic: topic.to_owned(), partition: receipt.partition.cast_unsigned(), offset })
        };
        receipts.into_iter().map(position).collect()
    }
}

impl Shared {
    /// The topic's name in the cluster.
    fn full_name(&self, topic: &str) -> String {
        format!("{}{topic}", self.config.topic_prefix)
    }

    fn known_partitions(&self, topic: &str) -> Option<u32> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied()
    }

    fn forget_partitions(&self, topic: &str) {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).remove(topic);
    }

    /// How many partitions the topic has. Blocks.
    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        if let Some(partitions) = self.known_partitions(topic) {
            return Ok(partitions);
        }
        let doing = format!("look at topic `{topic}`");
        let timeout = Duration::from_millis(self.config.open_timeout_ms);
        let (client, full_name) = (self.producer.current(), self.full_name(topic));
        for _ in 0..ANSWERS {
            let metadata = client.client().fetch_metadata(Some(&full_name), timeout);
            let metadata = metadata.map_err(|error| log_error(&doing, &error))?;
            let Some(found) = metadata.topics().iter().find(|found| found.name() == full_name) else {
                continue;
            };
            match found.error().map(Code::from) {
                Some(code) if is_missing_topic(code) => continue,
                None | Some(Code::LeaderNotAvailable) => {}
                Some(code) => return Err(of_code(&doing, code)),
            }
            if let Some(partitions) = u32::try_from(found.partitions().len()).ok().filter(|count| *count > 0)
            {
                let mut known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(topic.to_owned(), partitions);
                return Ok(partitions);
            }
        }
        Err(LogError::NoSuchTopic(topic.to_owned()))
    }
}

impl Log for KafkaLog {
    /// A topic that is there stays as it is, its retention too: other programs and operators use it, and what retention
    /// deletes does not come back. A difference is logged, for `create_topic_reporting` to be called by whoever wants it.
    fn create_topic<'a>(
        &'a self,
        topic: &'a str,
        options: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        async {
            let options = options.clone();
            for difference in
                self.administer(topic, move |admin, topic| admin.complete(topic, &options)).await?
            {
                tracing::warn!(difference, "not as it should be in Kafka");
            }
            Ok(())
        }
        .boxed()
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        self.append_to(topic, messages).boxed()
    }

    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        Ok(Box::new(Consumer::open(&self.shared, options)?))
    }
}

/// Waits for brokers without holding up the runtime's threads, where there is a runtime.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    match Handle::try_current() {
        Ok(runtime) => {
            let done = runtime.spawn_blocking(act).await;
            done.unwrap_or_else(|error| Err(LogError::Unavailable(error.to_string())))
        }
        Err(_) => act(),
    }
}
