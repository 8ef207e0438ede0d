//! Every setting and limit of the Kafka log, in one place.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize};

use super::properties;
use super::security::KafkaSecurity;

/// How Kafka is reached and used. [`KafkaConfig::default`] suits three brokers on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Some brokers, `host:port`; the others are learnt from them. Also taken as one text with commas.
    #[serde(deserialize_with = "one_or_many")]
    pub bootstrap_servers: Vec<String>,
    /// Put before the name of every topic and every consumer group, so that several dashboards can share a cluster.
    pub topic_prefix: String,
    /// Brokers that hold each partition of the topics that are created here.
    pub replication: u32,
    /// Of these, how many must have a message before it counts as written; a partition with fewer refuses messages.
    pub min_insync_replicas: u32,
    /// How batches are compressed.
    pub compression: Compression,
    /// How long a message waits for others to share its batch.
    pub linger_ms: u64,
    /// The largest batch of one partition.
    pub batch_bytes_max: u64,
    /// The largest message: key, value and headers together. Topics that are created here take messages of this size;
    /// one made elsewhere takes 1 MiB unless its `max.message.bytes` says otherwise.
    pub message_bytes_max: usize,
    /// Messages that were sent and not yet answered; a further one waits for room.
    pub producer_queue_count_max: u32,
    /// The bytes of these messages; a further one waits for room.
    pub producer_queue_bytes_max: usize,
    /// How long a message is tried to be delivered, through the loss of brokers.
    pub delivery_timeout_ms: u64,
    /// How long a broker may take for an answer before the request is given up or repeated elsewhere.
    pub request_timeout_ms: u64,
    /// How long opening a consumer may take, and a topic's creation.
    pub open_timeout_ms: u64,
    /// How long a commit may take.
    pub commit_timeout_ms: u64,
    /// How long reading one record again may take.
    pub read_timeout_ms: u64,
    /// How long asking for the ends of partitions may take; after that, those known last are told.
    pub lag_timeout_ms: u64,
    /// How long a broker holds back an answer while there is nothing to read.
    pub fetch_wait_ms: u64,
    /// What a broker answers a fetch with at most; a single larger batch is given whole.
    pub fetch_bytes_max: u64,
    /// What it answers of one partition at most.
    pub partition_fetch_bytes_max: u64,
    /// What a consumer reads ahead, all its partitions together. Each may exceed its share by one fetch.
    pub consumer_queue_bytes_max: u64,
    /// The records given last that a consumer keeps, so that a replay seldom asks a broker.
    pub replay_bytes_max: usize,
    /// The wait before a broken connection or a failed request is tried again; it doubles with each further one.
    pub retry_backoff_ms_min: u64,
    /// The longest such wait.
    pub retry_backoff_ms_max: u64,
    /// After this time without a sign of life, a member of a group is taken for dead.
    pub session_timeout_ms: u64,
    /// After this time without a poll, or without giving up revoked partitions, a member leaves its group.
    pub poll_interval_ms_max: u64,
    /// Encryption and authentication.
    pub security: KafkaSecurity,
    /// Further settings of the client library, librdkafka, by its names. Those on which this log's promises rest are refused.
    pub properties: BTreeMap<String, String>,
}

/// How Kafka compresses batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Quick.
    #[default]
    Lz4,
    /// Small.
    Zstd,
    /// Small and slow.
    Gzip,
    /// Quick.
    Snappy,
    /// As it is.
    None,
}

impl Compression {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::None => "none",
        }
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            bootstrap_servers: ["127.0.0.1:9092", "127.0.0.1:9093", "127.0.0.1:9094"]
                .map(str::to_owned)
                .to_vec(),
            topic_prefix: String::new(),
            replication: 3,
            min_insync_replicas: 2,
            compression: Compression::Lz4,
            linger_ms: 5,
            batch_bytes_max: 1_000_000,
            message_bytes_max: 16 << 20,
            producer_queue_count_max: 100_000,
            producer_queue_bytes_max: 64 << 20,
            delivery_timeout_ms: 60_000,
            request_timeout_ms: 10_000,
            open_timeout_ms: 10_000,
            commit_timeout_ms: 5_000,
            read_timeout_ms: 5_000,
            lag_timeout_ms: 1_000,
            fetch_wait_ms: 500,
            fetch_bytes_max: 16 << 20,
            partition_fetch_bytes_max: 1 << 20,
            consumer_queue_bytes_max: 8 << 20,
            replay_bytes_max: 8 << 20,
            retry_backoff_ms_min: 100,
            retry_backoff_ms_max: 5_000,
            session_timeout_ms: 45_000,
            poll_interval_ms_max: 300_000,
            security: KafkaSecurity::default(),
            properties: BTreeMap::new(),
        }
    }
}

