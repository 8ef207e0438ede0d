//! How messages lie in a row: in batches, one message after the other, as a row costs as much as some ten messages.
//!
//! A batch has messages of one partition and one segment, at consecutive offsets, and lies at the place of its last one: so the first
//! row from a place on holds the message of that place, if there is one.

use std::borrow::Cow;

use bytes::{Buf, Bytes};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use super::message::{decode_headers, encode_headers};
use super::partition::offset_of;
use crate::Message;

/// The batches from one place on and before another.
pub(super) const SELECT_FROM: &str =
    "SELECT place, count, messages FROM batches WHERE place >= ?1 AND place < ?2 ORDER BY place";

/// The first batch from one place on and before another that has a message of this time or a later one.
pub(super) const SELECT_FROM_TIME: &str = "SELECT place, count, messages FROM batches
     WHERE place >= ?1 AND place < ?2 AND latest_ms >= ?3 ORDER BY place LIMIT 1";

/// What precedes a message, little-endian: its time (64 bits) and the lengths of key, value and headers (32 bits each).
const FRAME_BYTES: usize = 8 + 3 * 4;

/// A message as it is stored.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) timestamp_ms: i64,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) headers: Cow<'a, [u8]>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(Message { key, value, timestamp_ms, headers }: &'a Message) -> Self {
        Self { timestamp_ms: *timestamp_ms, key, value, headers: encode_headers(headers).into() }
    }

    fn bytes(&self) -> usize {
        FRAME_BYTES + self.key.len() + self.value.len() + self.headers.len()
    }
}

/// A batch as it is filled.
#[derive(Debug, Default)]
pub(super) struct Batch {
    last_place: i64,
    count: i64,
    latest_ms: i64,
    messages: Vec<u8>,
}

impl Batch {
    /// Whether the message would leave it within the limit.
    pub(super) fn has_room(&self, message: &Parts<'_>, bytes_max: usize) -> bool {
        self.messages.len() + message.bytes() <= bytes_max
    }

    /// Adds the message at the place after the last one's.
    pub(super) fn push(&mut self, place: i64, message: &Parts<'_>) {
        let Parts { timestamp_ms, key, value, ref headers } = *message;
        self.latest_ms = if self.count == 0 { timestamp_ms } else { self.latest_ms.max(timestamp_ms) };
        self.last_place = place;
        self.count += 1;
        self.messages.reserve(message.bytes());
        self.messages.extend(timestamp_ms.to_le_bytes());
        for part in [key, value, headers] {
            let length = u32::try_from(part.len()).expect("a message is limited to less than 4 GiB");
            self.messages.extend(length.to_le_bytes());
        }
        for part in [key, value, headers] {
            self.messages.extend_from_slice(part);
        }
    }

    /// Writes what it holds, and is empty then.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        connection
            .prepare_cached(
                "INSERT INTO batches (place, count, latest_ms, messages) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((self.last_place, self.count, self.latest_ms, &*self.messages))?;
        self.count = 0;
        self.messages.clear();
        Ok(())
    }

    /// As a row has them.
    pub(super) fn messages(&self) -> &[u8] {
        &self.messages
    }
}

/// A row of the statements above, from some place on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    next_place: i64,
    end_place: i64,
    messages: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Without the messages before a place.
    pub(super) fn from(row: &'a Row<'_>, place: i64) -> rusqlite::Result<Self> {
        let mut stored =
            Self::new(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob()?).ok_or_else(damaged)?;
        while stored.next_place < place.min(stored.end_place) {
            let bytes = frame_bytes(stored.messages).ok_or_else(damaged)?;
            stored.messages = &stored.messages[bytes..];
            stored.next_place += 1;
        }
        Ok(stored)
    }

    /// `None`: no batch is of so many messages there.
    pub(super) fn new(last_place: i64, count: i64, messages: &'a [u8]) -> Option<Self> {
        let is_possible = count > 0 && count <= offset_of(last_place) + 1;
        let end_place = last_place + 1;
        is_possible.then(|| Self { next_place: end_place - count, end_place, messages })
    }

    /// The first message alone: whoever holds it holds no others.
    pub(super) fn first(self) -> rusqlite::Result<Option<(i64, Message)>> {
        if self.next_place == self.end_place {
            return Ok(None);
        }
        let bytes = frame_bytes(self.messages).ok_or_else(damaged)?;
        let end_place = self.next_place + 1;
        Self { end_place, messages: &self.messages[..bytes], ..self }.messages().next().transpose()
    }

    /// The messages, each with its place. One allocation carries them all.
    pub(super) fn messages(self) -> Messages {
        let Self { next_place, end_place, messages } = self;
        Messages { next_place, end_place, rest: Bytes::copy_from_slice(messages) }
    }
}

