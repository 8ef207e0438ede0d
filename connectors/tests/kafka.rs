//! The Kafka log keeps the log's promises, on real brokers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support {
    pub(crate) mod kafka;
}

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use trombe_connectors::{
    ConsumerOptions, KafkaLog, Log, LogConsumer, Message, Position, Revoked, TopicOptions, conformance,
};

use crate::support::kafka::config;

#[tokio::test(flavor = "multi_thread")]
async fn the_kafka_log_conforms() {
    let Some(config) = config("the_kafka_log_conforms") else { return };
    let log = KafkaLog::connect(&config).unwrap();
    conformance::log(|| log.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_groups_conform() {
    let Some(mut config) = config("kafkas_groups_conform") else { return };
    // Members hear of a rebalance with their next heartbeat.
    config.properties.insert("heartbeat.interval.ms".to_owned(), "300".to_owned());
    let log = KafkaLog::connect(&config).unwrap();
    conformance::log_groups(|| log.clone()).await;
}

/// Offsets of before stand for other records then: the caller is told to forget them before it is given any.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_is_read_from_its_oldest_record() {
    let Some(config) = config("a_topic_made_anew_is_read_from_its_oldest_record") else { return };
    let log = KafkaLog::connect(&config).unwrap();
    let topic = format!("anew-{}", std::process::id());
    let options = TopicOptions { partitions: 1, retention_ms: None };
    log.create_topic(&topic, &options).await.unwrap();
    append(&log, &topic, 20).await;
    let mut consumer = log.consumer(ConsumerOptions::member("g", &[&topic], 0, 1)).unwrap();
    poll_until(&mut *consumer, 20).await;
    let at = |offset| Position { topic: topic.clone(), partition: 0, offset };
    consumer.commit(&[at(20)]).unwrap();

    delete(&config.bootstrap_servers, &format!("test-{topic}")).await;
    // The old topic may still be on its way out.
    while log.create_topic(&topic, &options).await.is_err() || append(&log, &topic, 1).await != 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    append(&log, &topic, 4).await;
    let lost = poll_until(&mut *consumer, 5).await;
    assert_eq!(lost, [Revoked { topic: topic.clone(), partition: 0, lost: true }]);
    consumer.commit(&[at(5)]).unwrap();
    assert!(consumer.is_drained().unwrap());
}

/// Appends so many messages and gives the offset of the first; none, if the log cannot yet.
async fn append(log: &KafkaLog, topic: &str, count: usize) -> u64 {
    let message = Message { value: "value".into(), ..Message::default() };
    let positions = log.append(topic, vec![message; count]).await;
    positions.map_or(u64::MAX, |positions| positions[0].offset)
}

/// Polls until so many records came, the first of them the partition's first. Gives what was revoked before these.
async fn poll_until(consumer: &mut dyn LogConsumer, count: usize) -> Vec<Revoked> {
    let (mut records, mut revoked) = (Vec::new(), Vec::new());
    let polled = tokio::time::timeout(Duration::from_mins(1), async {
        while records.len() < count {
            if records.is_empty() {
                revoked.extend(consumer.revoking());
            }
            // The topic is away for a moment.
            consumer.poll(100, 1 << 20, &mut records).ok();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    polled.await.unwrap();
    let offsets: Vec<_> = records.iter().map(|record| record.position.offset).collect();
    assert_eq!(offsets, (0..count as u64).collect::<Vec<_>>());
    revoked
}

async fn delete(servers: &[String], topic: &str) {
    let client = ClientConfig::new().set("bootstrap.servers", servers.join(",")).clone();
    let admin: AdminClient<DefaultClientContext> = client.create().unwrap();
    let deleted = admin.delete_topics(&[topic], &AdminOptions::default()).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
}
