//! What comes back out of the log and the state's store.

use btc_topology::fuzzing::{self, Row};
use bytes::Bytes;
use trombe_connectors::kafka::fuzzing::state_record;
use trombe_connectors::{Message, Position, Record};

use crate::{choose, chosen, texts};

fn record(key: &[u8], value: &[u8]) -> Record {
    let position = Position { topic: "p3-btc-dead-letter".to_owned(), partition: 3, offset: 7 };
    let message = Message {
        key: Bytes::copy_from_slice(key),
        value: Bytes::copy_from_slice(value),
        timestamp_ms: 1_727_740_800_000,
        headers: vec![("source".to_owned(), Bytes::copy_from_slice(key))],
    };
    Record { position, message }
}

/// Lines of a kind and a row: what is read is written as something that reads the same, and any rows have documents.
pub(crate) fn check_rows(data: &[u8]) -> bool {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| choose(line, Row::EVERY.len()));
    let rows: Vec<(Row, &[u8])> = lines.map(|(kind, row)| (Row::EVERY[kind], row)).collect();
    let mut good = false;
    for (kind, row) in &rows {
        let Ok(again) = kind.rewritten(row) else { continue };
        good = true;
        assert_eq!(kind.rewritten(&again).expect("our own row"), again);
        if let Row::Sightings = kind {
            assert!(row.starts_with(&again), "a row is not what was written");
        }
    }
    fuzzing::versions(&rows);
    good
}

pub(crate) fn row_seeds() -> Vec<Vec<u8>> {
    let hash = "00000000000000000000000000000000000000000000000000000000000000ab";
    let partial = format!(
        r#"{{"group":3,"hour":0,"version":2,"tx_count":2,"largest":{{"outputs_sat":7,"txid":"{hash}","minute":5}},"minutes":[{{"minute":5,"outputs_sat":9,"adjusted_sat":8}}]}}"#
    );
    let block = format!(
        r#"{{"hash":"{hash}","prev_hash":null,"height":1,"time_s":60,"reward_sat":5000000000,"slug":"first","miner":"First"}}"#
    );
    let price = r#"{"time_s":30,"source":"kraken","eur":"56874.6"}"#;
    let most = |group| {
        let most = u64::MAX;
        let partial = format!(
            r#"{{"group":{group},"hour":0,"version":{most},"tx_count":{most},"largest":null,"minutes":[{{"minute":255,"outputs_sat":{most},"adjusted_sat":{most}}}]}}"#
        );
        chosen(1, partial)
    };
    let overflowing = [most(1), most(2), chosen(3, price)].join(&b'\n');
    let together = [chosen(1, &partial), chosen(2, &block), chosen(3, price)].join(&b'\n');
    vec![chosen(0, [7; 112]), chosen(1, partial), chosen(2, block), chosen(3, price), together, overflowing]
}

/// The first byte is how many messages the row is of.
pub(crate) fn check_batch(data: &[u8]) -> bool {
    use trombe_connectors::embedded::fuzzing;
    let Some((count, row)) = data.split_first() else { return false };
    let Some(messages) = fuzzing::batch(i64::from(*count), row) else { return false };
    assert_eq!(messages.len(), usize::from(*count));
    assert_eq!(fuzzing::batch_row(&messages), row);
    true
}

pub(crate) fn batch_seeds() -> Vec<Vec<u8>> {
    let messages = [b"a", b"b"].map(|key| record(key, b"{}").message);
    vec![[&[2], &*trombe_connectors::embedded::fuzzing::batch_row(&messages)].concat()]
}

/// The first 32 bytes are the key. Whatever the record holds, it becomes a letter, and that one stays as it is.
pub(crate) fn check_dead_letter(data: &[u8]) -> bool {
    let Some((key, value)) = data.split_at_checked(32) else { return false };
    let Ok((message, document)) = fuzzing::dead_letter(&record(key, value)) else { return false };
    let again = Record { message, ..record(key, value) };
    let (_, same) = fuzzing::dead_letter(&again).expect("our own letter");
    assert_eq!(same, document);
    assert_eq!(document.id.len(), 32, "{document:?}");
    assert!(!document.source.contains('\n'), "a document is one line");
    true
}

pub(crate) fn dead_letter_seeds() -> Vec<Vec<u8>> {
    let letter = r#"{"reason":"not JSON","source":"kraken","topic":"p3-btc-bpi","partition":1,"offset":7,"feed":"live","time_ms":1727740800000,"raw_base64":"e30=","raw_bytes":2}"#;
    let key = "0123456789abcdef0123456789abcdef";
    texts(&[&format!("{key}{letter}"), &format!("{:32}{letter}", "x"), &format!("{key}garbage")])
}

/// A document that is understood comes back byte for byte.
pub(crate) fn check_envelope(data: &[u8]) -> bool {
    let Ok(document) = fuzzing::document(&record(b"", data)) else { return false };
    let message = fuzzing::envelope(&document).expect("its source is JSON");
    let again = fuzzing::document(&Record { message, ..record(b"", b"") }).expect("our own envelope");
    assert_eq!(again, document);
    true
}

pub(crate) fn envelope_seeds() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"index":"btc-value","id":"a","version":3,"timestamp":"2024-10-19T00:00:00Z","source":{ "eur_exact":"1.10", "n": 1.0e3 }}"#,
    ])
}

/// Three fields behind their lengths (key, expiry, value): a record that is understood is written again with the same key and value.
pub(crate) fn check_state_record(data: &[u8]) -> bool {
    let Some((key, rest)) = field(data) else { return false };
    let Some((expires_ms, value)) = field(rest) else { return false };
    let expires_ms = (!expires_ms.is_empty()).then_some(expires_ms);
    let value = (!value.is_empty()).then_some(value);
    let Some(again) = state_record(key, value, expires_ms) else { return false };
    assert_eq!((again.0.as_slice(), again.1.as_deref()), (key, value));
    let digits = again.2.map(|at| at.to_string());
    assert_eq!(state_record(key, value, digits.as_deref().map(str::as_bytes)), Some(again));
    true
}

fn field(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

pub(crate) fn state_record_seeds() -> Vec<Vec<u8>> {
    let row = |key: &[u8], expires_ms: &[u8], value: &[u8]| {
        let field = |bytes: &[u8]| [&[u8::try_from(bytes.len()).expect("a short field")], bytes].concat();
        [field(key), field(expires_ms), value.to_vec()].concat()
    };
    vec![
        row(b"e\0\x05countthe", b"", b"7"),
        row(b"e\0\x05countthe", b"1727740800000", b"7"),
        row(b"e\0\x05countthe", b"", b""),
        row(b"ffeed", b"", b"sample"),
        row(b"o", b"", b"host:1"),
    ]
}
