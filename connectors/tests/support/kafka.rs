//! Real brokers for tests: `TROMBE_KAFKA` names some, as `host:port,host:port`.

use trombe_connectors::KafkaConfig;

/// The brokers that the environment names; without any, says that the test is skipped.
pub(crate) fn config(test: &str) -> Option<KafkaConfig> {
    let Ok(servers) = std::env::var("TROMBE_KAFKA") else {
        eprintln!("skipped: {test}: TROMBE_KAFKA names no brokers");
        return None;
    };
    Some(KafkaConfig {
        bootstrap_servers: servers.split(',').map(str::to_owned).collect(),
        topic_prefix: "test-".to_owned(),
        ..KafkaConfig::default()
    })
}
