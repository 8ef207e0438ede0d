//! Every setting of the producers, with its default, its unit (last in the name) and what is allowed.
//!
//! A section is checked as a whole by `validate`, so that a mistake is found at the start and named by its key.

mod blockchain;
mod bpi;

use std::fmt::Display;
use std::ops::RangeBounds;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use blockchain::{BlockchainConfig, ChainProvider, ChainSource};
pub use bpi::{BpiConfig, PriceProvider, PriceSource};

/// The settings of all producers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProducersConfig {
    /// The price poller.
    pub bpi: BpiConfig,
    /// The holder of the websockets.
    pub blockchain: BlockchainConfig,
    /// Requests to the providers' HTTP interfaces.
    pub http: HttpConfig,
    /// Waiting between attempts.
    pub backoff: BackoffConfig,
    /// The buffer between the feeds and the log.
    pub outbox: OutboxConfig,
    /// The sample feed.
    pub sample: SampleConfig,
    /// The recorder of the live feeds.
    pub record: RecordConfig,
}

/// Limits of a request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// How long a connection may take to be made, TLS included.
    pub connect_ms_max: u64,
    /// How long the answer's headers may take after that.
    pub headers_ms_max: u64,
    /// How long the answer's body may take after its headers.
    pub body_ms_max: u64,
    /// The longest answer to a question about prices or heights.
    pub body_bytes_max: usize,
    /// The longest answer that carries a whole block.
    pub block_body_bytes_max: usize,
    /// The longest wait that a `Retry-After` may impose.
    pub retry_after_ms_max: u64,
    /// What the requests call themselves.
    pub user_agent: String,
    /// A PEM file of root certificates that are trusted beside Mozilla's, also for the websockets; for a proxy
    /// that looks into TLS.
    pub root_certificates_file: Option<PathBuf>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connect_ms_max: 5_000,
            headers_ms_max: 10_000,
            body_ms_max: 20_000,
            body_bytes_max: 1 << 20,
            block_body_bytes_max: 64 << 20,
            retry_after_ms_max: 3_600_000,
            user_agent: concat!("bitcoin-dashboard/", env!("CARGO_PKG_VERSION")).to_owned(),
            root_certificates_file: None,
        }
    }
}

/// Waiting between attempts: doubled each time from the first to the longest, and scattered at random.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackoffConfig {
    /// The wait after the first failure.
    pub first_ms: u64,
    /// The longest wait.
    pub longest_ms: u64,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { first_ms: 500, longest_ms: 60_000 }
    }
}

/// The buffer between the feeds and the log. When it is full the feeds are no longer read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxConfig {
    /// Messages that may wait for the log.
    pub messages_max: usize,
    /// Bytes of payload that may wait for the log.
    pub bytes_max: usize,
    /// Messages appended in one go.
    pub batch_messages_max: usize,
    /// Bytes of payload appended in one go.
    pub batch_bytes_max: usize,
    /// How long a message may wait for others to share its batch.
    pub linger_ms: u64,
    /// The longest wait between two attempts while the log is away.
    pub retry_ms_max: u64,
    /// How long a shutdown may wait for the log to take what was read.
    pub drain_ms_max: u64,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            messages_max: 65_536,
            bytes_max: 32 << 20,
            batch_messages_max: 8_192,
            batch_bytes_max: 4 << 20,
            linger_ms: 5,
            retry_ms_max: 5_000,
            drain_ms_max: 10_000,
        }
    }
}

/// The sample feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleConfig {
    /// The same seed gives the same messages.
    pub seed: u64,
    /// Transactions a second on average; the real network has about 7, of which the default is a thin sample, so that
    /// the history is there within seconds.
    pub transactions_per_second: f64,
    /// How much history the feed starts with, in hours.
    pub history_hours: u32,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self { seed: 20_090_103, transactions_per_second: 0.5, history_hours: 48 }
    }
}

/// The recorder of the live feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// A file of this many bytes (compressed) is closed, and the next one begun.
    pub file_bytes_max: u64,
    /// A file of this age is closed, and the next one begun.
    pub file_ms_max: u64,
    /// How much time one compressed frame covers at most. A crash costs no message, only the frame's checksum.
    pub frame_ms_max: u64,
    /// The level of the zstd compression, 1 to 19.
    pub compression_level: i32,
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self { file_bytes_max: 256 << 20, file_ms_max: 3_600_000, frame_ms_max: 10_000, compression_level: 6 }
    }
}

