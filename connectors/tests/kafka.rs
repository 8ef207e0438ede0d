//! The Kafka log keeps the log's promises, on real brokers: `TROMBE_KAFKA` names some, as `host:port,host:port`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use trombe_connectors::{KafkaConfig, KafkaLog, conformance};

/// The brokers that the environment names; without any, says that the test is skipped.
fn brokers(test: &str) -> Option<Vec<String>> {
    let named = std::env::var("TROMBE_KAFKA").ok();
    if named.is_none() {
        eprintln!("skipped: {test}: TROMBE_KAFKA names no brokers");
    }
    named.map(|servers| servers.split(',').map(str::to_owned).collect())
}

fn config(servers: &[String]) -> KafkaConfig {
    KafkaConfig {
        bootstrap_servers: servers.to_vec(),
        topic_prefix: "test-".to_owned(),
        ..KafkaConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kafka_log_conforms() {
    let Some(servers) = brokers("the_kafka_log_conforms") else { return };
    let log = KafkaLog::connect(&config(&servers)).unwrap();
    conformance::log(|| log.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_groups_conform() {
    let Some(servers) = brokers("kafkas_groups_conform") else { return };
    let mut config = config(&servers);
    // Members hear of a rebalance with their next heartbeat.
    config.properties.insert("heartbeat.interval.ms".to_owned(), "300".to_owned());
    let log = KafkaLog::connect(&config).unwrap();
    conformance::log_groups(|| log.clone()).await;
}
