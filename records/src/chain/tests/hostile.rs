//! Messages that no honest provider sends.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use expect_test::expect;
use proptest::prelude::*;

use super::super::{SOURCES, parse_chain};
use super::{RECEIVED_MS, check, hash, mempool_block, utx};
use crate::{ChainMessage, Limits, PoolList};

#[test]
fn amounts() {
    let cases = [
        "-1",
        "-1.5",
        "0.5",
        "1e5",
        "1e300",
        "2100000000000001",
        "18446744073709551615",
        "18446744073709551616",
        "null",
        "true",
        "\"1,000\"",
        "\"\"",
        "[1]",
        "1,\"value\":2",
        "NaN",
    ];
    let message = |value: &str| utx("[]", &format!(r#"[{{"value":1}},{{"value":{value}}}]"#));
    check(
        "blockchain-info",
        cases,
        message,
        &expect![[r#"
        -1
          Error: x.out[1].value: negative: an amount is zero or more: see the provider's documentation
        -1.5
          Error: x.out[1].value: negative: an amount is zero or more: see the provider's documentation
        0.5
          Error: x.out[1].value: a fraction of a satoshi: write a whole number of satoshi: see the provider's documentation
        1e5
          Error: x.out[1].value: a fraction of a satoshi: write a whole number of satoshi: see the provider's documentation
        1e300
          Error: x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation
        2100000000000001
          Error: x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation
        18446744073709551615
          Error: x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation
        18446744073709551616
          Error: x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation
        null
          Error: x.out[1].value: invalid type: null, expected a number of satoshi: see the provider's documentation
        true
          Error: x.out[1].value: invalid type: boolean `true`, expected a number of satoshi: see the provider's documentation
        "1,000"
          Error: x.out[1].value: invalid value: string "1,000", expected a number of satoshi: see the provider's documentation
        ""
          Error: x.out[1].value: invalid value: string "", expected a number of satoshi: see the provider's documentation
        [1]
          Error: x.out[1].value: invalid type: sequence, expected a number of satoshi: see the provider's documentation
        1,"value":2
          Error: x.out[1]: duplicate field `value`: see the provider's documentation
        NaN
          Error: byte 188: expected value: see the provider's documentation
    "#]],
    );
}

#[test]
fn depth_and_length() {
    let message = |case: &str| match case {
        "deep" => format!(r#"{{"op":"utx","x":{}}}"#, "[".repeat(100_000)),
        "deep and closed" => format!(r#"{{"op":"pong","x":{}{}}}"#, "[".repeat(99), "]".repeat(99)),
        _ => utx(&format!("[{}]", vec!["{}"; Limits::TRANSACTION_PARTS_MAX + 1].join(",")), "[]"),
    };
    check(
        "blockchain-info",
        ["deep", "deep and closed", "long"],
        message,
        &expect![[r#"
            deep
              Error: byte 79: nested deeper than 64 levels: look at what the feed really sends
            deep and closed
              Error: byte 80: nested deeper than 64 levels: look at what the feed really sends
            long
              Error: x.inputs: more than 120000 elements: see the provider's documentation
        "#]],
    );
    let limits = Limits { chain_bytes_max: 10, ..Limits::DEFAULT };
    let pools = PoolList::builtin();
    let error =
        super::super::parse_chain_with("sample", b"{\"op\":\"pong\"}", 0, &pools, &limits).unwrap_err();
    expect!["message: 13 bytes, at most 10 are read: raise the limit if the feed really sends that much"]
        .assert_eq(&error.to_string());
}

/// An error goes into logs and dead letters; it must not bring the message along.
#[test]
fn errors_stay_short() {
    let long = "x".repeat(1_000_000);
    let pools = PoolList::builtin();
    for (source, value) in [
        (long.as_str(), "{}".to_owned()),
        ("blockchain-info", utx("[]", &format!(r#"[{{"value":"{long}"}}]"#))),
        ("mempool-space", format!(r#"{{"blocks":"{long}"}}"#)),
        ("mempool-space", format!(r#"{{"block":{{"{long}":1,"timestamp":"{long}"}}}}"#)),
    ] {
        let error = parse_chain(source, value.as_bytes(), 0, &pools).unwrap_err().to_string();
        assert!(error.len() < 1000, "{} bytes", error.len());
        assert!(error.contains("expected") || error.contains("set the header"), "{error}");
    }
}

/// A coinbase script has at most 100 bytes; every tag would be sought in all of these.
#[test]
fn a_coinbase_script_beyond_consensus_is_not_searched() {
    let script = format!("{}{}", "00".repeat(1_000_000), "2f4632506f6f6c2f");
    let block = mempool_block(7, &format!(r#","extras":{{"coinbaseRaw":"{script}"}}"#));
    let pools = PoolList::builtin();
    match parse_chain("mempool-space", block.as_bytes(), 0, &pools).unwrap() {
        ChainMessage::Blocks(blocks) => {
            assert!(blocks[0].miner.is_unknown());
            assert_eq!(blocks[0].miner.tag.as_ref().map(String::len), Some(100));
        }
        other => panic!("{other:?}"),
    }
}

/// Valid messages for the mutations below.
fn seeds() -> [(&'static str, String); 4] {
    let payer = r#"[{"prev_out":{"addr":"1Payer","value":9},"script":"00"}]"#;
    let outputs = r#"[{"addr":"1Payee","value":5},{"value":3,"addr":"1Payer"}]"#;
    let extras = r#","extras":{"reward":319838750,"pool":{"name":"ViaBTC"},"coinbaseRaw":"00"}"#;
    let hash = hash(9);
    [
        ("blockchain-info", utx(payer, outputs)),
        ("blockchain-info", format!(r#"{{"op":"block","x":{{"hash":"{hash}","time":1469682363}}}}"#)),
        ("mempool-space", format!(r#"{{"blocks":[{}]}}"#, mempool_block(7, extras))),
        (
            "raw-transaction",
            format!(r#"{{"txid":"{hash}","time":1469682363,"outputs_sat":5,"adjusted_sat":3}}"#),
        ),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(value: Vec<u8>, received_ms: i64) {
        for source in SOURCES {
            drop(parse_chain(source.name, &value, received_ms, &PoolList::builtin()));
        }
    }

    #[test]
    fn mutated_messages_never_panic(
        seed in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let (source, message) = &seeds()[seed];
        let mut message = message.clone().into_bytes();
        for (at, byte, edit) in edits {
            let at = at.index(message.len());
            match edit {
                0 => message[at] = byte,
                1 => message.insert(at, byte),
                2 => message.truncate(at + 1),
                _ => message[at] = b"0-\"[]{},:e."[usize::from(byte) % 11],
            }
        }
        if let Ok(ChainMessage::Transaction(transaction)) =
            parse_chain(source, &message, RECEIVED_MS, &PoolList::builtin())
        {
            prop_assert!(transaction.adjusted <= transaction.outputs);
        }
    }
}
