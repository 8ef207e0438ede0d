//! Every limit of a running topology, in one struct, its unit last in the name.

use serde::{Deserialize, Serialize};

/// Limits of a running topology. Start from [`Config::default`] and change what needs changing.
///
/// ```
/// use trombe::Config;
/// let config = Config { workers_count: Some(2), attempts_max: Some(5), ..Config::default() };
/// assert!(config.validate().is_ok());
/// let mistake = Config { batch_count_max: 0, ..config }.validate().unwrap_err();
/// assert_eq!(mistake.to_string(), "batch_count_max is 0; it must be from 1 to 65536");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Threads that step the tasks; `None` takes as many as there are cores.
    pub workers_count: Option<usize>,
    /// Tuples that leave a task together at most. Larger batches cost less a tuple, smaller ones stay in the cache.
    pub batch_count_max: usize,
    /// Batches that wait in front of a task at most; a full queue makes its producers wait.
    pub queue_batches_max: usize,
    /// Storm's max spout pending: tuples of one spout task that are neither acked nor given up at most.
    pub spout_pending_count_max: usize,
    /// The deadline that needs no tuning: a tuple that a deferred bolt has in hand fails when nothing has happened for so long to the tree
    /// that it belongs to. As long as anything of the tree is queued, worked on or written, nothing of it times out, and time during which the task
    /// that holds it is held up by its consumers does not count: back-pressure alone fails no tuple. `None`: tuples are held for ever.
    pub inactivity_timeout_ms: Option<u64>,
    /// Storm's `topology.message.timeout.secs`: from the emission of a tuple by its spout until all that was made of it is done, whatever
    /// queues it waits in meanwhile; then it has failed, and the autopsy says where it was. To be set to more than the topology ever takes under
    /// full load, or back-pressure fails good tuples. Costs some per batch. `None`: there is none.
    pub message_timeout_ms: Option<u64>,
    /// Tuples that a deferred bolt's task holds before it is asked to flush, and a stateful bolt's before it writes its state.
    pub held_count_max: usize,
    /// A task of a stateful bolt writes what has changed this often at most, unless it holds `held_count_max` tuples before. Shorter: tuples
    /// are acked sooner; longer: a key that changes often is written less often.
    pub snapshot_interval_ms: u64,
    /// Unchanged values that a task of a stateful bolt keeps in memory at most; more are read from the store again.
    pub state_entries_count_max: usize,
    /// The wait before a failed tuple's second attempt; it doubles with each further one.
    pub retry_backoff_ms_min: u64,
    /// The longest wait before another attempt, and before a task that cannot be rebuilt is tried again.
    pub retry_backoff_ms_max: u64,
    /// Attempts of a tuple before it is given up: its spout's [dead letters](crate::Stream::dead_letters) get it, if somebody reads them, and
    /// the spout is told that it is [exhausted](crate::Spout::exhausted). `None` tries for ever, so that by default only what a bolt rejects is
    /// given up; set it together with a reader of the dead letters.
    pub attempts_max: Option<u32>,
    /// How many of the last autopsies a snapshot holds, and so many a minute at most go to the log. Of the tuples that are lost with a spout that
    /// panics, a tenth of it are told of one by one, and the others by their number.
    pub autopsies_count_max: usize,
    /// Runs equally parallel components joined by local-or-shuffle in one step, without a queue between them.
    pub fusion: bool,
    /// Seed of everything left to chance (shuffle order, jitter); `None` takes one from the process.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers_count: None,
            batch_count_max: 256,
            queue_batches_max: 16,
            spout_pending_count_max: 65_536,
            inactivity_timeout_ms: Some(30_000),
            message_timeout_ms: None,
            held_count_max: 8_192,
            snapshot_interval_ms: 100,
            state_entries_count_max: 100_000,
            retry_backoff_ms_min: 10,
            retry_backoff_ms_max: 60_000,
            attempts_max: None,
            autopsies_count_max: 100,
            fusion: true,
            seed: None,
        }
    }
}

/// A limit outside its range: the key, the value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; it must be {allowed}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field of [`Config`].
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The values it may have.
    pub allowed: String,
}

impl Config {
    /// Checks every limit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        within("workers_count", self.workers_count.unwrap_or(1), 1, 1024)?;
        within("batch_count_max", self.batch_count_max, 1, 65_536)?;
        within("queue_batches_max", self.queue_batches_max, 1, 65_536)?;
        within("spout_pending_count_max", self.spout_pending_count_max, 1, usize::MAX)?;
        within("inactivity_timeout_ms", self.inactivity_timeout_ms.unwrap_or(1), 1, u64::MAX)?;
        within("message_timeout_ms", self.message_timeout_ms.unwrap_or(1), 1, u64::MAX)?;
        within("held_count_max", self.held_count_max, 1, usize::MAX)?;
        within("snapshot_interval_ms", self.snapshot_interval_ms, 0, 3_600_000)?;
        within("retry_backoff_ms_max", self.retry_backoff_ms_max, self.retry_backoff_ms_min, u64::MAX)?;
        within("attempts_max", self.attempts_max.unwrap_or(1), 1, u32::MAX)?;
        within("autopsies_count_max", self.autopsies_count_max, 0, 1_000_000)
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers_count
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    pub(crate) fn seed(&self) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        self.seed.unwrap_or_else(|| RandomState::new().hash_one(0))
    }
}

fn within<N: PartialOrd + ToString + Copy>(
    key: &'static str,
    value: N,
    min: N,
    max: N,
) -> Result<(), ConfigError> {
    if value >= min && value <= max {
        return Ok(());
    }
    let allowed = format!("from {} to {}", min.to_string(), max.to_string());
    Err(ConfigError { key, value: value.to_string(), allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn every_mistake_names_its_key_and_what_is_allowed() {
        let base = Config::default;
        let cases = [
            (Config { workers_count: Some(0), ..base() }, "workers_count is 0; it must be from 1 to 1024"),
            (
                Config { retry_backoff_ms_max: 5, ..base() },
                "retry_backoff_ms_max is 5; it must be from 10 to 18446744073709551615",
            ),
            (
                Config { attempts_max: Some(0), ..base() },
                "attempts_max is 0; it must be from 1 to 4294967295",
            ),
        ];
        for (config, message) in cases {
            assert_eq!(config.validate().map_err(|e| e.to_string()), Err(message.to_owned()));
        }
    }
}
