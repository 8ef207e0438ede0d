//! Reading JSON from outside: limits first, one pass, and a path when it fails.

mod bounded;
mod plain;
mod scalar;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::de::Deserialize;
use serde_json::value::RawValue;

pub(crate) use bounded::Bounded;
pub(crate) use plain::Plain;
pub(crate) use scalar::{Amount, MaybeAmount, MaybeCount, MaybeText, Seconds, Text};

use crate::error::{ParseError, Why};

/// The genesis block's time, in Unix seconds.
const TIME_S_MIN: i64 = 1_231_006_505;
/// The last time that a block's header can hold, in Unix seconds: February 2106.
const TIME_S_MAX: i64 = u32::MAX as i64;
/// Quoted text in an error, in bytes.
const QUOTE_BYTES_MAX: usize = 80;
/// The library's reason in an error, in bytes. It quotes the culprit whole, then says what is allowed.
const REASON_BYTES_MAX: usize = 400;

/// The message as text, if it keeps the limits.
pub(crate) fn text(value: &[u8], bytes_max: usize, depth_max: usize) -> Result<&str, ParseError> {
    if value.len() > bytes_max {
        return Err(ParseError::message(Why::TooLong { bytes: value.len(), bytes_max }));
    }
    let text =
        std::str::from_utf8(value).map_err(|error| ParseError::byte(error.valid_up_to(), Why::NotUtf8))?;
    check_depth(value, depth_max)?;
    Ok(text)
}

fn check_depth(value: &[u8], depth_max: usize) -> Result<(), ParseError> {
    // `[` and `{` differ in one bit. A message that opens few brackets cannot be deep, and counting them all,
    // in bytes that do not overflow, takes a small part of what the exact scan takes.
    let opened = value.chunks(224).map(|chunk| {
        let opened: u8 = chunk.iter().map(|&byte| u8::from(byte | 0x20 == b'{')).sum();
        usize::from(opened)
    });
    let opened: usize = opened.sum();
    if opened <= depth_max {
        return Ok(());
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (offset, &byte) in value.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > depth_max {
                    return Err(ParseError::byte(offset, Why::TooDeep { depth_max }));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a value; on failure reads again, slowly, to find the path of the culprit.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|error| locate::<T>(text, &error))
}

/// Reads a value that must be an object: derived structs would take an array for one.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ParseError> {
    let start = text.len() - text.trim_ascii_start().len();
    match text.as_bytes().get(start) {
        Some(b'{') => parse(text),
        Some(_) => Err(ParseError::byte(start, Why::Json("not an object".to_owned()))),
        None => Err(ParseError::byte(start, Why::Json("empty".to_owned()))),
    }
}

/// The text of a number or a string; `None` for anything else.
pub(crate) fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(value.get()).ok().map(|Text(text)| text),
        Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(value.get())),
        _ => None,
    }
}

/// A time in Unix seconds (a fraction is dropped) or RFC 3339, if it lies in Bitcoin's life.
pub(crate) fn time(text: &str) -> Option<DateTime<Utc>> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let Ok(seconds) = seconds.parse() {
        let is_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
        return unix_time(seconds).filter(|_| is_fraction);
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    (TIME_S_MIN..=TIME_S_MAX).contains(&time.timestamp()).then_some(time)
}

/// A time in Unix seconds, if it lies in Bitcoin's life.
pub(crate) fn unix_time(seconds: i64) -> Option<DateTime<Utc>> {
    (TIME_S_MIN..=TIME_S_MAX).contains(&seconds).then(|| DateTime::from_timestamp(seconds, 0)).flatten()
}

/// The receive time that stands in for a provider's.
pub(crate) fn received(received_ms: i64) -> Result<DateTime<Utc>, ParseError> {
    DateTime::from_timestamp_millis(received_ms)
        .ok_or_else(|| ParseError::message(Why::Time(format!("received at {received_ms} ms"))))
}

/// The beginning of a text, for an error.
pub(crate) fn shorten(text: &str) -> String {
    text[..text.floor_char_boundary(QUOTE_BYTES_MAX)].to_owned()
}

#[cold]
fn locate<'a, T: Deserialize<'a>>(text: &'a str, error: &serde_json::Error) -> ParseError {
    if error.is_data() {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        if let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            let path = error.path().to_string();
            let reason = reason(error.inner());
            return match path.as_str() {
                "." => ParseError::message(Why::Json(reason)),
                _ => ParseError::path(path, Why::Json(reason)),
            };
        }
    }
    ParseError::byte(offset(text, error.line(), error.column()), Why::Json(reason(error)))
}

/// The library's text without its "at line .. column ..", and of a long one the beginning and the end.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    let text = &text[..end];
    if text.len() <= REASON_BYTES_MAX {
        return text.to_owned();
    }
    let half = REASON_BYTES_MAX / 2;
    let (start, end) = (text.floor_char_boundary(half), text.ceil_char_boundary(text.len() - half));
    format!("{} ... {}", &text[..start], &text[end..])
}

/// The byte offset of a line and a column, both counted from one.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}
