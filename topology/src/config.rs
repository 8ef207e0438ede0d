//! Every limit of the topology, in one struct, its unit last in the name.

use std::ops::RangeInclusive;
use std::time::Duration;

use btc_records::PoolList;
use serde::{Deserialize, Serialize};

/// How the topology runs. [`TopologyConfig::default`] suits a dashboard on one machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopologyConfig {
    /// The consumer group, whose committed offsets say where to go on after a restart.
    pub consumer_group: String,
    /// Tasks of every component that can be split: spouts, parsers, `transactions`, `volume` and `index`. Any number gives the
    /// same documents.
    pub tasks_count: usize,
    /// Records of one spout task that are neither acked nor given up at most.
    pub spout_pending_count_max: usize,
    /// Tuples that a stateful task holds before it makes them durable; less when it has nothing else to do.
    pub held_count_max: usize,
    /// How often offsets are committed.
    pub commit_period_ms: u64,
    /// How often an idle spout looks for new records.
    pub poll_interval_ms: u64,
    /// Payload that a spout takes from the log in one step.
    pub poll_bytes_max: usize,
    /// Documents of one bulk request.
    pub index_batch_count_max: usize,
    /// How long a document waits for its bulk request to fill.
    pub index_linger_ms: u64,
    /// Bulk requests of one task that are under way at most.
    pub index_in_flight_max: usize,
    /// The wait before a failed write is tried again; it doubles with each further one.
    pub retry_backoff_ms_min: u64,
    /// The longest such wait.
    pub retry_backoff_ms_max: u64,
    /// How long after its last change the state of an hour is kept; a transaction that is seen again later counts again.
    /// `None` keeps it for ever.
    pub hours_retention_hours: Option<u32>,
    /// How long blocks and prices are kept for the miners' books: longer than a month, so that its sum can be corrected.
    pub miners_retention_hours: Option<u32>,
    /// How long messages are kept in the log, by their own time; `None` keeps them for ever, as a replay of old blocks needs.
    pub log_retention_hours: Option<u32>,
    /// Sightings of transactions that a task keeps in memory; the others it reads when it needs them.
    pub sightings_loaded_count_max: usize,
    /// Transactions of which a task remembers the hour, 16 bytes each. Beyond it, the oldest hours are forgotten: one of
    /// their transactions that is seen again in another hour counts there too.
    pub transactions_known_count_max: usize,
    /// Statements and prices of hours that a task keeps in memory.
    pub hour_rows_loaded_count_max: usize,
    /// How many blocks deep a reorganisation of the chain is followed.
    pub reorg_depth_max: u32,
    /// Who is known by which coinbase tag and payout address. Not read from a configuration file.
    #[serde(skip, default = "PoolList::builtin")]
    pub pools: PoolList,
}

impl Default for TopologyConfig {
    fn default() -> Self {
        Self {
            consumer_group: "btc-topology".to_owned(),
            tasks_count: 2,
            spout_pending_count_max: 65_536,
            held_count_max: 8_192,
            commit_period_ms: 1_000,
            poll_interval_ms: 20,
            poll_bytes_max: 1 << 20,
            index_batch_count_max: 1_000,
            index_linger_ms: 20,
            index_in_flight_max: 2,
            retry_backoff_ms_min: 50,
            retry_backoff_ms_max: 5_000,
            hours_retention_hours: Some(7 * 24),
            miners_retention_hours: Some(70 * 24),
            log_retention_hours: None,
            sightings_loaded_count_max: 100_000,
            transactions_known_count_max: 4_000_000,
            hour_rows_loaded_count_max: 100_000,
            reorg_depth_max: 100,
            pools: PoolList::builtin(),
        }
    }
}

/// A setting outside its range: the key, the value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; it must be {allowed}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field of [`TopologyConfig`].
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The values it may have.
    pub allowed: String,
}