/// A setting that Kafka could not be used with: the key, the value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; it must be {allowed}")]
#[non_exhaustive]
pub struct KafkaConfigError {
    /// The field of [`KafkaConfig`].
    pub key: String,
    /// Its value, unless that is a secret.
    pub value: String,
    /// The values it may have.
    pub allowed: String,
}

type Limit = (&'static str, u64, RangeInclusive<u64>);

impl KafkaConfig {
    /// Checks every setting.
    ///
    /// ```
    /// use trombe_connectors::KafkaConfig;
    ///
    /// let mistake = KafkaConfig { replication: 0, ..KafkaConfig::default() }.validate().unwrap_err();
    /// assert_eq!(mistake.to_string(), "replication is 0; it must be from 1 to 100");
    /// ```
    pub fn validate(&self) -> Result<(), KafkaConfigError> {
        let invalid = |key: &str, value: String, allowed: &str| {
            Err(KafkaConfigError { key: key.to_owned(), value, allowed: allowed.to_owned() })
        };
        let is_server =
            |server: &String| !server.is_empty() && !server.contains(|c: char| c == ',' || c.is_whitespace());
        if self.bootstrap_servers.is_empty() || !self.bootstrap_servers.iter().all(is_server) {
            return invalid(
                "bootstrap_servers",
                format!("{:?}", self.bootstrap_servers),
                "one or more of `host:port`",
            );
        }
        let allowed_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.topic_prefix.len() > 100 || !self.topic_prefix.bytes().all(allowed_byte) {
            let allowed = "at most 100 letters, digits, `.`, `_` and `-`";
            return invalid("topic_prefix", format!("`{}`", self.topic_prefix), allowed);
        }
        let mut limits = self.sizes().into_iter().chain(self.times());
        if let Some((key, value, range)) = limits.find(|(_, value, range)| !range.contains(value)) {
            return invalid(key, value.to_string(), &format!("from {} to {}", range.start(), range.end()));
        }
        self.security.validate()?;
        properties::check(&self.properties)
    }

    fn sizes(&self) -> [Limit; 11] {
        let message = self.message_bytes_max as u64;
        [
            ("replication", u64::from(self.replication), 1..=100),
            ("min_insync_replicas", u64::from(self.min_insync_replicas), 1..=u64::from(self.replication)),
            // Brokers and the client library take requests of 100 MB at most.
            ("message_bytes_max", message, 1_024..=64 << 20),
            ("batch_bytes_max", self.batch_bytes_max, 1_024..=256 << 20),
            ("producer_queue_count_max", u64::from(self.producer_queue_count_max), 1..=5_000_000),
            (
                "producer_queue_bytes_max",
                self.producer_queue_bytes_max as u64,
                message.max(1 << 20)..=1 << 31,
            ),
            ("fetch_bytes_max", self.fetch_bytes_max, 1_024..=256 << 20),
            ("partition_fetch_bytes_max", self.partition_fetch_bytes_max, 1_024..=self.fetch_bytes_max),
            ("consumer_queue_bytes_max", self.consumer_queue_bytes_max, 1 << 20..=1 << 40),
            ("replay_bytes_max", self.replay_bytes_max as u64, 0..=1 << 40),
            ("properties", self.properties.len() as u64, 0..=1_000),
        ]
    }

    fn times(&self) -> [Limit; 12] {
        let minutes = 10..=600_000;
        [
            ("linger_ms", self.linger_ms, 0..=60_000),
            (
                "delivery_timeout_ms",
                self.delivery_timeout_ms,
                self.linger_ms.saturating_add(1).max(1_000)..=3_600_000,
            ),
            ("request_timeout_ms", self.request_timeout_ms, 100..=300_000),
            ("open_timeout_ms", self.open_timeout_ms, minutes.clone()),
            ("commit_timeout_ms", self.commit_timeout_ms, minutes.clone()),
            ("read_timeout_ms", self.read_timeout_ms, minutes.clone()),
            ("lag_timeout_ms", self.lag_timeout_ms, minutes),
            ("fetch_wait_ms", self.fetch_wait_ms, 0..=60_000),
            ("retry_backoff_ms_min", self.retry_backoff_ms_min, 1..=300_000),
            ("retry_backoff_ms_max", self.retry_backoff_ms_max, self.retry_backoff_ms_min..=300_000),
            ("session_timeout_ms", self.session_timeout_ms, 1_000..=3_600_000),
            ("poll_interval_ms_max", self.poll_interval_ms_max, self.session_timeout_ms..=86_400_000),
        ]
    }
}

/// A list, or one text with commas, as it comes from the environment.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Servers {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Servers::deserialize(deserializer)? {
        Servers::One(text) => text.split(',').map(|server| server.trim().to_owned()).collect(),
        Servers::Many(servers) => servers,
    })
}

