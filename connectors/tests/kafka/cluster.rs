//! The brokers that the environment names, and a corner of them for one test.

use std::process;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use trombe_connectors::{
    ConsumerOptions, KafkaConfig, KafkaLog, Log, LogConsumer, Message, Position, Record, TopicOptions,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    servers: String,
    /// Before the names of all topics of this test.
    pub(crate) prefix: String,
}

impl Cluster {
    /// Without brokers in the environment, says that the test is skipped.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let Ok(servers) = std::env::var("TROMBE_KAFKA") else {
            eprintln!("skipped: {test}: TROMBE_KAFKA names no brokers");
            return None;
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Some(Self { servers, prefix: format!("test-{:x}-{:x}-", since.as_micros(), process::id()) })
    }

    pub(crate) fn log(&self, edit: impl FnOnce(&mut KafkaConfig)) -> KafkaLog {
        let mut config = KafkaConfig {
            bootstrap_servers: self.servers.split(',').map(str::to_owned).collect(),
            topic_prefix: self.prefix.clone(),
            ..KafkaConfig::default()
        };
        edit(&mut config);
        KafkaLog::connect(&config).unwrap()
    }

    /// Settings for a client of the test's own.
    pub(crate) fn settings(&self) -> ClientConfig {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", &self.servers);
        settings
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.settings().create().unwrap()
    }

    /// Deletes the topics of this test.
    pub(crate) async fn clean_up(self) {
        let admin = self.admin();
        let metadata = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
        let names: Vec<_> = metadata.topics().iter().map(rdkafka::metadata::MetadataTopic::name).collect();
        let own: Vec<_> = names.into_iter().filter(|name| name.starts_with(&self.prefix)).collect();
        if !own.is_empty() {
            admin.delete_topics(&own, &AdminOptions::new()).await.unwrap();
        }
    }
}

pub(crate) async fn topic(log: &KafkaLog, name: &str, partitions: u32) {
    log.create_topic(name, &TopicOptions { partitions, retention_ms: None }).await.unwrap();
}

pub(crate) fn consumer(log: &KafkaLog, group: &str, topic: &str) -> Box<dyn LogConsumer> {
    log.consumer(ConsumerOptions::member(group, &[topic], 0, 1)).unwrap()
}

pub(crate) fn message(value: &[u8]) -> Message {
    Message { value: value.to_vec().into(), timestamp_ms: 1_729_296_000_000, ..Message::default() }
}

pub(crate) fn position(topic: &str, offset: u64) -> Position {
    Position { topic: topic.to_owned(), partition: 0, offset }
}

/// Polls until the records that came make it true.
pub(crate) fn poll_until(
    consumer: &mut dyn LogConsumer,
    mut is_done: impl FnMut(&mut dyn LogConsumer, &[Record]) -> bool,
) -> Vec<Record> {
    let deadline = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    while !is_done(consumer, &records) {
        assert!(Instant::now() < deadline, "after {} records", records.len());
        consumer.poll(100, 1 << 30, &mut records).unwrap();
        std::thread::park_timeout(Duration::from_millis(5));
    }
    records
}
