//! The messages of the log: there and back, and altered on the way.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::super::{decode_block, encode_raw_block, encode_raw_transaction};
use super::{FIRST_PAYMENT, bytes};
use crate::{BlockRecord, ChainMessage, ParseError, PoolList, Satoshi, parse_chain};

fn parse(source: &str, message: &str) -> Result<ChainMessage, ParseError> {
    parse_chain(source, message.as_bytes(), 0, &PoolList::builtin())
}

#[test]
fn messages_round_trip() {
    let bytes = bytes(FIRST_PAYMENT);
    let block = decode_block(&bytes).unwrap();
    let message = String::from_utf8(encode_raw_block(&block, Some(170))).unwrap();
    let ChainMessage::Blocks(records) = parse("raw-block", &message).unwrap() else { panic!("{message}") };
    let expected =
        BlockRecord { height: Some(170), fees: Some(Satoshi::ZERO), ..block.record(&PoolList::builtin()) };
    assert_eq!(records, [expected]);

    let transaction = &block.transactions()[0];
    let message = String::from_utf8(encode_raw_transaction(transaction, block.time())).unwrap();
    let ChainMessage::Transaction(record) = parse("raw-transaction", &message).unwrap() else {
        panic!("{message}")
    };
    assert_eq!((record.txid, record.time), (transaction.txid(), block.time()));
    assert_eq!((record.outputs, record.adjusted), (transaction.outputs(), transaction.adjusted()));
}

/// Each case replaces the first text by the second.
#[track_caller]
fn check(source: &str, message: &[u8], cases: &[(&str, &str)], expected: &Expect) {
    let message = std::str::from_utf8(message).unwrap();
    let mut lines = String::new();
    for (from, to) in cases {
        let altered = message.replacen(from, to, 1);
        assert_ne!(altered, message, "{from}");
        let error = parse(source, &altered).unwrap_err();
        writeln!(lines, "{from} -> {to}\n  {error}").unwrap();
    }
    expected.assert_eq(&lines);
}

#[test]
fn altered_blocks() {
    let bytes = bytes(FIRST_PAYMENT);
    let message = encode_raw_block(&decode_block(&bytes).unwrap(), None);
    let cases = [
        (r#""hash":"0"#, r#""hash":"1"#),
        (r#""hash":"0"#, r#""hash":""#),
        (r#""header":"01"#, r#""header":"02"#),
        (r#""header":"01"#, r#""header":""#),
        (r#""header":"01"#, r#""header":"zz"#),
        (r#""coinbase":"01"#, r#""coinbase":""#),
        (r#"00","n_tx""#, r#"0000","n_tx""#),
        (r#""n_tx":2"#, r#""n_tx":-2"#),
        (r#""outputs_sat":5"#, r#""outputs_sat":0.5"#),
    ];
    check(
        "raw-block",
        &message,
        &cases,
        &expect![[r#"
        "hash":"0 -> "hash":"1
          hash: not the hash of `header`: produce it again
        "hash":"0 -> "hash":"
          hash: not a hash: write 64 hexadecimal digits: see the provider's documentation
        "header":"01 -> "header":"02
          hash: not the hash of `header`: produce it again
        "header":"01 -> "header":"
          header: 79 bytes instead of 80: fetch it again from another node
        "header":"01 -> "header":"zz
          header: not hexadecimal: write two digits for every byte
        "coinbase":"01 -> "coinbase":"
          coinbase: unsupported segwit version: 0: fetch it again from another node
        00","n_tx" -> 0000","n_tx"
          coinbase: 1 bytes follow the end: fetch it again from another node
        "n_tx":2 -> "n_tx":-2
          n_tx: invalid value: integer `-2`, expected u32: see the provider's documentation
        "outputs_sat":5 -> "outputs_sat":0.5
          outputs_sat: invalid type: floating point `0.5`, expected u64: see the provider's documentation
    "#]],
    );
}

#[test]
fn altered_transactions() {
    let bytes = bytes(FIRST_PAYMENT);
    let block = decode_block(&bytes).unwrap();
    let message = encode_raw_transaction(&block.transactions()[0], block.time());
    let cases = [
        (r#""txid":"f4"#, r#""txid":"f"#),
        (r#""time":12"#, r#""time":-12"#),
        (r#""outputs_sat":5"#, r#""outputs_sat":0.5"#),
        (r#""outputs_sat":5"#, r#""outputs_sat":5000000"#),
        (r#""adjusted_sat":5"#, r#""adjusted_sat":-5"#),
        (r#""adjusted_sat":5"#, r#""adjusted_sat":6"#),
        (r#","adjusted_sat""#, r#","adjusted""#),
    ];
    check(
        "raw-transaction",
        &message,
        &cases,
        &expect![[r#"
            "txid":"f4 -> "txid":"f
              txid: not a hash: write 64 hexadecimal digits: see the provider's documentation
            "time":12 -> "time":-12
              time: invalid type: integer `-1231731025`, expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation
            "outputs_sat":5 -> "outputs_sat":0.5
              outputs_sat: a fraction of a satoshi: write a whole number of satoshi: see the provider's documentation
            "outputs_sat":5 -> "outputs_sat":5000000
              outputs_sat: more than 21 million BTC: no such amount exists: see the provider's documentation
            "adjusted_sat":5 -> "adjusted_sat":-5
              adjusted_sat: negative: an amount is zero or more: see the provider's documentation
            "adjusted_sat":5 -> "adjusted_sat":6
              adjusted_sat: more than all outputs: produce it again
            ,"adjusted_sat" -> ,"adjusted"
              message: missing field `adjusted_sat`: see the provider's documentation
        "#]],
    );
}
