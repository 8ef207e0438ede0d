//! The answers of price providers.

use btc_records::parse_price;

use crate::{choose, chosen};

const RECEIVED_MS: i64 = 1_700_000_000_123;

/// Each source with an answer as it gives it.
const ANSWERS: [(&str, &str); 9] = [
    (
        "coindesk-bpi",
        r#"{"time":{"updatedISO":"2017-11-28T04:05:00+00:00"},"bpi":{"EUR":{"rate":"8,164.5384","rate_float":8164.5384}}}"#,
    ),
    (
        "coindesk-data",
        r#"{"Data":{"BTC-EUR":{"TYPE":"266","VALUE":90784.1,"VALUE_LAST_UPDATE_TS":1732816289}},"Err":{}}"#,
    ),
    ("coinbase", r#"{"data":{"amount":"97000.10","base":"BTC","currency":"EUR"}}"#),
    ("kraken", r#"{"error":[],"result":{"XXBTZEUR":{"c":["60001.50000","0.002"]}}}"#),
    ("bitstamp", r#"{"timestamp":"1732816289","last":"90784","pair":"BTC/EUR"}"#),
    ("blockchain-info-ticker", r#"{"EUR":{"15m":90784.1,"last":90784.1,"symbol":"EUR"}}"#),
    ("mempool-prices", r#"{"time":1732816289,"USD":95784,"EUR":90784}"#),
    ("csv", r#"{"time":1727740800,"eur":"56874.6"}"#),
    ("sample", r#"{"time":1727740800,"eur":"56874.6"}"#),
];

pub(crate) fn check(data: &[u8]) -> bool {
    let Some((source, value)) = choose(data, ANSWERS.len()) else { return false };
    let source = ANSWERS[source].0;
    let Ok(price) = parse_price(source, value, RECEIVED_MS) else { return false };
    assert_eq!(price.source, source);
    assert!(price.observed_at.timestamp() >= 1_231_006_505, "before the first block: {price:?}");
    let exact = price.eur.to_string();
    assert!(!exact.starts_with('-') && exact != "0", "no price: {price:?}");
    // What is printed is what is meant: our own table reads it back.
    let row = format!(r#"{{"time":{},"eur":"{exact}"}}"#, price.observed_at.timestamp());
    let again = parse_price("csv", row.as_bytes(), RECEIVED_MS).expect("a printed price can be read");
    assert_eq!(again.eur, price.eur);
    true
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    ANSWERS.iter().enumerate().map(|(number, (_, answer))| chosen(number, answer)).collect()
}
