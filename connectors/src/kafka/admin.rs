//! Topics: making them, and saying how they differ from what is wanted.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigEntry, ConfigSource, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::client::BATCH_OVERHEAD_BYTES;
use super::config::KafkaConfig;
use super::error::{is_missing_topic, log_error, of_code};
use super::state::KafkaStateConfig;
use crate::backoff::{Backoff, random};
use crate::wait::wait;
use crate::{LogError, TopicOptions};

/// Brokers learn of a new topic one after the other, so one answer is not enough to know.
pub(super) const ANSWERS: usize = 3;

/// What becomes of a topic's old records.
const CLEANUP_POLICY: &str = "cleanup.policy";
/// Only those go that a later one of the same key replaces.
const COMPACT: &str = "compact";

/// A setting of a topic as it should be.
struct Wanted {
    key: &'static str,
    value: i64,
    /// More is as good.
    is_minimum: bool,
}

fn state_options(state: &KafkaStateConfig) -> TopicOptions {
    TopicOptions { partitions: state.partitions_count, retention_ms: None }
}

fn cleanup_policy(found: &BTreeMap<String, ConfigEntry>) -> &str {
    found.get(CLEANUP_POLICY).and_then(|entry| entry.value.as_deref()).unwrap_or("unset")
}

/// How a topic is laid out.
struct Layout {
    /// The brokers of each partition.
    replicas: Vec<usize>,
    has_leaders: bool,
}

/// A connection for administration. It blocks; made for one use.
pub(super) struct Admin<'a> {
    config: &'a KafkaConfig,
    client: AdminClient<DefaultClientContext>,
    options: AdminOptions,
    timeout: Duration,
}

