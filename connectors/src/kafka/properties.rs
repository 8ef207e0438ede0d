//! Settings of the client library that pass through, and those that do not.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use super::config::KafkaConfigError;

/// Settings on which the promises of the log rest, and why they are not free.
const FIXED: [(&str, &str); 30] = [
    ("acks", "a message counts as written once every replica in sync has it"),
    ("request.required.acks", "a message counts as written once every replica in sync has it"),
    ("enable.idempotence", "a repeated request must not write a message twice"),
    ("enable.gapless.guarantee", "a lost message fails its own append, not the producer"),
    ("transactional.id", "appends are no transactions"),
    ("partitioner", "a key's partition is the same in every log"),
    ("enable.auto.commit", "offsets are committed when their records are done"),
    ("auto.commit.enable", "offsets are committed when their records are done"),
    ("enable.auto.offset.store", "offsets are committed when their records are done"),
    ("auto.offset.reset", "`start` says where a consumer begins"),
    ("isolation.level", "records of a transaction that was aborted are not given"),
    ("enable.partition.eof", "the log reads past ends by itself"),
    ("partition.assignment.strategy", "partitions move cooperatively"),
    ("group.protocol", "partitions move cooperatively"),
    ("group.id", "the reader's group is the consumer's own"),
    ("allow.auto.create.topics", "topics are created by `create_topic` alone"),
    ("message.send.max.retries", "a message is tried until its delivery times out"),
    ("retries", "a message is tried until its delivery times out"),
    ("max.in.flight", "the order of messages rests on it"),
    ("max.in.flight.requests.per.connection", "the order of messages rests on it"),
    ("delivery.report.only.error", "every message is waited for"),
    ("fetch.queue.backoff.ms", "a small queue is to flow as fast as a large one"),
    ("statistics.interval.ms", "the log listens to them"),
    ("log.queue", "the log listens to it"),
    ("plugin.library.paths", "no code is loaded at run time"),
    ("ssl.engine.location", "no code is loaded at run time"),
    ("ssl.engine.id", "no code is loaded at run time"),
    ("ssl.providers", "no code is loaded at run time"),
    ("sasl.kerberos.kinit.cmd", "no command is run"),
    ("builtin.features", "they are those of the build"),
];

/// Settings of ours by the library's names.
const OWN: [(&str, &str); 35] = [
    ("bootstrap.servers", "bootstrap_servers"),
    ("metadata.broker.list", "bootstrap_servers"),
    ("compression.type", "compression"),
    ("compression.codec", "compression"),
    ("linger.ms", "linger_ms"),
    ("queue.buffering.max.ms", "linger_ms"),
    ("batch.size", "batch_bytes_max"),
    ("batch.num.messages", "batch_bytes_max"),
    ("message.max.bytes", "message_bytes_max"),
    ("queue.buffering.max.messages", "producer_queue_count_max"),
    ("queue.buffering.max.kbytes", "producer_queue_bytes_max"),
    ("delivery.timeout.ms", "delivery_timeout_ms"),
    ("message.timeout.ms", "delivery_timeout_ms"),
    ("request.timeout.ms", "request_timeout_ms"),
    ("transaction.timeout.ms", "transaction_timeout_ms` in section `kafka_state"),
    ("socket.timeout.ms", "request_timeout_ms"),
    ("fetch.wait.max.ms", "fetch_wait_ms"),
    ("fetch.max.bytes", "fetch_bytes_max"),
    ("fetch.message.max.bytes", "partition_fetch_bytes_max"),
    ("max.partition.fetch.bytes", "partition_fetch_bytes_max"),
    ("queued.max.messages.kbytes", "consumer_queue_bytes_max"),
    ("retry.backoff.ms", "retry_backoff_ms_min"),
    ("retry.backoff.max.ms", "retry_backoff_ms_max"),
    ("reconnect.backoff.ms", "retry_backoff_ms_min"),
    ("reconnect.backoff.max.ms", "retry_backoff_ms_max"),
    ("session.timeout.ms", "session_timeout_ms"),
    ("max.poll.interval.ms", "poll_interval_ms_max"),
    ("security.protocol", "security.security_protocol"),
    ("sasl.mechanism", "security.sasl_mechanism"),
    ("sasl.mechanisms", "security.sasl_mechanism"),
    ("sasl.username", "security.username"),
    ("ssl.ca.location", "security.ssl_ca_location"),
    ("ssl.certificate.location", "security.ssl_certificate_location"),
    ("ssl.key.location", "security.ssl_key_location"),
    ("sasl.password", "security.password"),
];

