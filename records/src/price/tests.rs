//! Every shape once, and what a feed may do to it.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{PARSERS, parse_price};

const RECEIVED_MS: i64 = 1_700_000_000_123;

#[track_caller]
fn check(source: &str, value: impl AsRef<[u8]>, expected: &Expect) {
    let actual = match parse_price(source, value.as_ref(), RECEIVED_MS) {
        Ok(price) => format!("{} EUR at {}", price.eur, price.observed_at.format("%FT%T%.fZ")),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&actual);
}

#[test]
fn coindesk_bpi() {
    let message = |iso: &str, rates: &str| format!(r#"{{"time":{iso},"bpi":{{"EUR":{{{rates}}}}}}}"#);
    let iso = r#"{"updatedISO":"2017-11-28T04:05:00+00:00"}"#;
    let check = |iso, rates, expected: &Expect| check("coindesk-bpi", message(iso, rates), expected);
    check(
        iso,
        r#""rate":"8,164.5384","rate_float":8164.5"#,
        &expect!["8164.5384 EUR at 2017-11-28T04:05:00Z"],
    );
    check(iso, r#""rate_float":12556.193"#, &expect!["12556.193 EUR at 2017-11-28T04:05:00Z"]);
    check("null", r#""rate":"46,111.6214""#, &expect!["46111.6214 EUR at 2023-11-14T22:13:20.123Z"]);
    check("{}", r#""rate":"46,111.6214""#, &expect!["46111.6214 EUR at 2023-11-14T22:13:20.123Z"]);
    check(
        iso,
        r#""rate":"8.164,53""#,
        &expect!["bpi.EUR.rate: not a decimal number: write digits with an optional point, such as 42000.50"],
    );
    check(iso, r#""rate":"0.00""#, &expect!["bpi.EUR.rate: zero: a price is more than nothing"]);
    check(
        iso,
        r#""rate":["8"]"#,
        &expect!["bpi.EUR.rate: not a decimal number: write digits with an optional point, such as 42000.50"],
    );
    check(iso, "", &expect!["bpi.EUR.rate_float: missing: see the provider's documentation"]);
    check(
        r#"{"updatedISO":"yesterday"}"#,
        r#""rate":"8""#,
        &expect![[
            r#"time.updatedISO: no time since 2009-01-03: "yesterday", write Unix seconds or RFC 3339"#
        ]],
    );
    check(
        r#"{"updatedISO":"1999-11-28T04:05:00+00:00"}"#,
        r#""rate":"8""#,
        &expect![[
            r#"time.updatedISO: no time since 2009-01-03: "1999-11-28T04:05:00+00:00", write Unix seconds or RFC 3339"#
        ]],
    );
    check(
        "7",
        r#""rate":"8""#,
        &expect![
            "time: invalid type: integer `7`, expected struct BpiTime: see the provider's documentation"
        ],
    );
}

#[test]
fn coindesk_data_api() {
    let check = |value: &str, expected: &Expect| check("coindesk-data", value, expected);
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":70009.4455389552,"VALUE_LAST_UPDATE_TS":1744212053}},"Err":{}}"#,
        &expect!["70009.44553896 EUR at 2025-04-09T15:20:53Z"],
    );
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":7.00094455389552E+4}}}"#,
        &expect!["70009.44553896 EUR at 2023-11-14T22:13:20.123Z"],
    );
    check(
        r#"{"Data":{},"Err":{"type":2,"message":"Instrument not found"}}"#,
        &expect![[r#"Err.message: the provider answers "Instrument not found": see its documentation"#]],
    );
    check(
        r#"{"Data":{"BTC-USD":{"VALUE":1}},"Err":{}}"#,
        &expect!["Data.BTC-EUR: missing: see the provider's documentation"],
    );
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":1e300}}}"#,
        &expect!["Data.BTC-EUR.VALUE: more than 9,999,999,999.99999999 EUR: no such price is accepted"],
    );
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":NaN}}}"#,
        &expect!["byte 28: expected value: see the provider's documentation"],
    );
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":null}}}"#,
        &expect!["Data.BTC-EUR.VALUE: missing: see the provider's documentation"],
    );
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":1,"VALUE":2}}}"#,
        &expect!["Data.BTC-EUR: duplicate field `VALUE`: see the provider's documentation"],
    );
    check(
        r#"{"Data":{"BTC-EUR":{"VALUE":1,"VALUE_LAST_UPDATE_TS":1744212053000}}}"#,
        &expect![
            "Data.BTC-EUR.VALUE_LAST_UPDATE_TS: no time since 2009-01-03: 1744212053000, write Unix seconds or RFC 3339"
        ],
    );
}

#[test]
fn coinbase() {
    let check = |value: &str, expected: &Expect| check("coinbase", value, expected);
    check(
        r#"{"data":{"base":"BTC","currency":"EUR","amount":"8882.40801808"}}"#,
        &expect!["8882.40801808 EUR at 2023-11-14T22:13:20.123Z"],
    );
    check(r#"{"data":{"amount":"97000.10"}}"#, &expect!["97000.1 EUR at 2023-11-14T22:13:20.123Z"]);
    check(r#"{"data":{"amount":"\u0039.5","base":"BTC"}}"#, &expect!["9.5 EUR at 2023-11-14T22:13:20.123Z"]);
    check(
        r#"{"data":{"base":"BTC","currency":"USD","amount":"1"}}"#,
        &expect!["data.currency: not the price of a bitcoin in EUR: ask for BTC-EUR"],
    );
    check(
        r#"{"data":{"base":"ETH","currency":"EUR","amount":"1"}}"#,
        &expect!["data.base: not the price of a bitcoin in EUR: ask for BTC-EUR"],
    );
    check(
        r#"{"trade_id":1,"price":"246.28000000","time":"2015-04-08T20:49:06.506997Z"}"#,
        &expect!["246.28 EUR at 2015-04-08T20:49:06.506997Z"],
    );
    check(
        r#"{"message":"NotFound"}"#,
        &expect![[r#"errors: the provider answers "NotFound": see its documentation"#]],
    );
    check(
        r#"{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}"#,
        &expect![[r#"errors: the provider answers "Too many requests": see its documentation"#]],
    );
    check(r#"{"price":"-246.28"}"#, &expect!["price: negative: an amount is zero or more"]);
    check("{}", &expect!["price: missing: see the provider's documentation"]);
}

#[test]
fn kraken() {
    let check = |value: &str, expected: &Expect| check("kraken", value, expected);
    check(
        r#"{"error":[],"result":{"XXBTZEUR":{"c":["9058.80000","0.002"]}}}"#,
        &expect!["9058.8 EUR at 2023-11-14T22:13:20.123Z"],
    );
    check(
        r#"{"error":[],"result":{"XBTEUR":{"c":["9058.80000"]}}}"#,
        &expect!["9058.8 EUR at 2023-11-14T22:13:20.123Z"],
    );
    check(
        r#"{"error":["EQuery:Unknown asset pair"]}"#,
        &expect![[r#"error[0]: the provider answers "EQuery:Unknown asset pair": see its documentation"#]],
    );
    check(
        r#"{"error":["EGeneral:Too many requests"],"result":{}}"#,
        &expect![[r#"error[0]: the provider answers "EGeneral:Too many requests": see its documentation"#]],
    );
    check(
        r#"{"error":[],"result":{"XXBTZUSD":{"c":["9058.80000"]}}}"#,
        &expect!["result.XXBTZEUR: missing: see the provider's documentation"],
    );
    check(
        r#"{"error":[],"result":{"XXBTZEUR":{"c":[]}}}"#,
        &expect!["result.XXBTZEUR.c[0]: missing: see the provider's documentation"],
    );
    check(
        r#"[15,{"c":["9971.00000","1.0"]},"ticker","XBT/EUR"]"#,
        &expect!["9971 EUR at 2023-11-14T22:13:20.123Z"],
    );
    check(
        r#"[15,{"c":["9971.00000","1.0"]},"ticker","XBT/USD"]"#,
        &expect!["[3]: not the price of a bitcoin in EUR: ask for BTC-EUR"],
    );
    check(
        r#"[15,{"c":["9971.00000","1.0"]},"ohlc-5","XBT/EUR"]"#,
        &expect!["[2]: not the price of a bitcoin in EUR: ask for BTC-EUR"],
    );
    check(
        r#"[15,{"c":["9971.00000"]}]"#,
        &expect![
            "message: invalid length 2, expected tuple struct Event with 4 elements: see the provider's documentation"
        ],
    );
    check(r#"{"event":"heartbeat"}"#, &expect!["result.XXBTZEUR: missing: see the provider's documentation"]);
}

#[test]
fn bitstamp() {
    let check = |value: &str, expected: &Expect| check("bitstamp", value, expected);
    check(
        r#"{"high":"138.22","last":"134.89","timestamp":"1381787133"}"#,
        &expect!["134.89 EUR at 2013-10-14T21:45:33Z"],
    );
    check(
        r#"{"timestamp":"1700000001","open":"34900","last":"34886","side":"0","open_24":"1","percent_change_24":"1"}"#,
        &expect!["34886 EUR at 2023-11-14T22:13:21Z"],
    );
    check(r#"{"last":134.89,"timestamp":1381787133}"#, &expect!["134.89 EUR at 2013-10-14T21:45:33Z"]);
    check(
        r#"{"error":"Missing key"}"#,
        &expect![[r#"error: the provider answers "\"Missing key\"": see its documentation"#]],
    );
    check(
        r#"{"last":"134.89","timestamp":true}"#,
        &expect!["timestamp: no time since 2009-01-03: true, write Unix seconds or RFC 3339"],
    );
    check(
        r#"{"last":"1e","timestamp":"1381787133"}"#,
        &expect!["last: not a decimal number: write digits with an optional point, such as 42000.50"],
    );
}

#[test]
fn blockchain_info_and_mempool_space() {
    let ticker = |value: &str, expected: &Expect| check("blockchain-info-ticker", value, expected);
    ticker(
        r#"{"USD":{"last":33438.82},"EUR":{"15m":1,"last":28193.8,"symbol":"EUR"}}"#,
        &expect!["28193.8 EUR at 2023-11-14T22:13:20.123Z"],
    );
    ticker(r#"{"USD":{"last":33438.82}}"#, &expect!["EUR: missing: see the provider's documentation"]);
    ticker(r#"{"EUR":{}}"#, &expect!["EUR.last: missing: see the provider's documentation"]);
    let prices = |value: &str, expected: &Expect| check("mempool-prices", value, expected);
    prices(r#"{"time":1703252411,"USD":43753,"EUR":40545}"#, &expect!["40545 EUR at 2023-12-22T13:40:11Z"]);
    prices(
        r#"{"time":1703252411,"USD":43753,"EUR":-1}"#,
        &expect!["EUR: negative: an amount is zero or more"],
    );
    prices(r#"{"time":1703252411,"USD":43753,"EUR":0}"#, &expect!["EUR: zero: a price is more than nothing"]);
}

#[test]
fn tables() {
    check("csv", r#"{"time":1727740800,"eur":"56874.6"}"#, &expect!["56874.6 EUR at 2024-10-01T00:00:00Z"]);
    check(
        "sample",
        r#"{"time":"1727740800","eur":56874.6}"#,
        &expect!["56874.6 EUR at 2024-10-01T00:00:00Z"],
    );
    check("csv", r#"{"time":1727740800.75,"eur":56874.6}"#, &expect!["56874.6 EUR at 2024-10-01T00:00:00Z"]);
    check(
        "csv",
        r#"{"time":"1727740800.5e1","eur":56874.6}"#,
        &expect![[r#"time: no time since 2009-01-03: "1727740800.5e1", write Unix seconds or RFC 3339"#]],
    );
    check("csv", r#"{"eur":"56874.6"}"#, &expect!["time: missing: see the provider's documentation"]);
}

#[test]
fn hostile_bytes() {
    let check = |value: &[u8], expected: &Expect| check("coinbase", value, expected);
    check(b"", &expect!["byte 0: empty: see the provider's documentation"]);
    check(b"  \n", &expect!["byte 3: empty: see the provider's documentation"]);
    check(b"[]", &expect!["byte 0: not an object: see the provider's documentation"]);
    check(
        b"{\"data\":{\"amount\":\"1\xff\"}}",
        &expect!["byte 20: not UTF-8: look at what the feed really sends"],
    );
    check(
        b"{\"data\":\n {\"amount\":\"970",
        &expect!["byte 23: EOF while parsing a string: see the provider's documentation"],
    );
    check(
        b"{\"data\":{\"amount\":\"1\"}} x",
        &expect!["byte 24: trailing characters: see the provider's documentation"],
    );
    check(
        "[".repeat(65).as_bytes(),
        &expect!["byte 64: nested deeper than 64 levels: look at what the feed really sends"],
    );
    check(
        format!(r#"{{"x":{}}}"#, "[".repeat(10_000)).as_bytes(),
        &expect!["byte 68: nested deeper than 64 levels: look at what the feed really sends"],
    );
    check(
        &vec![b' '; 70_000],
        &expect![
            "message: 70000 bytes, at most 65536 are read: raise the limit if the feed really sends that much"
        ],
    );
    self::check(
        "coinmarket",
        b"{}",
        &expect![[
            r#"message: no parser for the source "coinmarket": set the header `source` to one of coindesk-bpi, coindesk-data, coinbase, kraken, bitstamp, blockchain-info-ticker, mempool-prices, csv, sample"#
        ]],
    );
}

#[test]
fn a_quoted_bracket_is_no_nesting() {
    let quoted = r#"{"x":"\"[[[["#.to_owned() + &"[".repeat(100) + r#"","data":{"amount":"1"}}"#;
    check("coinbase", quoted, &expect!["1 EUR at 2023-11-14T22:13:20.123Z"]);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(value: Vec<u8>, received_ms: i64) {
        for (source, _) in PARSERS {
            drop(parse_price(source, &value, received_ms));
        }
    }

    #[test]
    fn arbitrary_json_never_panics(value in r#"([\[\]{},:"0-9e.\-]|"(data|amount|bpi|EUR|c|result|price|time|last)":|null){0,40}"#) {
        for (source, _) in PARSERS {
            drop(parse_price(source, value.as_bytes(), RECEIVED_MS));
        }
    }

    #[test]
    fn a_price_is_kept_to_the_last_digit(whole in 1_u32.., fraction in "[0-9]{0,7}[1-9]") {
        let value = format!(r#"{{"time":1703252411,"EUR":{whole}.{fraction}}}"#);
        let price = parse_price("mempool-prices", value.as_bytes(), RECEIVED_MS).unwrap();
        prop_assert_eq!(price.eur.to_string(), format!("{whole}.{fraction}"));
    }
}