impl<'a> Admin<'a> {
    pub(super) fn new(config: &'a KafkaConfig, settings: &ClientConfig) -> Result<Self, LogError> {
        let timeout = Duration::from_millis(config.open_timeout_ms);
        let client = settings.create().map_err(|error| log_error("connect", &error))?;
        let options = AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout));
        Ok(Self { config, client, options, timeout })
    }

    /// Brings the topic to what is wanted, as far as that is possible, and says what it changed.
    pub(super) fn bring_about(&self, topic: &str, options: &TopicOptions) -> Result<Vec<String>, LogError> {
        if self.layout(topic)?.is_none() {
            let is_ours = self.create(topic, options, &[])?;
            self.await_leaders(topic)?;
            if is_ours {
                // It has its settings from its creation; a broker that has not heard of them yet would deny it.
                return Ok(vec![format!(
                    "created topic `{topic}` with {} partitions and {} replicas",
                    options.partitions, self.config.replication
                )]);
            }
        }
        let (found, different) = self.different(topic, options)?;
        if !different.is_empty() {
            self.alter(topic, &found, &different)?;
        }
        let told = |wanted: &Wanted| {
            let from = found.get(wanted.key).and_then(|entry| entry.value.as_deref()).unwrap_or("unset");
            format!("changed {} of topic `{topic}` from {from} to {}", wanted.key, wanted.value)
        };
        Ok(different.iter().map(told).collect())
    }

    /// Creates the topic if it is absent, and says how one that is there differs from what is wanted.
    pub(super) fn complete(&self, topic: &str, options: &TopicOptions) -> Result<Vec<String>, LogError> {
        if self.layout(topic)?.is_none() {
            return self.bring_about(topic, options).map(|_| Vec::new());
        }
        match self.drift(topic, options) {
            // Whoever may write messages need not be allowed to look at settings.
            Err(error) if !error.is_transient() => {
                Ok(vec![format!("the settings of topic `{topic}` could not be looked at: {error}")])
            }
            drift => drift,
        }
    }

    /// Makes a topic that keeps the last record of every key, or refuses one that keeps something else.
    pub(super) fn bring_about_compacted(
        &self,
        topic: &str,
        state: &KafkaStateConfig,
    ) -> Result<(), LogError> {
        let options = state_options(state);
        if self.layout(topic)?.is_none() {
            let segment_bytes = state.segment_bytes.to_string();
            let compacted = [(CLEANUP_POLICY, COMPACT), ("segment.bytes", &segment_bytes)];
            let is_ours = self.create(topic, &options, &compacted)?;
            self.await_leaders(topic)?;
            if is_ours {
                return Ok(());
            }
        }
        let partitions = self.layout(topic)?.map_or(0, |layout| layout.replicas.len());
        if partitions != options.partitions as usize {
            return Err(LogError::Refused(format!(
                "topic `{topic}` has {partitions} partitions instead of {}: set `partitions_count` to that",
                options.partitions
            )));
        }
        let (found, _) = self.different(topic, &options)?;
        let policy = cleanup_policy(&found);
        if policy != COMPACT {
            return Err(LogError::Refused(format!(
                "{CLEANUP_POLICY} of topic `{topic}` is {policy} and would lose state: name another topic, or set it to \
                 {COMPACT} with kafka-configs if all of the topic is state"
            )));
        }
        Ok(())
    }

    /// Makes a topic that keeps the last record of every key, or brings settings of one that is there in line, and says what it changed.
    /// Partitions and what becomes of old records stay as they are.
    pub(super) fn bring_about_state(
        &self,
        topic: &str,
        state: &KafkaStateConfig,
    ) -> Result<Vec<String>, LogError> {
        if self.layout(topic)?.is_some() {
            return self.bring_about(topic, &state_options(state));
        }
        self.bring_about_compacted(topic, state)?;
        Ok(vec![format!(
            "created compacted topic `{topic}` with {} partitions and {} replicas",
            state.partitions_count, self.config.replication
        )])
    }

    /// How the topic differs from one that keeps the last record of every key, a sentence each.
    pub(super) fn drift_of_state(
        &self,
        topic: &str,
        state: &KafkaStateConfig,
    ) -> Result<Vec<String>, LogError> {
        let options = state_options(state);
        let mut drift = self.drift(topic, &options)?;
        if self.layout(topic)?.is_some() {
            let policy = cleanup_policy(&self.different(topic, &options)?.0).to_owned();
            let is_other = policy != COMPACT;
            drift
                .extend(is_other.then(|| {
                    format!("{CLEANUP_POLICY} of topic `{topic}` is {policy} instead of {COMPACT}")
                }));
        }
        Ok(drift)
    }

    /// How the topic differs from what is wanted, a sentence each.
    pub(super) fn drift(&self, topic: &str, options: &TopicOptions) -> Result<Vec<String>, LogError> {
        let Some(layout) = self.layout(topic)? else {
            return Ok(vec![format!("topic `{topic}` is absent")]);
        };
        let mut drift = Vec::new();
        let partitions = layout.replicas.len();
        if partitions != options.partitions as usize {
            drift.push(format!(
                "topic `{topic}` has {partitions} partitions instead of {}",
                options.partitions
            ));
        }
        let replication = self.config.replication as usize;
        for (partition, replicas) in
            layout.replicas.iter().enumerate().filter(|(_, count)| **count != replication)
        {
            drift.push(format!(
                "partition {partition} of topic `{topic}` has {replicas} replicas instead of {replication}"
            ));
        }
        let (found, different) = self.different(topic, options)?;
        let told = |wanted: &Wanted| {
            let is = found.get(wanted.key).and_then(|entry| entry.value.as_deref()).unwrap_or("unset");
            format!("{} of topic `{topic}` is {is} instead of {}", wanted.key, wanted.value)
        };
        drift.extend(different.iter().map(told));
        Ok(drift)
    }

    /// Whether it was this call that created it. `further` are settings beside the wanted ones.
    fn create(
        &self,
        topic: &str,
        options: &TopicOptions,
        further: &[(&str, &str)],
    ) -> Result<bool, LogError> {
        let metadata = self.client.inner().fetch_metadata(None, self.timeout);
        let brokers = metadata.map_err(|error| log_error("list the brokers", &error))?.brokers().len();
        if brokers < self.config.replication as usize {
            return Err(LogError::Refused(format!(
                "topic `{topic}` is to have {} replicas but {brokers} brokers are there: start more or set `replication`",
                self.config.replication
            )));
        }
        let settings: Vec<_> =
            self.wanted(options).into_iter().map(|wanted| (wanted.key, wanted.value.to_string())).collect();
        let doing = format!("create topic `{topic}`");
        let limit = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(limit(self.config.replication));
        let new = NewTopic::new(topic, limit(options.partitions), replication);
        let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        let new = further.iter().fold(new, |new, (key, value)| new.set(key, value));
        let answers = wait(self.client.create_topics([&new], &self.options));
        for answer in answers.map_err(|error| log_error(&doing, &error))? {
            match answer {
                Ok(_) => {}
                Err((_, Code::TopicAlreadyExists)) => return Ok(false),
                Err((_, code)) => return Err(of_code(&doing, code)),
            }
        }
        Ok(true)
    }

    fn await_leaders(&self, topic: &str) -> Result<(), LogError> {
        let deadline = Instant::now() + self.timeout;
        let backoff = Backoff { ms_min: 10, ms_max: 200 };
        let (mut seen, mut attempt) = (0, 0);
        while seen < ANSWERS {
            if self.layout(topic)?.is_some_and(|layout| layout.has_leaders) {
                seen += 1;
                continue;
            }
            seen = 0;
            if Instant::now() >= deadline {
                return Err(LogError::Unavailable(format!("topic `{topic}` has no leaders yet")));
            }
            thread::sleep(backoff.wait(attempt, random()));
            attempt += 1;
        }
        Ok(())
    }

    fn layout(&self, topic: &str) -> Result<Option<Layout>, LogError> {
        let doing = format!("look at topic `{topic}`");
        let metadata = self.client.inner().fetch_metadata(Some(topic), self.timeout);
        let metadata = metadata.map_err(|error| log_error(&doing, &error))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        match found.error().map(Code::from) {
            Some(code) if is_missing_topic(code) => return Ok(None),
            // Partitions without a leader are told one by one below.
            None | Some(Code::LeaderNotAvailable) => {}
            Some(code) => return Err(of_code(&doing, code)),
        }
        let partitions = found.partitions();
        Ok(Some(Layout {
            replicas: partitions.iter().map(|partition| partition.replicas().len()).collect(),
            has_leaders: !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0),
        }))
    }

    fn wanted(&self, options: &TopicOptions) -> [Wanted; 4] {
        let exactly = |key, value| Wanted { key, value, is_minimum: false };
        let at_least = |key, value| Wanted { key, value, is_minimum: true };
        let message_bytes = self.config.message_bytes_max.saturating_add(BATCH_OVERHEAD_BYTES);
        [
            exactly("retention.ms", options.retention_ms.unwrap_or(-1)),
            exactly("min.insync.replicas", i64::from(self.config.min_insync_replicas)),
            at_least("max.message.bytes", i64::try_from(message_bytes).unwrap_or(i64::MAX)),
            // Simulated time may run ahead; Kafka refuses what is an hour ahead unless told otherwise.
            at_least("message.timestamp.after.max.ms", i64::MAX),
        ]
    }

    fn different(
        &self,
        topic: &str,
        options: &TopicOptions,
    ) -> Result<(BTreeMap<String, ConfigEntry>, Vec<Wanted>), LogError> {
        let doing = format!("read the settings of topic `{topic}`");
        let answers = wait(self.client.describe_configs([&ResourceSpecifier::Topic(topic)], &self.options));
        let mut found = BTreeMap::new();
        for answer in answers.map_err(|error| log_error(&doing, &error))? {
            let resource = answer.map_err(|code| of_code(&doing, code))?;
            found.extend(resource.entries.into_iter().map(|entry| (entry.name.clone(), entry)));
        }
        let differs = |wanted: &Wanted| {
            let value = found.get(wanted.key).and_then(|entry| entry.value.as_deref()?.parse::<i64>().ok());
            value.is_none_or(
                |value| if wanted.is_minimum { value < wanted.value } else { value != wanted.value },
            )
        };
        let different = self.wanted(options).into_iter().filter(differs).collect();
        Ok((found, different))
    }

    /// Kafka's call replaces all settings of the topic, so those that others made go along.
    fn alter(
        &self,
        topic: &str,
        found: &BTreeMap<String, ConfigEntry>,
        different: &[Wanted],
    ) -> Result<(), LogError> {
        let doing = format!("change the settings of topic `{topic}`");
        let values: Vec<_> = different.iter().map(|wanted| (wanted.key, wanted.value.to_string())).collect();
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for entry in found.values().filter(|entry| entry.source == ConfigSource::DynamicTopic) {
            if let Some(value) = &entry.value {
                alter = alter.set(&entry.name, value);
            }
        }
        alter = values.iter().fold(alter, |alter, (key, value)| alter.set(key, value));
        let answers = wait(self.client.alter_configs([&alter], &self.options));
        for answer in answers.map_err(|error| log_error(&doing, &error))? {
            answer.map_err(|(_, code)| of_code(&doing, code))?;
        }
        Ok(())
    }
}
