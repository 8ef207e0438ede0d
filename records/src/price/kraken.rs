//! Kraken: the REST ticker and the websocket's (version 1).

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Observation;
use super::field::{self, Field};
use crate::error::{ParseError, Why};
use crate::json::{self, Text};

#[derive(Deserialize)]
struct Answer<'a> {
    /// Filled with HTTP status 200.
    #[serde(borrow, default)]
    error: Vec<Text<'a>>,
    #[serde(borrow)]
    result: Option<Pairs<'a>>,
}

#[derive(Deserialize)]
struct Pairs<'a> {
    /// Asked for XBTEUR, Kraken answers with its own name of the pair.
    #[serde(borrow, rename = "XXBTZEUR", alias = "XBTEUR", alias = "XBT/EUR", alias = "BTC/EUR")]
    xbt_eur: Option<Ticker<'a>>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    /// The last trade: price and volume.
    #[serde(borrow)]
    c: Option<Vec<Field<'a>>>,
}

impl Ticker<'_> {
    fn observation(self, path: &str) -> Result<Observation, ParseError> {
        let last = self.c.and_then(|last| last.into_iter().next().flatten());
        Ok(Observation { eur: field::eur(last, path)?, at: None })
    }
}

/// `api.kraken.com/0/public/Ticker?pair=XBTEUR` and the websocket's `[channel, ticker, "ticker", "XBT/EUR"]`.
/// Neither tells a time.
pub(super) fn ticker(text: &str) -> Result<Observation, ParseError> {
    if text.trim_ascii_start().starts_with('[') {
        return websocket(text);
    }
    let answer: Answer<'_> = json::object(text)?;
    if let Some(error) = answer.error.first() {
        return Err(field::provider_error("error[0]", &error.0));
    }
    let path = "result.XXBTZEUR";
    let ticker = answer.result.and_then(|result| result.xbt_eur);
    ticker.ok_or_else(|| ParseError::path(path, Why::Missing))?.observation("result.XXBTZEUR.c[0]")
}

#[derive(Deserialize)]
struct Event<'a>(
    IgnoredAny,
    #[serde(borrow)] Ticker<'a>,
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] Text<'a>,
);

fn websocket(text: &str) -> Result<Observation, ParseError> {
    let Event(_, ticker, channel, pair) = json::parse(text)?;
    field::expect(Some(&channel), "[2]", &["ticker"])?;
    field::expect(Some(&pair), "[3]", &["XBT/EUR", "BTC/EUR"])?;
    ticker.observation("[1].c[0]")
}
