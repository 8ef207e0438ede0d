//! The topics of the log.

use btc_topology::{DOCUMENTS, TOPICS};
use trombe_connectors::{KafkaConfig, KafkaLog, LogError, TopicOptions};

use super::{Finding, Mode};

/// New partitions would move keys, and replicas are moved by Kafka's own tools.
const REMAKE: &str = "move its replicas with kafka-reassign-partitions, or delete the topic, with every record in it, and run \
                      `setup --kafka`";

/// Looks at every topic, and brings about what `mode` allows.
pub(crate) async fn set_up(
    config: &KafkaConfig,
    options: &TopicOptions,
    has_secondary: bool,
    mode: Mode,
) -> Result<Vec<Finding>, LogError> {
    let log = KafkaLog::connect(config)?;
    let mut findings = Vec::new();
    for topic in TOPICS.into_iter().chain(has_secondary.then_some(DOCUMENTS)) {
        let drift = log.topic_drift(topic, options).await?;
        if drift.is_empty() {
            findings.push(Finding::Unchanged(format!("topic `{}{topic}`", config.topic_prefix)));
            continue;
        }
        let (fixed, variable): (Vec<_>, Vec<_>) = drift.into_iter().partition(|why| is_fixed(why));
        if mode == Mode::Apply {
            // Not looked at again: a broker that has not heard of the change yet would deny it.
            let changes = log.create_topic_reporting(topic, options).await?;
            findings.extend(changes.into_iter().map(Finding::Changed));
        } else {
            findings.extend(
                variable.into_iter().map(|why| Finding::Differs(format!("{why}; run `setup --kafka`"))),
            );
        }
        findings.extend(fixed.into_iter().map(|why| Finding::Differs(format!("{why}; {REMAKE}"))));
    }
    Ok(findings)
}

/// Whether a difference lies in what a topic keeps for its life.
fn is_fixed(why: &str) -> bool {
    why.contains("partitions instead") || why.contains("replicas instead")
}
