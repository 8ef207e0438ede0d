//! Dead letters: records that could not be understood or stored, with the reason, on their way through the log.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use btc_records::hex;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trombe::Failure;
use trombe_connectors::{Document, Message, Record};

use crate::documents::{DEAD_LETTER, DeadLetterDocument};
use crate::raw::header;
use crate::render::document;
use crate::time::rfc3339_ms;

/// How many of a record's bytes are kept.
const RAW_BYTES_MAX: usize = 64 * 1024;

/// How many bytes of each text are kept.
const TEXT_BYTES_MAX: usize = 1024;

/// A dead letter as it stands in its topic, whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    reason: String,
    source: String,
    topic: Option<String>,
    partition: Option<u32>,
    offset: Option<u64>,
    feed: String,
    time_ms: i64,
    raw_base64: String,
    raw_bytes: u64,
    /// The message's key, of which the letter's identity is made; it covers all of the raw bytes.
    #[serde(skip)]
    key: String,
}

impl DeadLetter {
    /// A record that was not understood.
    pub(crate) fn of_record(record: &Record, reason: &impl ToString) -> Self {
        let message = &record.message;
        let source = header(message, "source");
        Self {
            reason: shorten(reason.to_string()),
            key: content_key(&source, &message.value),
            source: shorten(source),
            topic: Some(record.position.topic.clone()),
            partition: Some(record.position.partition),
            offset: Some(record.position.offset),
            feed: shorten(header(message, "feed")),
            time_ms: message.timestamp_ms,
            raw_base64: STANDARD.encode(&message.value[..message.value.len().min(RAW_BYTES_MAX)]),
            raw_bytes: message.value.len() as u64,
        }
    }

    /// A document that `target` (`index` or `secondary`) rejected.
    pub(crate) fn of_document(rejected: &Document, target: &str, reason: &str) -> Self {
        let source = format!("{target}:{}", rejected.index);
        let raw = rejected.source.as_bytes();
        Self {
            reason: shorten(format!("the {target} rejected the document `{}`: {reason}", rejected.id)),
            key: content_key(&source, raw),
            source,
            topic: None,
            partition: None,
            offset: None,
            feed: "unknown".to_owned(),
            time_ms: rejected.timestamp.timestamp_millis(),
            raw_base64: STANDARD.encode(&raw[..raw.len().min(RAW_BYTES_MAX)]),
            raw_bytes: raw.len() as u64,
        }
    }

    /// The letter that a record of the dead letters' topic holds; one that holds none becomes a letter itself.
    pub(crate) fn read(record: &Record) -> Self {
        let key = std::str::from_utf8(&record.message.key).ok().filter(|key| is_content_key(key));
        match (serde_json::from_slice::<Self>(&record.message.value), key) {
            (Ok(letter), Some(key)) => Self { key: key.to_owned(), ..letter },
            (Ok(letter), None) => {
                Self { key: content_key(&letter.source, letter.raw_base64.as_bytes()), ..letter }
            }
            (Err(_), _) => Self::of_record(record, &"unreadable dead letter"),
        }
    }

    /// What tells it from other letters.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Lets go of the record's bytes; their number remains. False: there are none left.
    pub(crate) fn drop_raw(&mut self) -> bool {
        !std::mem::take(&mut self.raw_base64).is_empty()
    }

    /// The letter as a message of its topic.
    pub(crate) fn message(&self) -> Result<Message, Failure> {
        let header = |name: &str, value: &str| (name.to_owned(), Bytes::copy_from_slice(value.as_bytes()));
        Ok(Message {
            key: Bytes::copy_from_slice(self.key.as_bytes()),
            value: serde_json::to_vec(self).map_err(Failure::reject)?.into(),
            timestamp_ms: self.time_ms,
            headers: vec![header("source", &self.source), header("feed", &self.feed)],
        })
    }

    /// The letter as a document. Its id is its content's, so that a record read twice is one letter.
    pub(crate) fn document(self) -> Result<Document, Failure> {
        let source = DeadLetterDocument {
            timestamp: rfc3339_ms(self.time_ms),
            reason: self.reason,
            source: self.source,
            feed: self.feed,
            topic: self.topic,
            partition: self.partition,
            offset: self.offset,
            raw_base64: self.raw_base64,
            raw_bytes: self.raw_bytes,
        };
        document(DEAD_LETTER, self.key, 1, self.time_ms.div_euclid(1_000), &source)
    }
}

fn shorten(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

/// The key of a dead letter: the hexadecimal head of the SHA-256 of source and bytes, as the producers make it too.
fn content_key(source: &str, raw: &[u8]) -> String {
    hex::encode(&Sha256::new().chain_update(source).chain_update(raw).finalize()[..16])
}

fn is_content_key(key: &str) -> bool {
    key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit())
}
