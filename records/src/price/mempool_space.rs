//! The prices of mempool.space.

use serde::Deserialize;

use super::Observation;
use super::field::{self, Field};
use crate::error::ParseError;
use crate::json;

#[derive(Deserialize)]
struct Prices<'a> {
    #[serde(borrow)]
    time: Field<'a>,
    #[serde(borrow, rename = "EUR")]
    eur: Field<'a>,
}

/// `mempool.space/api/v1/prices`. A price that it does not know is -1, hence refused.
pub(super) fn prices(text: &str) -> Result<Observation, ParseError> {
    let prices: Prices<'_> = json::object(text)?;
    Ok(Observation { eur: field::eur(prices.eur, "EUR")?, at: field::time(prices.time, "time")? })
}
