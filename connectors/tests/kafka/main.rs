//! The Kafka log on real brokers: `TROMBE_KAFKA` names some, as `host:port,host:port`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod away;
mod cluster;
mod gaps;
mod topics;

use trombe_connectors::conformance;

use crate::cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn the_kafka_log_conforms() {
    let Some(cluster) = Cluster::find("the_kafka_log_conforms") else { return };
    let log = cluster.log(|_| {});
    conformance::log(|| log.clone()).await;
    cluster.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_groups_conform() {
    let Some(cluster) = Cluster::find("kafkas_groups_conform") else { return };
    // Members hear of a rebalance with their next heartbeat.
    let heartbeat = |config: &mut trombe_connectors::KafkaConfig| {
        config.properties.insert("heartbeat.interval.ms".to_owned(), "300".to_owned());
    };
    let log = cluster.log(heartbeat);
    conformance::log_groups(|| log.clone()).await;
    cluster.clean_up().await;
}
