//! Bitstamp's ticker.

use serde::Deserialize;

use super::Observation;
use super::field::{self, Field};
use crate::error::ParseError;
use crate::json;

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    last: Field<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow, alias = "reason")]
    error: Field<'a>,
}

/// `www.bitstamp.net/api/v2/ticker/btceur/`. Later versions add fields and keep these two.
pub(super) fn ticker(text: &str) -> Result<Observation, ParseError> {
    let ticker: Ticker<'_> = json::object(text)?;
    if let Some(error) = ticker.error {
        return Err(field::provider_error("error", error.get()));
    }
    Ok(Observation { eur: field::eur(ticker.last, "last")?, at: field::time(ticker.timestamp, "timestamp")? })
}
