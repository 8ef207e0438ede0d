//! Coinbase: the spot price (v2) and the exchange's ticker.

use serde::Deserialize;

use super::Observation;
use super::field::{self, Field};
use crate::error::ParseError;
use crate::json::{self, Text};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Spot<'a>>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    time: Field<'a>,
    #[serde(borrow)]
    errors: Option<Vec<Fault<'a>>>,
    /// The exchange's way to report an error.
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Spot<'a> {
    #[serde(borrow)]
    amount: Field<'a>,
    #[serde(borrow)]
    base: Option<Text<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Fault<'a> {
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// `api.coinbase.com/v2/prices/BTC-EUR/spot`, which tells no time, and
/// `api.exchange.coinbase.com/products/BTC-EUR/ticker`.
pub(super) fn answer(text: &str) -> Result<Observation, ParseError> {
    let answer: Answer<'_> = json::object(text)?;
    if let Some(spot) = answer.data {
        field::expect(spot.base.as_ref(), "data.base", &["BTC"])?;
        field::expect(spot.currency.as_ref(), "data.currency", &["EUR"])?;
        return Ok(Observation { eur: field::eur(spot.amount, "data.amount")?, at: None });
    }
    let fault = answer.errors.and_then(|faults| faults.into_iter().find_map(|fault| fault.message));
    if let Some(message) = fault.or(answer.message) {
        return Err(field::provider_error("errors", &message.0));
    }
    Ok(Observation { eur: field::eur(answer.price, "price")?, at: field::time(answer.time, "time")? })
}
