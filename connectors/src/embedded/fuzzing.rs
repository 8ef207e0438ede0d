//! Ways in for `fuzz/`, which throws bytes at whatever reads rows. No part of what the crate promises.

use super::batch::{Batch, Parts, Stored};
use super::message::encode_headers;
use crate::Message;

/// The messages of a row of so many; `None` if it is damaged.
pub fn batch(count: i64, row: &[u8]) -> Option<Vec<Message>> {
    let last_place = 7;
    Stored::new(last_place, count, row)?.messages().map(|message| Some(message.ok()?.1)).collect()
}

/// The row for these messages.
pub fn batch_row(messages: &[Message]) -> Vec<u8> {
    let mut batch = Batch::default();
    for (place, Message { key, value, timestamp_ms, headers }) in (0..).zip(messages) {
        let (timestamp_ms, headers) = (*timestamp_ms, &*encode_headers(headers));
        batch.push(place, &Parts { timestamp_ms, key, value, headers });
    }
    batch.messages().to_vec()
}
