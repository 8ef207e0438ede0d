//! Price messages.

use crate::error::{ParseError, Why};
use crate::limits::Limits;
use crate::record::PriceRecord;

/// Reads a price message with the default [`Limits`].
///
/// `source` is the message's header: which provider's parser understands `value`. `received_ms` stands in for the
/// time of observation where the provider tells none.
pub fn parse_price(source: &str, value: &[u8], received_ms: i64) -> Result<PriceRecord, ParseError> {
    parse_price_with(source, value, received_ms, &Limits::DEFAULT)
}

/// Reads a price message within `limits`; see [`parse_price`].
pub fn parse_price_with(
    source: &str,
    _value: &[u8],
    _received_ms: i64,
    _limits: &Limits,
) -> Result<PriceRecord, ParseError> {
    Err(ParseError::message(Why::UnknownSource(source.to_owned(), String::new())))
}
