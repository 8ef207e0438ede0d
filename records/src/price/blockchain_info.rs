//! The ticker of blockchain.info.

use serde::Deserialize;

use super::Observation;
use super::field::{self, Field};
use crate::error::{ParseError, Why};
use crate::json;

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow, rename = "EUR")]
    eur: Option<Currency<'a>>,
}

#[derive(Deserialize)]
struct Currency<'a> {
    #[serde(borrow)]
    last: Field<'a>,
}

/// `blockchain.info/ticker`, which tells no time.
pub(super) fn ticker(text: &str) -> Result<Observation, ParseError> {
    let ticker: Ticker<'_> = json::object(text)?;
    let currency = ticker.eur.ok_or_else(|| ParseError::path("EUR", Why::Missing))?;
    Ok(Observation { eur: field::eur(currency.last, "EUR.last")?, at: None })
}
