//! The topics of the log, and the one of the state if Kafka has it.

use btc_topology::{DOCUMENTS, TOPICS, topic_options};
use trombe_connectors::{KafkaConfig, KafkaLog, LogError};

use super::{Finding, Mode};
use crate::settings::Settings;

/// New partitions would move keys, and replicas are moved by Kafka's own tools.
const REMAKE: &str = "move its replicas with kafka-reassign-partitions, or delete the topic, with every record in it, and run \
                      `setup --kafka`";
/// The same of state, which is computed anew from the log.
const REMAKE_STATE: &str = "mend it with Kafka's own tools or set `kafka_state.partitions_count`, or end the topology, delete the topic \
                            and run `setup --kafka`: the state is then computed anew from the log";

/// Looks at every topic, and brings about what `mode` allows. `state` is the name of the state's topic, if Kafka has the state.
pub(crate) async fn set_up(
    settings: &Settings,
    state: Option<&str>,
    mode: Mode,
) -> Result<Vec<Finding>, LogError> {
    let config = &settings.kafka;
    let (log, options) = (KafkaLog::connect(config)?, topic_options(&settings.topology));
    let mut findings = Vec::new();
    for topic in TOPICS.into_iter().chain(settings.secondary.is_some().then_some(DOCUMENTS)) {
        let drift = log.topic_drift(topic, &options).await?;
        let mend = async || log.create_topic_reporting(topic, &options).await;
        findings.extend(found(config, topic, drift, mend, REMAKE, mode).await?);
    }
    if let Some(topic) = state {
        let drift = log.state_topic_drift(topic, &settings.kafka_state).await?;
        let mend = async || log.create_state_topic_reporting(topic, &settings.kafka_state).await;
        findings.extend(found(config, topic, drift, mend, REMAKE_STATE, mode).await?);
    }
    Ok(findings)
}

/// What there is to say of a topic that differs so, after it was mended if that is allowed.
async fn found(
    config: &KafkaConfig,
    topic: &str,
    drift: Vec<String>,
    mend: impl AsyncFnOnce() -> Result<Vec<String>, LogError>,
    remake: &str,
    mode: Mode,
) -> Result<Vec<Finding>, LogError> {
    if drift.is_empty() {
        return Ok(vec![Finding::Unchanged(format!("topic `{}{topic}`", config.topic_prefix))]);
    }
    let (fixed, variable): (Vec<_>, Vec<_>) = drift.into_iter().partition(|why| is_fixed(why));
    let mut findings: Vec<_> = if mode == Mode::Apply {
        // Not looked at again: a broker that has not heard of the change yet would deny it.
        mend().await?.into_iter().map(Finding::Changed).collect()
    } else {
        variable.into_iter().map(|why| Finding::Differs(format!("{why}; run `setup --kafka`"))).collect()
    };
    findings.extend(fixed.into_iter().map(|why| Finding::Differs(format!("{why}; {remake}"))));
    Ok(findings)
}

/// Whether a difference lies in what a topic keeps for its life.
fn is_fixed(why: &str) -> bool {
    ["partitions instead", "replicas instead", "cleanup.policy of"].iter().any(|words| why.contains(words))
}