/// The length of the first message with what precedes it; `None`: the bytes are damaged.
fn frame_bytes(messages: &[u8]) -> Option<usize> {
    let (lengths, _) = messages.get(8..FRAME_BYTES)?.as_chunks();
    let parts: usize = lengths.iter().map(|length| u32::from_le_bytes(*length) as usize).sum();
    Some(FRAME_BYTES + parts).filter(|bytes| *bytes <= messages.len())
}

/// Messages of a batch, each with its place; nothing follows a damaged one.
#[derive(Debug, Default)]
pub(super) struct Messages {
    next_place: i64,
    end_place: i64,
    rest: Bytes,
}

impl Messages {
    /// After the last one's place.
    pub(super) fn end_place(&self) -> i64 {
        self.end_place
    }

    /// `None`: they are fewer or more than they should be, or damaged.
    fn take(&mut self) -> Option<Message> {
        if self.next_place == self.end_place {
            return None;
        }
        let timestamp_ms = self.rest.try_get_i64_le().ok()?;
        let mut length = || self.rest.try_get_u32_le().map(|length| length as usize).ok();
        let lengths = [length()?, length()?, length()?];
        let mut part = |length| (length <= self.rest.len()).then(|| self.rest.split_to(length));
        let [key, value, headers] = [part(lengths[0])?, part(lengths[1])?, part(lengths[2])?];
        Some(Message { key, value, timestamp_ms, headers: decode_headers(headers)? })
    }
}

impl Iterator for Messages {
    type Item = rusqlite::Result<(i64, Message)>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.next_place;
        if place == self.end_place && self.rest.is_empty() {
            return None;
        }
        let message = self.take();
        self.next_place += 1;
        if message.is_none() {
            (self.next_place, self.rest) = (self.end_place, Bytes::new());
        }
        Some(message.map(|message| (place, message)).ok_or_else(damaged))
    }
}

fn damaged() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(2, Type::Blob, "the messages are damaged".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        let headers = prop::collection::vec((".{0,8}", bytes()), 0..3);
        (bytes(), bytes(), any::<i64>(), headers).prop_map(|(key, value, timestamp_ms, headers)| Message {
            key,
            value,
            timestamp_ms,
            headers,
        })
    }

    fn batch(messages: &[Message]) -> Batch {
        let mut batch = Batch::default();
        for (place, message) in (7..).zip(messages) {
            batch.push(place, &Parts::of(message));
        }
        batch
    }

    proptest! {
        #[test]
        fn messages_come_back_as_they_were(messages in prop::collection::vec(message(), 1..6)) {
            let batch = batch(&messages);
            let stored = Stored::new(batch.last_place, batch.count, &batch.messages).unwrap();
            prop_assert_eq!(stored.first().unwrap(), Some((7, messages[0].clone())));
            let read: Vec<_> = stored.messages().map(Result::unwrap).collect();
            prop_assert_eq!(read, (7..).zip(messages).collect::<Vec<_>>());
        }

        #[test]
        fn a_row_of_another_number_of_messages_is_damaged(
            messages in prop::collection::vec(message(), 1..4),
            count in -2_i64..9,
        ) {
            let batch = batch(&messages);
            let whole = Stored::new(7, count, &batch.messages)
                .is_some_and(|stored| stored.messages().all(|message| message.is_ok()));
            prop_assert_eq!(whole, count == batch.count);
        }

        #[test]
        fn damaged_messages_are_an_error_and_no_panic(
            blob in prop::collection::vec(any::<u8>(), 0..60),
            count in 1_i64..4,
        ) {
            let stored = Stored::new(7, count, &blob).unwrap();
            drop(stored.first());
            for message in stored.messages() {
                drop(message);
            }
        }
    }
}
