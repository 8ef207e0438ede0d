//! The raw indices: every message as it was received.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use btc_records::{BlockRecord, Satoshi};
use trombe::Failure;
use trombe_connectors::{Document, Message, Record};

use crate::documents::{RawBlockFields, RawDocument};
use crate::render::{document, short_hash};
use crate::time::{rfc3339, rfc3339_ms};

/// Longer keys are hashed in an `_id`, in bytes: Elasticsearch takes ids of 512 bytes.
const ID_KEY_BYTES_MAX: usize = 400;

/// A header as text; `unknown` if it is missing.
pub(crate) fn header(message: &Message, name: &str) -> String {
    message
        .header(name)
        .map_or_else(|| "unknown".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
}

/// The raw document of a record. Equal messages give equal documents, wherever in the log they stand.
///
/// The `_id` begins with the time, so that new ones are neighbours in the index's tree of ids: txids alone are scattered all over
/// it, and every document of a bulk request dirties a page of its own.
pub(crate) fn raw_document(
    index: &str,
    record: &Record,
    block: Option<RawBlockFields>,
) -> Result<Document, Failure> {
    let message = &record.message;
    let source = header(message, "source");
    let key = String::from_utf8_lossy(&message.key).into_owned();
    let time = message.timestamp_ms.to_le_bytes();
    let hash = short_hash::<8>(&[source.as_bytes(), &message.value, &time]);
    let timestamp = rfc3339_ms(message.timestamp_ms);
    let id = if key.len() <= ID_KEY_BYTES_MAX {
        format!("{timestamp}:{key}:{hash}")
    } else {
        format!("{timestamp}:{}:{hash}", short_hash::<32>(&[&message.key]))
    };
    let (text, base64) = match std::str::from_utf8(&message.value) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(&message.value))),
    };
    let raw = RawDocument {
        timestamp,
        key,
        source,
        feed: header(message, "feed"),
        message: text,
        message_base64: base64,
        block,
    };
    document(index, id, 1, message.timestamp_ms.div_euclid(1_000), &raw)
}

/// What a raw document says of the block that its message tells of.
pub(crate) fn block_fields(block: &BlockRecord) -> RawBlockFields {
    RawBlockFields {
        hash: block.hash.to_string(),
        height: block.height,
        time: rfc3339(block.time.timestamp()),
        miner: block.miner.name.clone(),
        reward_sat: block.reward.map(Satoshi::to_sat),
        tx_count: block.tx_count,
        outputs_sat: block.outputs.map(Satoshi::to_sat),
        largest_tx: block.largest.map(|largest| largest.txid.to_string()),
        largest_tx_sat: block.largest.map(|largest| largest.outputs.to_sat()),
    }
}
