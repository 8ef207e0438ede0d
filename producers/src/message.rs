//! From what a feed said to a message for the log: topics, headers, natural keys, dead letters.

use btc_records::hex;
use std::fmt;

use base64::Engine as _;
use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use trombe_connectors::Message;

/// Raw bytes that a dead letter carries at most; `raw_bytes` still tells the whole length.
pub const DEAD_LETTER_RAW_BYTES_MAX: usize = 64 << 10;

/// The topics that the producers write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Price observations.
    Prices,
    /// Blocks.
    Blocks,
    /// Transactions.
    Transactions,
    /// What could not be understood, with the reason.
    DeadLetters,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 4] = [Self::Prices, Self::Blocks, Self::Transactions, Self::DeadLetters];

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prices => "p3-btc-bpi",
            Self::Blocks => "p3-btc-blocks",
            Self::Transactions => "p3-btc-transactions",
            Self::DeadLetters => "p3-btc-dead-letter",
        }
    }

    /// The topic of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// What kind of feed a message came from; shown wherever its content is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedKind {
    /// The providers' live interfaces.
    Live,
    /// The generated sample.
    Sample,
    /// A recording of a live feed.
    Recording,
    /// Raw blocks.
    Blocks,
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FeedKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Live, Self::Sample, Self::Recording, Self::Blocks];

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name in the `feed` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sample => "sample",
            Self::Recording => "recording",
            Self::Blocks => "blocks",
        }
    }
}

/// A message on its way to its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it goes.
    pub topic: Topic,
    /// What goes there.
    pub message: Message,
}

impl Event {
    /// A message of `source` (the parser that understands `value`).
    pub(crate) fn new(
        topic: Topic,
        source: &'static str,
        feed: FeedKind,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        timestamp_ms: i64,
    ) -> Self {
        let headers = headers(Bytes::from_static(source.as_bytes()), feed);
        Self { topic, message: Message { key: key.into(), value: value.into(), timestamp_ms, headers } }
    }

    /// What is kept of bytes that nobody understands.
    ///
    /// The key is a digest of source and bytes, so that the same garbage is the same dead letter again. Where
    /// there are no bytes, the reason names the place, and stands in for them.
    pub(crate) fn dead_letter(reason: &str, source: &str, feed: FeedKind, time_ms: i64, raw: &[u8]) -> Self {
        #[derive(Serialize)]
        struct DeadLetter<'a> {
            reason: &'a str,
            source: &'a str,
            topic: Option<&'a str>,
            partition: Option<u32>,
            offset: Option<u64>,
            feed: FeedKind,
            time_ms: i64,
            raw_base64: String,
            raw_bytes: usize,
        }
        let kept = &raw[..raw.len().min(DEAD_LETTER_RAW_BYTES_MAX)];
        let letter = DeadLetter {
            reason,
            source,
            topic: None,
            partition: None,
            offset: None,
            feed,
            time_ms,
            raw_base64: base64::engine::general_purpose::STANDARD.encode(kept),
            raw_bytes: raw.len(),
        };
        let value = serde_json::to_vec(&letter).expect("plain strings and numbers always serialise");

        let mut engine = sha256::Hash::engine();
        engine.input(source.as_bytes());
        engine.input(if raw.is_empty() { reason.as_bytes() } else { raw });
        let digest = sha256::Hash::from_engine(engine).to_byte_array();

        let headers = headers(Bytes::copy_from_slice(source.as_bytes()), feed);
        let key = hex::encode(&digest[..16]).into();
        Self {
            topic: Topic::DeadLetters,
            message: Message { key, value: value.into(), timestamp_ms: time_ms, headers },
        }
    }

    /// How much of the buffer it takes.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.message.key.len() + self.message.value.len()
    }
}

/// The headers of every message.
pub(crate) fn headers(source: Bytes, feed: FeedKind) -> Vec<(String, Bytes)> {
    vec![("source".to_owned(), source), ("feed".to_owned(), Bytes::from_static(feed.as_str().as_bytes()))]
}

/// The natural key of a price: who said it, and for when, in seconds.
pub(crate) fn price_key(source: &str, observed_s: i64) -> String {
    format!("{source}:{observed_s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_keeps_the_first_bytes_and_tells_the_whole_length() {
        let raw = vec![7; DEAD_LETTER_RAW_BYTES_MAX + 9];
        let event = Event::dead_letter("not JSON", "kraken", FeedKind::Live, 1_000, &raw);
        let value: serde_json::Value = serde_json::from_slice(&event.message.value).unwrap();
        assert_eq!(value["raw_bytes"], 65_545);
        assert_eq!(value["raw_base64"].as_str().unwrap().len(), DEAD_LETTER_RAW_BYTES_MAX.div_ceil(3) * 4);
        assert_eq!(value["topic"], serde_json::Value::Null);
        assert_eq!(event.message.key.len(), 32);
        assert_eq!(event.message.header("source").unwrap(), "kraken");
    }

    #[test]
    fn the_same_garbage_has_the_same_key() {
        let key = |source| Event::dead_letter("x", source, FeedKind::Live, 5, b"<html>").message.key;
        assert_eq!(key("kraken"), key("kraken"));
        assert_ne!(key("kraken"), key("bitstamp"));
    }
}
