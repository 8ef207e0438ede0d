//! Topics are made once, brought in line, and compared.

use std::time::Instant;

use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};
use trombe_connectors::{KafkaLog, Log, LogError, Message, TopicOptions};

use crate::cluster::{Cluster, PATIENCE};

/// Brokers hear of new settings one after the other: so many answers in a row count as that of all.
const ANSWERS: usize = 5;

/// Waits until every broker knows the topic's settings.
async fn drift_is(log: &KafkaLog, options: &TopicOptions, expected: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < ANSWERS {
        let told = drift(log, options).await;
        seen = if told == expected { seen + 1 } else { 0 };
        assert!(Instant::now() < deadline, "{told:?}");
    }
}

const DAY_MS: i64 = 86_400_000;

async fn report(log: &KafkaLog, options: &TopicOptions) -> Vec<String> {
    log.create_topic_reporting("prices", options).await.unwrap()
}

async fn drift(log: &KafkaLog, options: &TopicOptions) -> Vec<String> {
    log.topic_drift("prices", options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_brought_in_line_and_every_change_is_told() {
    let Some(cluster) = Cluster::find("a_topic_is_brought_in_line_and_every_change_is_told") else { return };
    let log = cluster.log(|_| {});
    let name = format!("{}prices", cluster.prefix);
    let wanted = TopicOptions { partitions: 2, retention_ms: None };
    assert_eq!(drift(&log, &wanted).await, [format!("topic `{name}` is absent")]);
    assert_eq!(
        report(&log, &wanted).await,
        [format!("created topic `{name}` with 2 partitions and 3 replicas")]
    );
    drift_is(&log, &wanted, &[]).await;
    assert_eq!(report(&log, &wanted).await, [""; 0]);

    // A setting of the operator's own stays when another is changed.
    let admin = cluster.admin();
    let own = AlterConfig::new(ResourceSpecifier::Topic(&name))
        .set("segment.ms", "7200000")
        .set("retention.ms", "-1");
    admin.alter_configs([&own], &AdminOptions::new()).await.unwrap();
    let shorter = TopicOptions { partitions: 3, retention_ms: Some(DAY_MS) };
    let expected = [
        format!("topic `{name}` has 2 partitions instead of 3"),
        format!("retention.ms of topic `{name}` is -1 instead of {DAY_MS}"),
        format!("max.message.bytes of topic `{name}` is 1048588 instead of 16793600"),
        format!("message.timestamp.after.max.ms of topic `{name}` is 3600000 instead of 9223372036854775807"),
    ];
    drift_is(&log, &shorter, &expected).await;
    let told = report(&log, &shorter).await;
    assert!(
        told.contains(&format!("changed retention.ms of topic `{name}` from -1 to {DAY_MS}")),
        "{told:?}"
    );
    drift_is(&log, &shorter, &expected[..1]).await;
    let settings =
        admin.describe_configs([&ResourceSpecifier::Topic(&name)], &AdminOptions::new()).await.unwrap();
    let settings = settings.into_iter().next().unwrap().unwrap();
    assert_eq!(settings.get("segment.ms").and_then(|entry| entry.value.as_deref()), Some("7200000"));
    cluster.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_replicas_than_brokers_are_refused() {
    let Some(cluster) = Cluster::find("more_replicas_than_brokers_are_refused") else { return };
    let log = cluster.log(|config| config.replication = 50);
    let created = log.create_topic("prices", &TopicOptions { partitions: 1, retention_ms: None }).await;
    let told = created.unwrap_err().to_string();
    assert!(told.contains("50 replicas but 3 brokers are there"), "{told}");
    cluster.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_kafka_does_not_take_is_refused() {
    let Some(cluster) = Cluster::find("a_name_that_kafka_does_not_take_is_refused") else { return };
    let log = cluster.log(|_| {});
    let created = log.create_topic("a b", &TopicOptions { partitions: 1, retention_ms: None }).await;
    assert!(matches!(created, Err(LogError::Refused(_))), "{created:?}");
    let appended = log.append("a b", vec![Message::default()]).await;
    assert!(appended.as_ref().is_err_and(|error| !error.is_transient()), "{appended:?}");
    cluster.clean_up().await;
}
