//! The topics of the log.

use trombe_connectors::{Log, LogError, TopicOptions};

use crate::TopologyConfig;

/// Price messages.
pub const BPI: &str = "p3-btc-bpi";
/// Block messages.
pub const BLOCKS: &str = "p3-btc-blocks";
/// Transaction messages.
pub const TRANSACTIONS: &str = "p3-btc-transactions";
/// Records that could not be understood or stored.
pub const DEAD_LETTERS: &str = "p3-btc-dead-letter";
/// Documents on their way to the secondary index.
pub const DOCUMENTS: &str = "p3-btc-documents";
/// The topics that every topology needs; [`DOCUMENTS`] is made only where there is a secondary index.
pub const TOPICS: [&str; 4] = [BPI, BLOCKS, TRANSACTIONS, DEAD_LETTERS];

/// Partitions of every topic, fixed for their life: so many members can share a consumer group.
const PARTITIONS: u32 = 9;

/// Creates the [`TOPICS`] that are absent; in an embedded log the others take the retention.
pub async fn create_topics(log: &dyn Log, config: &TopologyConfig) -> Result<(), LogError> {
    let options = topic_options(config);
    for topic in TOPICS {
        log.create_topic(topic, &options).await?;
    }
    Ok(())
}

/// Creates the topic that a secondary index is fed through, as [`create_topics`] does.
pub async fn create_documents_topic(log: &dyn Log, config: &TopologyConfig) -> Result<(), LogError> {
    log.create_topic(DOCUMENTS, &topic_options(config)).await
}

/// How every topic is laid out.
pub fn topic_options(config: &TopologyConfig) -> TopicOptions {
    let retention_ms = config.log_retention_hours.map(|hours| i64::from(hours) * 3_600_000);
    TopicOptions { partitions: PARTITIONS, retention_ms }
}
