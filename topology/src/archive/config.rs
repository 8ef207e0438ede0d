//! Every limit of the archive's sink.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// When records become files, and how many may wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveConfig {
    /// Tasks that write; each partition belongs to one of them.
    pub tasks_count: usize,
    /// Keys, values and headers that a batch holds when it is written, but for its last record.
    pub roll_bytes_max: usize,
    /// Records of such a batch.
    pub roll_count_max: usize,
    /// How long the first record of a batch waits for it to fill.
    pub roll_age_ms_max: u64,
    /// What all waiting records of a task may take; beyond it, its largest batches are written early.
    pub held_bytes_max: usize,
    /// How old a file without a commit must be before the next start removes it as what a crash has left. It bounds how long
    /// writing a batch may take.
    pub orphan_age_ms_min: u64,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self {
            tasks_count: 1,
            roll_bytes_max: 16 << 20,
            roll_count_max: 20_000,
            roll_age_ms_max: 600_000,
            held_bytes_max: 128 << 20,
            orphan_age_ms_min: 3_600_000,
        }
    }
}

impl ArchiveConfig {
    /// Checks every setting.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let limits: [(&'static str, u64, RangeInclusive<u64>); 6] = [
            ("tasks_count", self.tasks_count as u64, 1..=64),
            ("roll_bytes_max", self.roll_bytes_max as u64, 1..=1 << 30),
            ("roll_count_max", self.roll_count_max as u64, 1..=1_000_000),
            ("roll_age_ms_max", self.roll_age_ms_max, 100..=86_400_000),
            ("held_bytes_max", self.held_bytes_max as u64, self.roll_bytes_max as u64..=1 << 36),
            ("orphan_age_ms_min", self.orphan_age_ms_min, 10_000..=2_592_000_000),
        ];
        match limits.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((key, value, range)) => {
                let allowed = format!("from {} to {}", range.start(), range.end());
                Err(ConfigError { key, value: value.to_string(), allowed })
            }
            None => Ok(()),
        }
    }

    /// The age at which an uncommitted file is swept away.
    pub fn orphan_age_min(&self) -> Duration {
        Duration::from_millis(self.orphan_age_ms_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(ArchiveConfig::default().validate(), Ok(()));
    }

    #[test]
    fn every_mistake_names_its_key_and_what_is_allowed() {
        let base = ArchiveConfig::default;
        let cases = [
            (ArchiveConfig { tasks_count: 0, ..base() }, "tasks_count is 0; it must be from 1 to 64"),
            (
                ArchiveConfig { held_bytes_max: 9, ..base() },
                "held_bytes_max is 9; it must be from 16777216 to 68719476736",
            ),
        ];
        for (config, message) in cases {
            assert_eq!(config.validate().map_err(|e| e.to_string()), Err(message.to_owned()));
        }
    }
}
