//! A row of a price table, the project's own or a user's.

use serde::Deserialize;

use super::Observation;
use super::field::{self, Field};
use crate::error::{ParseError, Why};
use crate::json;

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    time: Field<'a>,
    #[serde(borrow)]
    eur: Field<'a>,
}

/// `{"time":1727740800,"eur":"56874.6"}`. The time is the row's key, so that it may not be missing.
pub(super) fn row(text: &str) -> Result<Observation, ParseError> {
    let row: Row<'_> = json::object(text)?;
    let at = field::time(row.time, "time")?.ok_or_else(|| ParseError::path("time", Why::Missing))?;
    Ok(Observation { eur: field::eur(row.eur, "eur")?, at: Some(at) })
}
