//! Ways in for `fuzz/`, which throws bytes at whatever reads rows. No part of what the crate promises.

use super::batch::{Batch, Parts, Stored};
use crate::Message;

/// The messages of a row of so many; `None` if it is damaged.
pub fn batch(count: i64, row: &[u8]) -> Option<Vec<Message>> {
    let last_place = 7;
    Stored::new(last_place, count, row)?.messages().map(|message| Some(message.ok()?.1)).collect()
}

/// The row for these messages.
pub fn batch_row(messages: &[Message]) -> Vec<u8> {
    let mut batch = Batch::default();
    for (place, message) in (0..).zip(messages) {
        batch.push(place, &Parts::of(message));
    }
    batch.messages().to_vec()
}
