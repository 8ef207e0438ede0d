//! How messages lie in a row: in batches, one message after the other, as a row costs as much as some ten messages.
//!
//! A batch has messages of one partition and one segment, at consecutive offsets, and lies at the place of its last one: so the first
//! row from a place on holds the message of that place, if there is one.

use bytes::{Buf, Bytes};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use super::message::{decode_headers, encode_headers, size};
use crate::Message;

/// The batches from one place on and before another.
pub(super) const SELECT_FROM: &str =
    "SELECT place, count, messages FROM batches WHERE place >= ?1 AND place < ?2 ORDER BY place";

/// The first batch from one place on and before another that has a message of this time or a later one.
pub(super) const SELECT_FROM_TIME: &str = "SELECT place, count, messages FROM batches
     WHERE place >= ?1 AND place < ?2 AND latest_ms >= ?3 ORDER BY place LIMIT 1";

/// What precedes a message, little-endian: its time (64 bits) and the lengths of key, value and headers (32 bits each).
const FRAME_BYTES: usize = 8 + 3 * 4;

/// A batch as it is filled.
#[derive(Debug, Default)]
pub(super) struct Batch {
    last_place: i64,
    count: i64,
    latest_ms: i64,
    messages: Vec<u8>,
}

impl Batch {
    /// Adds the message at the place after the last one's.
    pub(super) fn push(&mut self, place: i64, message: &Message) {
        let headers = encode_headers(&message.headers);
        self.latest_ms =
            if self.count == 0 { message.timestamp_ms } else { self.latest_ms.max(message.timestamp_ms) };
        self.last_place = place;
        self.count += 1;
        self.messages.reserve(FRAME_BYTES + size(message));
        self.messages.extend(message.timestamp_ms.to_le_bytes());
        for part in [&*message.key, &*message.value, &*headers] {
            let length = u32::try_from(part.len()).expect("a message is limited to less than 4 GiB");
            self.messages.extend(length.to_le_bytes());
        }
        for part in [&*message.key, &*message.value, &*headers] {
            self.messages.extend_from_slice(part);
        }
    }

    /// As a row has them.
    pub(super) fn messages(&self) -> &[u8] {
        &self.messages
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
}

/// The messages of a stored batch, each with its place.
#[derive(Debug)]
pub(super) struct Messages {
    next_place: i64,
    rest: Bytes,
}

impl Messages {
    /// Of a row of the statements above. One allocation carries all messages.
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (last_place, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Self::new(last_place - count + 1, Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?)))
    }

    pub(super) fn new(first_place: i64, messages: Bytes) -> Self {
        Self { next_place: first_place, rest: messages }
    }

    /// Leaves out those before a place.
    pub(super) fn from(mut self, place: i64) -> rusqlite::Result<Self> {
        while self.next_place < place
            && let Some(frame) = self.next_frame()
        {
            frame?;
        }
        Ok(self)
    }

    /// The next message's parts as they are stored; nothing follows a damaged one.
    fn next_frame(&mut self) -> Option<rusqlite::Result<Frame>> {
        if self.rest.is_empty() {
            return None;
        }
        self.next_place += 1;
        let frame = Frame::take(&mut self.rest);
        if frame.is_none() {
            self.rest.clear();
        }
        Some(frame.ok_or_else(damaged))
    }
}

impl Iterator for Messages {
    type Item = rusqlite::Result<(i64, Message)>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.next_place;
        let frame = self.next_frame()?;
        Some(frame.and_then(|frame| Ok((place, frame.decode().ok_or_else(damaged)?))))
    }
}

struct Frame {
    timestamp_ms: i64,
    key: Bytes,
    value: Bytes,
    headers: Bytes,
}

impl Frame {
    /// `None`: the bytes are damaged.
    fn take(bytes: &mut Bytes) -> Option<Self> {
        let timestamp_ms = bytes.try_get_i64_le().ok()?;
        let mut length = || bytes.try_get_u32_le().map(|length| length as usize).ok();
        let (key, value, headers) = (length()?, length()?, length()?);
        let mut part = |length| (length <= bytes.len()).then(|| bytes.split_to(length));
        Some(Self { timestamp_ms, key: part(key)?, value: part(value)?, headers: part(headers)? })
    }

    fn decode(self) -> Option<Message> {
        let Self { timestamp_ms, key, value, headers } = self;
        Some(Message { key, value, timestamp_ms, headers: decode_headers(headers)? })
    }
}

/// For bytes that no batch has.
pub(super) fn damaged() -> rusqlite::Error {
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

    proptest! {
        #[test]
        fn messages_come_back_as_they_were_from_any_place_on(
            messages in prop::collection::vec(message(), 1..6),
            from in 0_i64..8,
        ) {
            let mut batch = Batch::default();
            let placed: Vec<_> = (7_i64..).zip(messages).collect();
            for (place, message) in &placed {
                batch.push(*place, message);
            }
            let read = Messages::new(7, batch.messages.into()).from(7 + from).unwrap();
            let read: Vec<_> = read.map(Result::unwrap).collect();
            let expected: Vec<_> = placed.into_iter().filter(|(place, _)| *place >= 7 + from).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn damaged_messages_are_an_error_and_no_panic(blob in prop::collection::vec(any::<u8>(), 0..60)) {
            Messages::new(0, blob.into()).for_each(drop);
        }
    }
}