/// A value that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}; allowed is {allowed}")]
pub struct ConfigError {
    /// The setting, as a dotted path below the producers' section.
    pub key: String,
    /// What it is set to.
    pub value: String,
    /// What it may be set to.
    pub allowed: String,
}

impl ConfigError {
    /// A refusal of `value` for `key`.
    pub(crate) fn new(key: impl Into<String>, value: impl Display, allowed: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.to_string(), allowed: allowed.into() }
    }
}

impl ProducersConfig {
    /// Checks every value, and stops at the first that is not allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.bpi.validate()?;
        self.blockchain.validate()?;

        let http = &self.http;
        within("http.connect_ms_max", http.connect_ms_max, 1..=600_000)?;
        within("http.headers_ms_max", http.headers_ms_max, 1..=600_000)?;
        within("http.body_ms_max", http.body_ms_max, 1..=3_600_000)?;
        within("http.body_bytes_max", http.body_bytes_max, 1_024..=1 << 30)?;
        within("http.block_body_bytes_max", http.block_body_bytes_max, 1_024..=1 << 30)?;
        within("http.retry_after_ms_max", http.retry_after_ms_max, 1..=86_400_000)?;

        within("backoff.first_ms", self.backoff.first_ms, 1..=600_000)?;
        within("backoff.longest_ms", self.backoff.longest_ms, self.backoff.first_ms..=3_600_000)?;

        let outbox = &self.outbox;
        within("outbox.messages_max", outbox.messages_max, 1..=10_000_000)?;
        within("outbox.bytes_max", outbox.bytes_max, 1_024..=u32::MAX as usize)?;
        within("outbox.batch_messages_max", outbox.batch_messages_max, 1..=outbox.messages_max)?;
        within("outbox.batch_bytes_max", outbox.batch_bytes_max, 1..=outbox.bytes_max)?;
        within("outbox.linger_ms", outbox.linger_ms, 0..=60_000)?;
        within("outbox.retry_ms_max", outbox.retry_ms_max, 1..=600_000)?;
        within("outbox.drain_ms_max", outbox.drain_ms_max, 0..=600_000)?;

        let sample = &self.sample;
        within("sample.transactions_per_second", sample.transactions_per_second, 0.0..=100_000.0)?;
        within("sample.history_hours", sample.history_hours, 1..=8_784)?;

        let record = &self.record;
        within("record.file_bytes_max", record.file_bytes_max, 65_536..=1 << 40)?;
        within("record.file_ms_max", record.file_ms_max, 1_000..=604_800_000)?;
        within("record.frame_ms_max", record.frame_ms_max, 1..=3_600_000)?;
        within("record.compression_level", record.compression_level, 1..=19)
    }
}

/// Refuses a value outside of the range.
pub(crate) fn within<T>(
    key: &str,
    value: T,
    range: impl RangeBounds<T> + std::fmt::Debug,
) -> Result<(), ConfigError>
where
    T: PartialOrd + Display,
{
    if range.contains(&value) {
        return Ok(());
    }
    let allowed = format!("{range:?}").replacen("..=", " to ", 1);
    Err(ConfigError::new(key, value, allowed))
}

/// Refuses a URL of another scheme.
pub(crate) fn url(key: &str, value: &str, schemes: &[&str]) -> Result<(), ConfigError> {
    let known = schemes.iter().any(|scheme| {
        value.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://") && rest.len() > "://".len())
    });
    if known {
        return Ok(());
    }
    let allowed = schemes.iter().map(|scheme| format!("{scheme}://...")).collect::<Vec<_>>().join(" or ");
    Err(ConfigError::new(key, format_args!("{value:?}"), allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        ProducersConfig::default().validate().unwrap();
    }

    #[test]
    fn a_mistake_names_key_value_and_what_is_allowed() {
        let mut config = ProducersConfig::default();
        config.outbox.linger_ms = 90_000;
        let error = config.validate().unwrap_err();
        assert_eq!(error.to_string(), "`outbox.linger_ms` is 90000; allowed is 0 to 60000");

        let mut config = ProducersConfig::default();
        config.bpi.sources[0].url = Some("ftp://prices".to_owned());
        let error = config.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`bpi.sources[0].url` is \"ftp://prices\"; allowed is http://... or https://..."
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<ProducersConfig>(r#"{"outbox":{"linger":5}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `linger`"), "{error}");
    }
}
