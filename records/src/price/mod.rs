//! Price messages: one module a provider.

mod bitstamp;
mod blockchain_info;
mod coinbase;
mod coindesk;
mod field;
mod kraken;
mod mempool_space;
mod table;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::error::{ParseError, Why};
use crate::json;
use crate::limits::Limits;
use crate::money::Eur;
use crate::record::PriceRecord;

/// What a provider's answer says.
struct Observation {
    eur: Eur,
    /// `None` where the provider does not tell when.
    at: Option<DateTime<Utc>>,
}

type Parser = fn(&str) -> Result<Observation, ParseError>;

const PARSERS: [(&str, Parser); 9] = [
    ("coindesk-bpi", coindesk::bpi),
    ("coindesk-data", coindesk::data_api),
    ("coinbase", coinbase::answer),
    ("kraken", kraken::ticker),
    ("bitstamp", bitstamp::ticker),
    ("blockchain-info-ticker", blockchain_info::ticker),
    ("mempool-prices", mempool_space::prices),
    ("csv", table::row),
    ("sample", table::row),
];

/// Reads a price message with the default [`Limits`].
///
/// `source` is the message's header: which provider's parser understands `value`. `received_ms` stands in for
/// the time of observation where the provider tells none.
pub fn parse_price(source: &str, value: &[u8], received_ms: i64) -> Result<PriceRecord, ParseError> {
    parse_price_with(source, value, received_ms, &Limits::DEFAULT)
}

/// Reads a price message within `limits`; see [`parse_price`].
pub fn parse_price_with(
    source: &str,
    value: &[u8],
    received_ms: i64,
    limits: &Limits,
) -> Result<PriceRecord, ParseError> {
    let Some((_, parser)) = PARSERS.iter().find(|(name, _)| *name == source) else {
        let known = PARSERS.map(|(name, _)| name).join(", ");
        return Err(ParseError::message(Why::UnknownSource(json::shorten(source), known)));
    };
    let text = json::text(value, limits.price_bytes_max, limits.json_depth_max)?;
    let Observation { eur, at } = parser(text)?;
    let observed_at = match at {
        Some(at) => at,
        None => json::received(received_ms)?,
    };
    Ok(PriceRecord { observed_at, eur, source: source.to_owned() })
}
