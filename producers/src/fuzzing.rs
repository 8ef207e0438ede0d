//! Ways in for `fuzz/`, which throws bytes at whatever reads files and answers. No part of what the crate promises.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use trombe_connectors::Message;

pub use crate::blockchain::fuzzing::{block_page, heard, whole_block};
use crate::feed::{prices_csv, recording};
use crate::http;
use crate::message::{Event, Topic};
use crate::record::Entry;

/// The messages of a recording.
pub fn recording(content: Vec<u8>) -> io::Result<Vec<Event>> {
    recording::read(content)
}

/// The line of a recording that holds a message, or `None` if none can.
pub fn recording_line(topic: Topic, message: &Message) -> Option<Vec<u8>> {
    let text = |bytes| std::str::from_utf8(bytes).ok().map(Into::into);
    let entry = Entry {
        topic: topic.name().into(),
        key: text(&message.key)?,
        source: text(message.header("source")?)?,
        received_ms: message.timestamp_ms,
        value: text(&message.value)?,
    };
    serde_json::to_vec(&entry).ok()
}

/// The messages of a file of prices.
pub fn prices_csv(content: &[u8]) -> Vec<Event> {
    prices_csv::read(content)
}

/// The wait that a `Retry-After` asks for.
pub fn retry_after(value: &[u8], now: DateTime<Utc>) -> Option<Duration> {
    let value = HeaderValue::from_bytes(value).ok()?;
    http::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), now)
}
