//! The settings of the library's clients: what this log rests on, what its configuration says, what passes through.

use rdkafka::ClientConfig;

use super::config::{KafkaConfig, KafkaConfigError};

/// What a broker adds to a message at most, but for its headers' lengths: the header of a batch of one.
pub(super) const BATCH_OVERHEAD_BYTES: usize = 16 << 10;

/// What every client shares. It holds secrets: never show it.
pub(super) fn common(config: &KafkaConfig) -> Result<ClientConfig, KafkaConfigError> {
    let mut client = ClientConfig::new();
    for (key, value) in &config.properties {
        client.set(key, value);
    }
    for (key, value) in config.security.settings()? {
        client.set(key, value);
    }
    let backoff_ms_max = config.retry_backoff_ms_max.to_string();
    client
        .set("bootstrap.servers", config.bootstrap_servers.join(","))
        .set("socket.timeout.ms", config.request_timeout_ms.to_string())
        .set("retry.backoff.ms", config.retry_backoff_ms_min.to_string())
        .set("retry.backoff.max.ms", &backoff_ms_max)
        .set("reconnect.backoff.ms", config.retry_backoff_ms_min.to_string())
        .set("reconnect.backoff.max.ms", &backoff_ms_max)
        .set("allow.auto.create.topics", "false");
    if !config.properties.contains_key("client.id") {
        client.set("client.id", "trombe");
    }
    Ok(client)
}

/// Every message once, in order, and on every replica in sync.
pub(super) fn producer(config: &KafkaConfig) -> Result<ClientConfig, KafkaConfigError> {
    let mut client = common(config)?;
    let message_bytes_max = config.message_bytes_max + BATCH_OVERHEAD_BYTES;
    // Room for messages is given out before they reach the library; its own limits are only to be beyond that.
    let queue_kbytes = config.producer_queue_bytes_max / 1024 * 2 + 1024;
    let queue_messages = u64::from(config.producer_queue_count_max) * 2;
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", config.compression.name())
        .set("linger.ms", config.linger_ms.to_string())
        .set("batch.size", config.batch_bytes_max.to_string())
        .set("message.max.bytes", message_bytes_max.to_string())
        .set("queue.buffering.max.kbytes", queue_kbytes.to_string())
        .set("queue.buffering.max.messages", queue_messages.to_string())
        .set("delivery.timeout.ms", config.delivery_timeout_ms.to_string())
        .set("request.timeout.ms", config.request_timeout_ms.to_string());
    Ok(client)
}

/// Reads committed records from where it is told, and neither commits nor moves by itself.
pub(super) fn consumer(
    config: &KafkaConfig,
    group: &str,
    partitions: usize,
) -> Result<ClientConfig, KafkaConfigError> {
    let mut client = common(config)?;
    let queue_kbytes = config.consumer_queue_bytes_max / 1024 / partitions.max(1) as u64;
    let fetch_bytes_max = config.fetch_bytes_max.max(1 << 20).to_string();
    client
        .set("group.id", format!("{}{group}", config.topic_prefix))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        // An end is told once all before it was given, transaction markers included: see `Partition::is_read_to`.
        .set("enable.partition.eof", "true")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", config.session_timeout_ms.to_string())
        .set("max.poll.interval.ms", config.poll_interval_ms_max.to_string())
        .set("fetch.wait.max.ms", config.fetch_wait_ms.to_string())
        .set("fetch.max.bytes", fetch_bytes_max)
        .set("max.partition.fetch.bytes", config.partition_fetch_bytes_max.to_string())
        .set("queued.max.messages.kbytes", queue_kbytes.max(64).to_string())
        // A queue that is full is looked at again after this time, so it bounds how fast a small queue can flow.
        .set("fetch.queue.backoff.ms", "20")
        .set("statistics.interval.ms", "1000");
    Ok(client)
}

/// As a consumer's, for a client that is polled only while a record is read again: statistics would gather in its queue.
pub(super) fn reader(consumer: &ClientConfig) -> ClientConfig {
    let mut client = consumer.clone();
    client.set("statistics.interval.ms", "0");
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_is_polled_all_the_time_gives_statistics() {
        let consumer = consumer(&KafkaConfig::default(), "g", 1).unwrap();
        assert_eq!(consumer.get("statistics.interval.ms"), Some("1000"));
        assert_eq!(reader(&consumer).get("statistics.interval.ms"), Some("0"));
    }
}
