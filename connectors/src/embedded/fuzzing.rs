//! Ways in for `fuzz/`, which throws bytes at whatever reads rows. No part of what the crate promises.

use bytes::Bytes;

use super::batch::{Batch, Messages};
use crate::Message;

/// The messages of a row; `None` if it is damaged.
pub fn batch(row: Bytes) -> Option<Vec<Message>> {
    Messages::new(0, row).map(|message| Some(message.ok()?.1)).collect()
}

/// The row for these messages.
pub fn batch_row(messages: &[Message]) -> Vec<u8> {
    let mut batch = Batch::default();
    (0..).zip(messages).for_each(|(place, message)| batch.push(place, message));
    batch.messages().to_vec()
}
