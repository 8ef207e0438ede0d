//! The fields that every provider has in some form.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use crate::error::{ParseError, Why};
use crate::json;
use crate::money::{Eur, MoneyError};

/// A field as it stands in the message: number, string or anything else.
pub(super) type Field<'a> = Option<&'a RawValue>;

/// The price in a field, be it a number or a string.
pub(super) fn eur(field: Field<'_>, path: &str) -> Result<Eur, ParseError> {
    let field = field.ok_or_else(|| ParseError::path(path, Why::Missing))?;
    let text = json::scalar(field).ok_or_else(|| ParseError::path(path, MoneyError::NotANumber))?;
    let eur = Eur::parse(&text).map_err(|error| ParseError::path(path, error))?;
    if eur.is_zero() {
        return Err(ParseError::path(path, MoneyError::Zero));
    }
    Ok(eur)
}

/// The time in a field, in Unix seconds or RFC 3339; `None` where the provider leaves it out.
pub(super) fn time(field: Field<'_>, path: &str) -> Result<Option<DateTime<Utc>>, ParseError> {
    let Some(field) = field else { return Ok(None) };
    let refused = || ParseError::path(path, Why::Time(json::shorten(field.get())));
    let text = json::scalar(field).ok_or_else(refused)?;
    json::time(&text).map(Some).ok_or_else(refused)
}

/// Refuses an answer about another currency than the one asked for.
pub(super) fn expect(field: Option<&json::Text<'_>>, path: &str, allowed: &[&str]) -> Result<(), ParseError> {
    match field {
        Some(text) if !allowed.contains(&text.0.as_ref()) => Err(ParseError::path(
            path,
            Why::Contradiction("not the price of a bitcoin in EUR: ask for BTC-EUR"),
        )),
        _ => Ok(()),
    }
}

/// The provider's own error.
pub(super) fn provider_error(path: &str, text: &str) -> ParseError {
    ParseError::path(path, Why::Provider(json::shorten(text)))
}
