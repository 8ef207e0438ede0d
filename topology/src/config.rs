//! Every limit of the topology, in one struct, its unit last in the name.

use std::ops::RangeInclusive;
use std::time::Duration;

use btc_records::PoolList;
use serde::{Deserialize, Serialize};
use trombe::SinkLimits;
use trombe_connectors::Start;

use crate::backoff::Backoff;
use crate::spout::{LogSpoutOptions, ProcessingGuarantee};

/// How the topology runs. [`TopologyConfig::default`] suits a dashboard on one machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopologyConfig {
    /// The consumer group, whose committed offsets say where to go on after a restart.
    pub consumer_group: String,
    /// What a failed or killed run may do to a message. Anything but `at-least-once` loses messages, and their documents with them.
    pub processing_guarantee: ProcessingGuarantee,
    /// Where the log is read from: `earliest`, `latest`, `uncommitted-earliest`, `uncommitted-latest`, or
    /// `{ timestamp = MILLISECONDS }`. The first two and the last look past offsets that were committed with another state, so that a
    /// topology that has lost its state reads everything again; only `earliest` gives complete documents then.
    pub first_poll: Start,
    /// Tasks of every component that can be split: spouts, parsers, `transactions`, `volume` and `index`. Any number gives the
    /// same documents.
    pub tasks_count: usize,
    /// Records of one spout task that are neither acked nor given up at most.
    pub spout_pending_count_max: usize,
    /// Payload of one spout task's records that are neither acked nor given up.
    pub spout_pending_bytes_max: usize,
    /// Offsets of one partition given out beyond the committed one: so many messages at most are read again after a crash. At the
    /// limit the spout task waits for the oldest.
    pub uncommitted_count_max: u64,
    /// Attempts of a message before it becomes a dead letter with the last failure's reason, and its offset advances. A message that
    /// is rejected has one attempt; no attempt is lost to an index or a log that is away. `None` tries for ever.
    pub attempts_max: Option<u32>,
    /// Tuples that a stateful task holds before it makes them durable; less when it has nothing else to do.
    pub held_count_max: usize,
    /// Whether every transaction is also a document of `btc-raw-transactions`, which is most of what is indexed. All other documents are the same
    /// without, and the messages stay in the log as long as it keeps them.
    pub raw_transactions: bool,
    /// How often offsets are committed.
    pub commit_period_ms: u64,
    /// How often the consumers' lag is looked at.
    pub lag_period_ms: u64,
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
    /// The wait before an index that refuses everything (wrong credentials) is asked again.
    pub index_refused_retry_ms: u64,
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
    /// Seed of everything left to chance (shuffle order, jitter); `None` takes one from the process.
    pub seed: Option<u64>,
    /// Who is known by which coinbase tag and payout address. Not read from a configuration file.
    #[serde(skip, default = "PoolList::builtin")]
    pub pools: PoolList,
}

impl Default for TopologyConfig {
    fn default() -> Self {
        Self {
            consumer_group: "btc-topology".to_owned(),
            processing_guarantee: ProcessingGuarantee::AtLeastOnce,
            first_poll: Start::Earliest,
            tasks_count: 2,
            spout_pending_count_max: 65_536,
            spout_pending_bytes_max: 64 << 20,
            uncommitted_count_max: 1_000_000,
            attempts_max: Some(1_000),
            held_count_max: 8_192,
            raw_transactions: true,
            commit_period_ms: 1_000,
            lag_period_ms: 5_000,
            poll_interval_ms: 20,
            poll_bytes_max: 1 << 20,
            index_batch_count_max: 1_000,
            index_linger_ms: 20,
            index_in_flight_max: 2,
            retry_backoff_ms_min: 50,
            retry_backoff_ms_max: 5_000,
            index_refused_retry_ms: 30_000,
            hours_retention_hours: Some(7 * 24),
            miners_retention_hours: Some(70 * 24),
            log_retention_hours: None,
            sightings_loaded_count_max: 100_000,
            transactions_known_count_max: 4_000_000,
            hour_rows_loaded_count_max: 100_000,
            reorg_depth_max: 100,
            seed: None,
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

    fn counts(&self) -> [Limit; 13] {
        let limit = |key, value: usize, range| (key, value as u64, range);
        let memory = 1_000..=u64::MAX;
        [
            limit("tasks_count", self.tasks_count, 1..=64),
            limit("spout_pending_count_max", self.spout_pending_count_max, 1..=10_000_000),
            limit("spout_pending_bytes_max", self.spout_pending_bytes_max, 1..=1 << 40),
            ("uncommitted_count_max", self.uncommitted_count_max, 1..=u64::MAX),
            ("attempts_max", self.attempts_max.map_or(1, u64::from), 1..=u64::MAX),
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

    fn times(&self) -> [Limit; 10] {
        let hours = |retention: Option<u32>| retention.map_or(HOURS_MAX, u64::from);
        let backoff_ms = self.retry_backoff_ms_min..=600_000;
        [
            ("commit_period_ms", self.commit_period_ms, 1..=600_000),
            ("lag_period_ms", self.lag_period_ms, 100..=600_000),
            ("poll_interval_ms", self.poll_interval_ms, 1..=60_000),
            ("index_linger_ms", self.index_linger_ms, 0..=60_000),
            ("retry_backoff_ms_min", self.retry_backoff_ms_min, 1..=600_000),
            ("retry_backoff_ms_max", self.retry_backoff_ms_max, backoff_ms),
            ("index_refused_retry_ms", self.index_refused_retry_ms, 1_000..=3_600_000),
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
            inactivity_timeout_ms: None,
            retry_backoff_ms_min: self.retry_backoff_ms_min,
            retry_backoff_ms_max: self.retry_backoff_ms_max,
            attempts_max: self.attempts_max,
            seed: self.seed,
            ..trombe::Config::default()
        }
    }

    /// How the spout of a topic reads it.
    pub(crate) fn spout(&self, topic: &'static str, identity: &str) -> LogSpoutOptions {
        let ms = Duration::from_millis;
        LogSpoutOptions {
            identity: identity.to_owned(),
            guarantee: self.processing_guarantee,
            first_poll: self.first_poll,
            poll_bytes_max: self.poll_bytes_max,
            poll_interval: ms(self.poll_interval_ms),
            commit_period: ms(self.commit_period_ms),
            lag_period: ms(self.lag_period_ms),
            pending_bytes_max: self.spout_pending_bytes_max,
            uncommitted_count_max: self.uncommitted_count_max,
            ..LogSpoutOptions::new(&self.consumer_group, topic)
        }
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff { ms_min: self.retry_backoff_ms_min, ms_max: self.retry_backoff_ms_max, seed: self.seed }
    }

    pub(crate) fn index_limits(&self) -> SinkLimits {
        SinkLimits {
            batch_count_max: self.index_batch_count_max,
            linger_ms: self.index_linger_ms,
            in_flight_max: self.index_in_flight_max,
            // A batch waits for its index to come back, however long that takes.
            write_timeout_ms: None,
        }
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

    #[test]
    fn storms_words_are_understood() {
        let read = |json| serde_json::from_str::<TopologyConfig>(json).unwrap();
        let config =
            read(r#"{"processing_guarantee": "at-most-once", "first_poll": {"timestamp": 1730412000000}}"#);
        assert_eq!(config.processing_guarantee, ProcessingGuarantee::AtMostOnce);
        assert_eq!(config.first_poll, Start::Timestamp(1_730_412_000_000));
        assert_eq!(read(r#"{"first_poll": "uncommitted-latest"}"#).first_poll, Start::UncommittedLatest);
    }
}
