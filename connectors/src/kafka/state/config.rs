//! Every setting and limit of the state on Kafka, in one place.

use serde::{Deserialize, Serialize};

use super::super::config::KafkaConfigError;

/// How state is kept in a topic, beside what [`KafkaConfig`](crate::KafkaConfig) says of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaStateConfig {
    /// Partitions of the topic, for its whole life: new ones would move keys.
    pub partitions_count: u32,
    /// How long the records of an apply are tried to be delivered; its commit, or its abort, may take as long again.
    pub apply_timeout_ms: u64,
    /// After this time the brokers abort the transaction of an owner that has gone silent.
    pub transaction_timeout_ms: u64,
    /// How long it may take to shut out the former owner.
    pub fence_timeout_ms: u64,
    /// How long reading the topic may go on without a record before it is given up.
    pub read_timeout_ms: u64,
    /// What the table in memory may hold: keys, values and what an entry costs. A change that would exceed it is refused.
    pub table_bytes_max: u64,
    /// Expired keys that one apply forgets at most.
    pub expired_count_max: u32,
    /// The size of the topic's segments. The newest of each partition is never compacted, so restoring reads it whole.
    pub segment_bytes: u64,
}

impl Default for KafkaStateConfig {
    fn default() -> Self {
        Self {
            partitions_count: 1,
            apply_timeout_ms: 20_000,
            transaction_timeout_ms: 60_000,
            fence_timeout_ms: 30_000,
            read_timeout_ms: 20_000,
            table_bytes_max: 1 << 30,
            expired_count_max: 1_000,
            segment_bytes: 64 << 20,
        }
    }
}

impl KafkaStateConfig {
    /// Checks every setting.
    pub fn validate(&self) -> Result<(), KafkaConfigError> {
        let limits = [
            ("partitions_count", u64::from(self.partitions_count), 1..=1_000),
            ("apply_timeout_ms", self.apply_timeout_ms, 1_000..=300_000),
            // A message must not outlive its transaction; 15 minutes are what brokers allow by default.
            ("transaction_timeout_ms", self.transaction_timeout_ms, self.apply_timeout_ms..=900_000),
            ("fence_timeout_ms", self.fence_timeout_ms, 1_000..=600_000),
            ("read_timeout_ms", self.read_timeout_ms, 1_000..=600_000),
            ("table_bytes_max", self.table_bytes_max, 1 << 10..=1 << 40),
            ("expired_count_max", u64::from(self.expired_count_max), 1..=1_000_000),
            ("segment_bytes", self.segment_bytes, 1 << 20..=1 << 30),
        ];
        match limits.into_iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((key, value, range)) => Err(KafkaConfigError {
                key: key.to_owned(),
                value: value.to_string(),
                allowed: format!("from {} to {}", range.start(), range.end()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_by_their_key() {
        type Edit = fn(&mut KafkaStateConfig);
        assert_eq!(KafkaStateConfig::default().validate(), Ok(()));
        let cases: [(Edit, &str); 3] = [
            (|c| c.partitions_count = 0, "partitions_count is 0; it must be from 1 to 1000"),
            (
                |c| c.transaction_timeout_ms = 5,
                "transaction_timeout_ms is 5; it must be from 20000 to 900000",
            ),
            (|c| c.segment_bytes = 1, "segment_bytes is 1; it must be from 1048576 to 1073741824"),
        ];
        for (edit, told) in cases {
            let mut config = KafkaStateConfig::default();
            edit(&mut config);
            assert_eq!(config.validate().unwrap_err().to_string(), told);
        }
    }
}
