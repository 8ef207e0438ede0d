//! The fields that no record can do without.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::error::{ParseError, Why};
use crate::hash::HashError;
use crate::json::{Seconds, Text};

/// The hash in a field.
pub(crate) fn hash<H: FromStr<Err = HashError>>(
    field: Option<&Text<'_>>,
    path: &str,
) -> Result<H, ParseError> {
    let text = field.ok_or_else(|| ParseError::path(path, Why::Missing))?;
    text.0.parse().map_err(|error: HashError| ParseError::path(path, error))
}

/// The time in a field.
pub(crate) fn time(field: Option<Seconds>, path: &str) -> Result<DateTime<Utc>, ParseError> {
    field.map(|time| time.0).ok_or_else(|| ParseError::path(path, Why::Missing))
}