impl TopologyConfig {
    /// Checks every setting.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let group = &self.consumer_group;
        if group.is_empty() || !group.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            let allowed = "letters, digits, `.`, `_` and `-`, at least one".to_owned();
            return Err(ConfigError { key: "consumer_group", value: format!("`{group}`"), allowed });
        }
        let mut limits = self.counts().into_iter().chain(self.times());
        match limits.find(|(_, value, range)| !range.contains(value)) {
            Some((key, value, range)) => {
                let allowed = format!("from {} to {}", range.start(), range.end());
                Err(ConfigError { key, value: value.to_string(), allowed })
            }
            None => Ok(()),
        }
    }

    fn counts(&self) -> [Limit; 10] {
        let limit = |key, value: usize, range| (key, value as u64, range);
        let memory = 1_000..=u64::MAX;
        [
            limit("tasks_count", self.tasks_count, 1..=64),
            limit("spout_pending_count_max", self.spout_pending_count_max, 1..=10_000_000),
            limit("held_count_max", self.held_count_max, 1..=10_000_000),
            limit("poll_bytes_max", self.poll_bytes_max, 1..=1 << 30),
            limit("index_batch_count_max", self.index_batch_count_max, 1..=100_000),
            limit("index_in_flight_max", self.index_in_flight_max, 1..=64),
            limit("sightings_loaded_count_max", self.sightings_loaded_count_max, memory.clone()),
            limit("transactions_known_count_max", self.transactions_known_count_max, memory.clone()),
            limit("hour_rows_loaded_count_max", self.hour_rows_loaded_count_max, memory),
            limit("reorg_depth_max", self.reorg_depth_max as usize, 1..=10_000),
        ]
    }

    fn times(&self) -> [Limit; 8] {
        let hours = |retention: Option<u32>| retention.map_or(HOURS_MAX, u64::from);
        let backoff_ms = self.retry_backoff_ms_min..=600_000;
        [
            ("commit_period_ms", self.commit_period_ms, 1..=600_000),
            ("poll_interval_ms", self.poll_interval_ms, 1..=60_000),
            ("index_linger_ms", self.index_linger_ms, 0..=60_000),
            ("retry_backoff_ms_min", self.retry_backoff_ms_min, 1..=600_000),
            ("retry_backoff_ms_max", self.retry_backoff_ms_max, backoff_ms),
            ("hours_retention_hours", hours(self.hours_retention_hours), 24..=HOURS_MAX),
            ("miners_retention_hours", hours(self.miners_retention_hours), 33 * 24..=HOURS_MAX),
            ("log_retention_hours", hours(self.log_retention_hours), 1..=HOURS_MAX),
        ]
    }

    /// The engine's limits that go with these.
    pub fn engine(&self) -> trombe::Config {
        trombe::Config {
            held_count_max: self.held_count_max,
            spout_pending_count_max: self.spout_pending_count_max,
            // Every tuple is either queued or waited for by a sink that does not give up. A deadline would only
            // fail good tuples while the index is away.
            message_timeout_ms: None,
            retry_backoff_ms_min: self.retry_backoff_ms_min,
            retry_backoff_ms_max: self.retry_backoff_ms_max,
            ..trombe::Config::default()
        }
    }

    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }

    pub(crate) fn commit_period(&self) -> Duration {
        Duration::from_millis(self.commit_period_ms)
    }
}

/// A setting's key, its value and the values it may have.
type Limit = (&'static str, u64, RangeInclusive<u64>);

/// More hours than anybody keeps anything: for ever.
const HOURS_MAX: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(TopologyConfig::default().validate(), Ok(()));
        assert!(TopologyConfig::default().engine().validate().is_ok());
    }

    #[test]
    fn every_mistake_names_its_key_and_what_is_allowed() {
        let base = TopologyConfig::default;
        let cases = [
            (TopologyConfig { tasks_count: 0, ..base() }, "tasks_count is 0; it must be from 1 to 64"),
            (
                TopologyConfig { consumer_group: "a b".into(), ..base() },
                "consumer_group is `a b`; it must be letters, digits, `.`, `_` and `-`, at least one",
            ),
            (
                TopologyConfig { retry_backoff_ms_max: 5, ..base() },
                "retry_backoff_ms_max is 5; it must be from 50 to 600000",
            ),
            (
                TopologyConfig { miners_retention_hours: Some(24), ..base() },
                "miners_retention_hours is 24; it must be from 792 to 4294967295",
            ),
        ];
        for (config, message) in cases {
            assert_eq!(config.validate().map_err(|e| e.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn unknown_settings_are_mistakes() {
        assert!(serde_json::from_str::<TopologyConfig>(r#"{"tasks_count": 3}"#).is_ok());
        assert!(serde_json::from_str::<TopologyConfig>(r#"{"task_count": 3}"#).is_err());
    }
}