pub(super) fn check(properties: &BTreeMap<String, String>) -> Result<(), KafkaConfigError> {
    for (key, value) in properties {
        let refused = |value: &str, allowed: String| {
            Err(KafkaConfigError { key: format!("properties.{key}"), value: value.to_owned(), allowed })
        };
        if let Some((_, own)) = OWN.iter().find(|(name, _)| name == key) {
            return refused("given", format!("left out; set `{own}`"));
        }
        if let Some((_, reason)) = FIXED.iter().find(|(name, _)| name == key) {
            return refused(value, format!("left out: {reason}"));
        }
        if key.starts_with("test.") {
            return refused("given", "left out: nothing is simulated here".to_owned());
        }
        if ["password", "secret", "jaas", "pem", "token", "oauthbearer"].iter().any(|word| key.contains(word))
        {
            return refused(
                "given",
                "left out: secrets are set under `security`, which does not show them".to_owned(),
            );
        }
        if ClientConfig::new().set(key, value).create_native_config().is_err() {
            // What is no setting of the library may be anything, a secret too.
            let is_open = !["sasl.", "ssl."].iter().any(|kind| key.starts_with(kind)) && is_known(key);
            let value = if is_open { value } else { "given" };
            return refused(value, "a setting of librdkafka and a value it takes".to_owned());
        }
    }
    Ok(())
}

/// Whether the library has such a setting; those of topics cannot be read back, but are known when set.
fn is_known(name: &str) -> bool {
    let error = ClientConfig::new().set(name, "1").create_native_config().err();
    error.is_none_or(|error| !error.to_string().contains("No such configuration property"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{KafkaConfig, client};

    fn told(key: &str, value: &str) -> String {
        let properties = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        check(&properties).map_or_else(|error| error.to_string(), |()| "passed".to_owned())
    }

    #[test]
    fn what_no_promise_rests_on_passes() {
        for (key, value) in [
            ("client.rack", "berlin-1"),
            ("socket.keepalive.enable", "true"),
            ("broker.address.family", "v4"),
            ("metadata.max.age.ms", "60000"),
            ("topic.metadata.refresh.interval.ms", "60000"),
            ("sticky.partitioning.linger.ms", "10"),
        ] {
            assert_eq!(told(key, value), "passed", "{key}");
        }
    }

    #[test]
    fn the_rest_is_refused_with_its_reason() {
        for (key, value, reason) in [
            ("acks", "1", "left out: a message counts as written once every replica in sync has it"),
            ("linger.ms", "1", "left out; set `linger_ms`"),
            ("ssl.engine.location", "/tmp/e.so", "left out: no code is loaded at run time"),
            ("ssl.providers", "legacy", "left out: no code is loaded at run time"),
            ("sasl.kerberos.kinit.cmd", "rm -r .", "left out: no command is run"),
            ("sasl.password", "hunter2", "left out; set `security.password`"),
            (
                "ssl.keystore.password",
                "hunter2",
                "left out: secrets are set under `security`, which does not show them",
            ),
            (
                "sasl.jaas.config",
                "password=hunter2;",
                "left out: secrets are set under `security`, which does not show them",
            ),
            ("sasl.jass", "hunter2", "a setting of librdkafka and a value it takes"),
            ("passwort", "hunter2", "a setting of librdkafka and a value it takes"),
            ("test.mock.num.brokers", "3", "left out: nothing is simulated here"),
            ("delivery.report.only.error", "true", "left out: every message is waited for"),
            ("client.rak", "x", "a setting of librdkafka and a value it takes"),
            ("socket.keepalive.enable", "perhaps", "a setting of librdkafka and a value it takes"),
        ] {
            let told = told(key, value);
            assert!(told.ends_with(reason), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    /// A name that the library does not know would be refused for the wrong reason, or pass under another.
    #[test]
    fn every_name_is_the_librarys() {
        for (name, _) in FIXED.iter().chain(&OWN) {
            assert!(is_known(name), "{name}");
        }
    }

    /// What the log sets by itself would silently win over a property.
    #[test]
    fn nothing_passes_that_is_set_anyway() {
        let config = KafkaConfig::default();
        let clients = [client::producer(&config).unwrap(), client::consumer(&config, "g", 1).unwrap()];
        for settings in &clients {
            for key in settings.config_map().into_keys().filter(|key| *key != "client.id") {
                assert_ne!(told(key, "1"), "passed", "{key}");
            }
        }
    }
}