#[cfg(test)]
mod tests {
    use super::super::security::{SaslMechanism, SecurityProtocol};
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert_eq!(KafkaConfig::default().validate(), Ok(()));
    }

    #[test]
    fn mistakes_are_told_by_their_key() {
        type Edit = fn(&mut KafkaConfig);
        let cases: [(Edit, &str); 9] = [
            (|c| c.bootstrap_servers.clear(), "bootstrap_servers is []"),
            (|c| c.topic_prefix = "a b".into(), "topic_prefix is `a b`"),
            (|c| c.min_insync_replicas = 4, "min_insync_replicas is 4; it must be from 1 to 3"),
            (|c| c.linger_ms = 60_001, "linger_ms is 60001"),
            (|c| c.delivery_timeout_ms = 5, "delivery_timeout_ms is 5"),
            (|c| c.retry_backoff_ms_max = 1, "retry_backoff_ms_max is 1; it must be from 100"),
            (|c| c.security.sasl_mechanism = Some(SaslMechanism::Plain), "security.sasl_mechanism is given"),
            (
                |c| c.security.security_protocol = SecurityProtocol::SaslPlaintext,
                "security.sasl_mechanism is absent",
            ),
            (|c| _ = c.properties.insert("acks".into(), "1".into()), "properties.acks is 1"),
        ];
        for (edit, start) in cases {
            let mut config = KafkaConfig::default();
            edit(&mut config);
            let told = config.validate().unwrap_err().to_string();
            assert!(told.starts_with(start), "{told}");
        }
    }

    #[cfg(not(feature = "kafka-tls"))]
    #[test]
    fn encryption_that_is_not_built_in_names_its_feature() {
        let mut config = KafkaConfig::default();
        config.security.security_protocol = SecurityProtocol::Ssl;
        let told = config.validate().unwrap_err().to_string();
        assert!(told.ends_with("build with `--features kafka-tls`"), "{told}");
    }

    #[test]
    fn servers_come_as_a_list_or_as_one_text() {
        let read = |json: &str| serde_json::from_str::<KafkaConfig>(json).unwrap().bootstrap_servers;
        assert_eq!(read(r#"{"bootstrap_servers": "a:1, b:2"}"#), ["a:1", "b:2"]);
        assert_eq!(read(r#"{"bootstrap_servers": ["a:1", "b:2"]}"#), ["a:1", "b:2"]);
    }

    #[test]
    fn what_is_shown_of_the_settings_keeps_the_secrets() {
        let json = r#"{"security": {"password": "hunter2", "ssl_key_password": "hunter3"}}"#;
        let config: KafkaConfig = serde_json::from_str(json).unwrap();
        let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("hunter") && shown.contains("***"), "{shown}");
        let settings = config.security.settings().unwrap();
        assert!(settings.contains(&("sasl.password", "hunter2".to_owned())));
    }
}
