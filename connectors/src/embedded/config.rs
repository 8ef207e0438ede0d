//! Every limit of the embedded store, in one place.

use serde::{Deserialize, Serialize};

/// The limits of an [`EmbeddedStore`](super::EmbeddedStore). [`EmbeddedConfig::default`] suits a dashboard on one
/// machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// What an answer of `Ok` survives.
    pub synchronous: Synchronous,
    /// The page cache of the connection that writes.
    pub cache_bytes_max: u64,
    /// The page cache of each connection that reads.
    pub reader_cache_bytes_max: u64,
    /// How much of the file a connection maps into memory instead of reading it. Mapping makes lookups a little
    /// faster, but an error of the disk then ends the process instead of failing the call; 0 maps nothing.
    pub mmap_bytes_max: u64,
    /// The write-ahead log is copied into the file once it is larger than this.
    pub wal_bytes_max: u64,
    /// The file grows no larger than this; then writes are answered with `Unavailable` until retention has freed
    /// some space. `None` leaves it to the disk.
    pub file_bytes_max: Option<u64>,
    /// How long a write waits for another process that is writing.
    pub busy_timeout_ms: u32,
    /// Operations that may wait for the writer; a further caller waits for room, unless it blocks its thread.
    pub queue_count_max: usize,
    /// The bytes of all waiting operations; a further caller waits for room, unless it blocks its thread.
    pub queue_bytes_max: usize,
    /// Operations that share one transaction.
    pub batch_count_max: usize,
    /// The bytes of the operations that share one transaction; a single larger operation is taken alone.
    pub batch_bytes_max: usize,
    /// Messages of one append and partition share a row of the log up to this, with 20 bytes for each and their headers; a larger one is
    /// a row of its own. Whoever holds one of them in memory may hold the row.
    pub record_batch_bytes_max: usize,
    /// The largest message: key, value and headers together.
    pub message_bytes_max: usize,
    /// The oldest messages of a partition are deleted once it holds more than this, but for the newest, whatever its
    /// size. `None` keeps them.
    pub partition_bytes_max: Option<u64>,
    /// The messages of a segment, the unit in which retention deletes. Where the partition is limited, a segment also
    /// ends with an eighth of that limit.
    pub segment_count_max: u32,
    /// How often, while there are writes, retention and expiry are looked after.
    pub housekeeping_interval_ms: u64,
    /// The messages and entries of state that one step of retention or expiry deletes, so that no writer waits for it for long. A segment
    /// is always deleted whole.
    pub housekeeping_rows_max: u32,
    /// Idle read connections that are kept open.
    pub readers_idle_max: usize,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            cache_bytes_max: 16 << 20,
            reader_cache_bytes_max: 4 << 20,
            mmap_bytes_max: 0,
            wal_bytes_max: 32 << 20,
            file_bytes_max: None,
            busy_timeout_ms: 10_000,
            queue_count_max: 1024,
            queue_bytes_max: 64 << 20,
            batch_count_max: 1024,
            batch_bytes_max: 8 << 20,
            record_batch_bytes_max: 16 << 10,
            message_bytes_max: 16 << 20,
            partition_bytes_max: None,
            segment_count_max: 4096,
            housekeeping_interval_ms: 1000,
            housekeeping_rows_max: 4096,
            readers_idle_max: 8,
        }
    }
}

/// What an answer of `Ok` survives. A crash or kill of the process is survived in every setting, and no setting
/// but `Off` can damage the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// Loss of power: each transaction is forced to the disk before it is answered.
    #[default]
    Full,
    /// A crash of the process only: after a loss of power the last seconds may be missing, as if they had never
    /// been answered, but what is there is whole and in order.
    Normal,
    /// A crash of the process only: after a loss of power the file may be damaged. For tests.
    Off,
}

impl Synchronous {
    /// The pragma's value.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
            Self::Off => "OFF",
        }
    }
}

/// A limit that the store could not work with: the key, the value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; it must be from {min} to {max}")]
pub struct ConfigError {
    key: &'static str,
    value: u64,
    min: u64,
    max: u64,
}

impl EmbeddedConfig {
    /// Checks every limit.
    ///
    /// ```
    /// use trombe_connectors::EmbeddedConfig;
    ///
    /// let mistake = EmbeddedConfig { batch_count_max: 0, ..EmbeddedConfig::default() }.validate().unwrap_err();
    /// assert_eq!(mistake.to_string(), "batch_count_max is 0; it must be from 1 to 1000000");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        const TERABYTE: u64 = 1 << 40;
        let limits = [
            ("cache_bytes_max", self.cache_bytes_max, 1 << 16, TERABYTE),
            ("reader_cache_bytes_max", self.reader_cache_bytes_max, 1 << 16, TERABYTE),
            ("mmap_bytes_max", self.mmap_bytes_max, 0, TERABYTE),
            ("wal_bytes_max", self.wal_bytes_max, 1 << 16, TERABYTE),
            ("file_bytes_max", self.file_bytes_max.unwrap_or(TERABYTE), 1 << 20, u64::MAX),
            ("busy_timeout_ms", u64::from(self.busy_timeout_ms), 1, 600_000),
            ("queue_count_max", self.queue_count_max as u64, 1, 1_000_000),
            ("queue_bytes_max", self.queue_bytes_max as u64, 1 << 16, TERABYTE),
            ("batch_count_max", self.batch_count_max as u64, 1, 1_000_000),
            ("batch_bytes_max", self.batch_bytes_max as u64, 1 << 16, TERABYTE),
            ("record_batch_bytes_max", self.record_batch_bytes_max as u64, 1, 1 << 24),
            ("message_bytes_max", self.message_bytes_max as u64, 1 << 10, 1 << 29),
            ("partition_bytes_max", self.partition_bytes_max.unwrap_or(TERABYTE), 1 << 16, u64::MAX),
            ("segment_count_max", u64::from(self.segment_count_max), 1, 1 << 24),
            ("housekeeping_interval_ms", self.housekeeping_interval_ms, 1, 86_400_000),
            ("housekeeping_rows_max", u64::from(self.housekeeping_rows_max), 1, 1 << 24),
            ("readers_idle_max", self.readers_idle_max as u64, 0, 1024),
        ];
        match limits.into_iter().find(|(_, value, min, max)| value < min || value > max) {
            Some((key, value, min, max)) => Err(ConfigError { key, value, min, max }),
            None => Ok(()),
        }
    }
}
