//! What the library tells of its own accord: lines for the log, errors, and whether brokers are there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Deserialize;

/// Whether any broker can be reached, as far as the library knows.
#[derive(Debug, Default)]
pub(super) struct Broker {
    away: Mutex<Option<String>>,
}

impl Broker {
    pub(super) fn failed(&self, error: &KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(Code::AllBrokersDown) => self.set_away(Some(reason.to_owned())),
            // An end that was reached is asked for, and no error.
            Some(Code::PartitionEOF) => {}
            _ => log_client_error(error, reason),
        }
    }

    /// Why no broker can be reached, if so.
    pub(super) fn away(&self) -> Option<String> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of the library's statistics: the only place where it tells that a broker is back.
    pub(super) fn observe(&self, statistics: &Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.set_away(None);
        }
    }

    fn set_away(&self, away: Option<String>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }
}

/// What is of use here of the statistics that the library gives as JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    brokers: HashMap<String, BrokerState>,
    topics: HashMap<String, TopicState>,
}

#[derive(Debug, Deserialize)]
struct BrokerState {
    state: String,
}

#[derive(Debug, Deserialize)]
struct TopicState {
    partitions: HashMap<String, PartitionState>,
}

#[derive(Debug, Deserialize)]
struct PartitionState {
    partition: i32,
    /// The end that was reached last, negative if none.
    #[serde(default)]
    eof_offset: i64,
}

impl Statistics {
    pub(super) fn parse(json: &[u8]) -> Self {
        serde_json::from_slice(json).unwrap_or_default()
    }

    /// The end of each partition, by topic and number, that the client had read up to.
    pub(super) fn ends(&self) -> impl Iterator<Item = ((&str, i32), u64)> {
        self.topics.iter().flat_map(|(topic, state)| {
            let end = move |state: &PartitionState| {
                Some(((&**topic, state.partition), u64::try_from(state.eof_offset).ok()?))
            };
            state.partitions.values().filter_map(end)
        })
    }
}

/// Writes an error of the client to our log, as loudly as it deserves.
pub(super) fn log_client_error(error: &KafkaError, reason: &str) {
    use Code::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let code = error.rdkafka_error_code();
    // The next attempt follows by itself, and whoever waits for an answer hears of it.
    if matches!(code, Some(AllBrokersDown | BrokerTransportFailure | Resolve | OperationTimedOut)) {
        tracing::debug!(%error, reason, "a broker cannot be reached");
    } else {
        tracing::warn!(%error, reason, "Kafka's client met an error");
    }
}

/// Writes the library's line to our log. That settings of a producer are none of a consumer's is no news.
pub(super) fn log_line(level: Level, facility: &str, line: &str) {
    match level {
        _ if facility == "CONFWARN" => {}
        Level::Emerg | Level::Alert | Level::Critical => tracing::error!(facility, "{line}"),
        // What it calls an error is a connection that it will try again.
        Level::Error | Level::Warning => tracing::warn!(facility, "{line}"),
        Level::Notice | Level::Info => tracing::info!(facility, "{line}"),
        Level::Debug => tracing::debug!(facility, "{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_away_until_one_of_them_is_up() {
        let broker = Broker::default();
        assert_eq!(broker.away(), None);
        broker.failed(&KafkaError::Global(Code::AllBrokersDown), "3/3 brokers are down");
        assert_eq!(broker.away().as_deref(), Some("3/3 brokers are down"));
        let observe = |json: &str| broker.observe(&Statistics::parse(json.as_bytes()));
        observe(r#"{"brokers": {"a:1/1": {"name": "a", "state": "CONNECT"}}}"#);
        assert!(broker.away().is_some());
        observe(r#"{"brokers": {"a:1/1": {"state": "CONNECT"}, "b:1/2": {"state": "UP"}}}"#);
        assert_eq!(broker.away(), None);
    }

    #[test]
    fn ends_are_told_of_partitions_that_were_read_to_one() {
        let statistics = Statistics::parse(
            br#"{"topics": {"t": {"partitions": {
                "0": {"partition": 0, "eof_offset": 7}, "-1": {"partition": -1, "eof_offset": -1001}
            }}}}"#,
        );
        assert_eq!(statistics.ends().collect::<Vec<_>>(), [(("t", 0), 7)]);
    }
}
