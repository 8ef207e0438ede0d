//! Documents as messages of their topic, on their way to the secondary index.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trombe::Failure;
use trombe_connectors::{Document, Message, Record};

/// A document as it stands in the topic: JSON, the source in it byte for byte.
#[derive(Serialize)]
struct Envelope<'a> {
    index: &'a str,
    id: &'a str,
    version: u64,
    timestamp: DateTime<Utc>,
    source: &'a RawValue,
}

#[derive(Deserialize)]
struct OwnedEnvelope {
    index: String,
    id: String,
    version: u64,
    timestamp: DateTime<Utc>,
    source: Box<RawValue>,
}

/// The key of a document's messages: all its versions keep their order.
pub(crate) fn key(document: &Document) -> String {
    format!("{}/{}", document.index, document.id)
}

/// The document as a message. Its time is now, and not the document's: retention counts from it.
pub(crate) fn message(document: &Document) -> Result<Message, Failure> {
    let Document { index, id, version, timestamp, source } = document;
    let source = serde_json::from_str(source).map_err(Failure::reject)?;
    let envelope = Envelope { index, id, version: *version, timestamp: *timestamp, source };
    Ok(Message {
        key: key(document).into(),
        value: serde_json::to_vec(&envelope).map_err(Failure::reject)?.into(),
        timestamp_ms: Utc::now().timestamp_millis(),
        headers: vec![("source".to_owned(), "document".into())],
    })
}

/// The document of a record.
pub(crate) fn read(record: &Record) -> Result<Document, Failure> {
    let refuse = |error| Failure::reject(format!("this is no document: {error}"));
    let envelope: OwnedEnvelope = serde_json::from_slice(&record.message.value).map_err(refuse)?;
    let OwnedEnvelope { index, id, version, timestamp, source } = envelope;
    Ok(Document { index, id, version, timestamp, source: Box::<str>::from(source).into() })
}

#[cfg(test)]
mod tests {
    use trombe_connectors::Position;

    use super::*;

    #[test]
    fn a_document_comes_back_byte_for_byte() {
        let source = "{ \"eur_exact\":\"1.10\", \"n\": 1.0e3, \"text\":\"\\u00e9 \u{e9} \\/\" }";
        let document = Document {
            index: "btc-value".to_owned(),
            id: "an id/\"quoted\"".to_owned(),
            version: u64::MAX >> 1,
            timestamp: DateTime::from_timestamp_millis(1_730_412_000_123).unwrap(),
            source: source.to_owned(),
        };
        let message = message(&document).unwrap();
        assert_eq!(message.key, key(&document));
        let position = Position { topic: "t".to_owned(), partition: 0, offset: 0 };
        assert_eq!(read(&Record { position, message }).unwrap(), document);
    }

    #[test]
    fn what_is_no_document_is_rejected() {
        let position = Position { topic: "t".to_owned(), partition: 0, offset: 0 };
        let message = Message { value: "{}".into(), ..Message::default() };
        let failure = read(&Record { position, message }).unwrap_err();
        assert_eq!(failure.kind(), trombe::FailureKind::Reject);
    }
}
