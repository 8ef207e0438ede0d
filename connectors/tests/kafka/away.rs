//! What the log answers while no broker is there.

use std::time::{Duration, Instant};

use trombe_connectors::{ConsumerOptions, KafkaConfig, KafkaLog, Log, LogError, Message, TopicOptions};

#[tokio::test]
async fn a_log_without_brokers_is_away_in_bounded_time() {
    let config = KafkaConfig {
        // No broker listens on the port for multiplexing TCP.
        bootstrap_servers: vec!["127.0.0.1:1".to_owned()],
        open_timeout_ms: 300,
        ..KafkaConfig::default()
    };
    let log = KafkaLog::connect(&config).expect("a program starts before its brokers");
    let started = Instant::now();
    let appended = log.append("prices", vec![Message::default()]).await;
    assert!(appended.as_ref().is_err_and(LogError::is_transient), "{appended:?}");
    let created = log.create_topic("prices", &TopicOptions { partitions: 1, retention_ms: None }).await;
    assert!(created.as_ref().is_err_and(LogError::is_transient), "{created:?}");
    let opened = log.consumer(ConsumerOptions::member("docs", &["prices"], 0, 1)).map(drop);
    assert!(opened.as_ref().is_err_and(LogError::is_transient), "{opened:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
