//! Reading JSON from outside: limits first, one pass, and a path when it fails.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::error::{ParseError, Why};

/// A text that borrows from the message unless it holds an escape.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The message as text, if it keeps the limits.
pub(crate) fn text(value: &[u8], bytes_max: usize, depth_max: usize) -> Result<&str, ParseError> {
    if value.len() > bytes_max {
        return Err(ParseError::message(Why::TooLong { bytes: value.len(), bytes_max }));
    }
    let text = std::str::from_utf8(value).map_err(|error| ParseError::byte(error.valid_up_to(), Why::NotUtf8))?;
    check_depth(value, depth_max)?;
    Ok(text)
}

fn check_depth(value: &[u8], depth_max: usize) -> Result<(), ParseError> {
    // `[` and `{` differ in one bit. A message that opens few brackets cannot be deep, and counting them all is a
    // small part of what the exact scan costs.
    let opened = value.iter().filter(|&&byte| byte | 0x20 == b'{').count();
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

/// serde_json's text without its "at line .. column ..".
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// The byte offset of a line and a column, both counted from one.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}
