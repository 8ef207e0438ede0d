//! coindesk.com: the Bitcoin Price Index until February 2025, the Data API since.

use serde::Deserialize;

use super::Observation;
use super::field::{self, Field};
use crate::error::{ParseError, Why};
use crate::json::{self, Text};

#[derive(Deserialize)]
struct Bpi<'a> {
    #[serde(borrow)]
    time: Option<BpiTime<'a>>,
    #[serde(borrow)]
    bpi: Option<BpiTable<'a>>,
}

#[derive(Deserialize)]
struct BpiTime<'a> {
    #[serde(borrow, rename = "updatedISO")]
    updated_iso: Field<'a>,
}

#[derive(Deserialize)]
struct BpiTable<'a> {
    #[serde(borrow, rename = "EUR")]
    eur: Option<BpiRate<'a>>,
}

#[derive(Deserialize)]
struct BpiRate<'a> {
    /// With thousands separators, and exact.
    #[serde(borrow)]
    rate: Field<'a>,
    #[serde(borrow)]
    rate_float: Field<'a>,
}

/// `api.coindesk.com/v1/bpi/currentprice.json` and `currentprice/EUR.json`.
pub(super) fn bpi(text: &str) -> Result<Observation, ParseError> {
    let answer: Bpi<'_> = json::object(text)?;
    let rate = answer.bpi.and_then(|bpi| bpi.eur).ok_or_else(|| ParseError::path("bpi.EUR", Why::Missing))?;
    let eur = match rate.rate {
        Some(_) => field::eur(rate.rate, "bpi.EUR.rate")?,
        None => field::eur(rate.rate_float, "bpi.EUR.rate_float")?,
    };
    let at = field::time(answer.time.and_then(|time| time.updated_iso), "time.updatedISO")?;
    Ok(Observation { eur, at })
}

#[derive(Deserialize)]
struct DataAnswer<'a> {
    #[serde(borrow, rename = "Data")]
    data: Option<DataTable<'a>>,
    #[serde(borrow, rename = "Err")]
    error: Option<DataError<'a>>,
}

#[derive(Deserialize)]
struct DataTable<'a> {
    #[serde(borrow, rename = "BTC-EUR")]
    btc_eur: Option<Tick<'a>>,
}

#[derive(Deserialize)]
struct Tick<'a> {
    #[serde(borrow, rename = "VALUE")]
    value: Field<'a>,
    #[serde(borrow, rename = "VALUE_LAST_UPDATE_TS")]
    updated: Field<'a>,
}

#[derive(Deserialize)]
struct DataError<'a> {
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// `data-api.coindesk.com/index/cc/v1/latest/tick`.
pub(super) fn data_api(text: &str) -> Result<Observation, ParseError> {
    let answer: DataAnswer<'_> = json::object(text)?;
    if let Some(message) = answer.error.and_then(|error| error.message) {
        return Err(field::provider_error("Err.message", &message.0));
    }
    let tick = answer.data.and_then(|data| data.btc_eur);
    let tick = tick.ok_or_else(|| ParseError::path("Data.BTC-EUR", Why::Missing))?;
    Ok(Observation {
        eur: field::eur(tick.value, "Data.BTC-EUR.VALUE")?,
        at: field::time(tick.updated, "Data.BTC-EUR.VALUE_LAST_UPDATE_TS")?,
    })
}
