//! Every shape once, and what a feed may do to it.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{PARSERS, parse_chain};
use crate::{BlockRecord, ChainMessage, PoolList};

const RECEIVED_MS: i64 = 1_700_000_000_123;

#[track_caller]
fn check(source: &str, value: impl AsRef<[u8]>, expected: &Expect) {
    let actual = match parse_chain(source, value.as_ref(), RECEIVED_MS, &PoolList::builtin()) {
        Ok(ChainMessage::Transaction(transaction)) => format!(
            "{} {} outputs {} adjusted {}",
            &transaction.txid.to_string()[60..],
            transaction.time.format("%FT%T%.fZ"),
            transaction.outputs,
            transaction.adjusted
        ),
        Ok(ChainMessage::Blocks(blocks)) => blocks.iter().map(describe).collect::<Vec<_>>().join("; "),
        Ok(ChainMessage::Control) => "control".to_owned(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&actual);
}

fn describe(block: &BlockRecord) -> String {
    let mut text = format!("{} {}", &block.hash.to_string()[60..], block.miner.name);
    let sat = |amount: Option<crate::Satoshi>| amount.map(crate::Satoshi::to_sat);
    for (name, value) in [
        ("height", block.height.map(u64::from)),
        ("reward", sat(block.reward)),
        ("fees", sat(block.fees)),
        ("outputs", sat(block.outputs)),
        ("count", block.tx_count.map(u64::from)),
        ("size", block.size_bytes.map(u64::from)),
        ("prev", block.prev_hash.map(|hash| hash.as_bytes()[0].into())),
    ] {
        if let Some(value) = value {
            text += &format!(" {name} {value}");
        }
    }
    text
}

fn hash(digit: u8) -> String {
    format!("{digit:064x}")
}

fn utx(inputs: &str, out: &str) -> String {
    format!(
        r#"{{"op":"utx","x":{{"lock_time":"Unavailable","inputs":{inputs},"time":1440086763,"tx_index":0,"hash":"{}","out":{out}}}}}"#,
        hash(0xab)
    )
}

#[test]
fn transactions() {
    let check =
        |inputs: &str, out: &str, expected: &Expect| check("blockchain-info", utx(inputs, out), expected);
    let payer =
        r#"[{"prev_out":{"addr":"1Payer","value":9}},{"prev_out":{"addr":"3Other"}},{"prev_out":null},{}]"#;
    check(
        payer,
        r#"[{"addr":"1Payee","value":5},{"value":3,"addr":"1Payer"}]"#,
        &expect!["00ab 2015-08-20T16:06:03Z outputs 8 adjusted 5"],
    );
    check(
        payer,
        r#"[{"value":0,"script":"6a"},{"addr":null,"value":2},{"addr":"3Other","value":1}]"#,
        &expect!["00ab 2015-08-20T16:06:03Z outputs 3 adjusted 2"],
    );
    check(
        payer,
        r#"[{"addr":"1Pay\u0065r","value":"7"},{"addr":"1Payee","value":2100000000000000}]"#,
        &expect!["x.out: more than 21 million BTC: no such amount exists"],
    );
    check(
        payer,
        r#"[{"addr":"1Payee","value":2100000000000000}]"#,
        &expect!["00ab 2015-08-20T16:06:03Z outputs 2100000000000000 adjusted 2100000000000000"],
    );
    check(
        "[]",
        r#"[{"addr":17,"value":1},{"addr":["x"],"value":2},{"addr":{},"value":4}]"#,
        &expect!["00ab 2015-08-20T16:06:03Z outputs 7 adjusted 7"],
    );
    check(
        "null",
        r#"[{"value":1}]"#,
        &expect!["00ab 2015-08-20T16:06:03Z outputs 1 adjusted 1"],
    );
    check(
        "[]",
        "[]",
        &expect!["x.out: missing: see the provider's documentation"],
    );
    check(
        "[]",
        "null",
        &expect!["x.out: missing: see the provider's documentation"],
    );
}

#[test]
fn hostile_amounts() {
    let check = |value: &str, expected: &Expect| {
        check(
            "blockchain-info",
            utx("[]", &format!(r#"[{{"value":1}},{{"value":{value}}}]"#)),
            expected,
        );
    };
    check(
        "-1",
        &expect!["x.out[1].value: negative: an amount is zero or more: see the provider's documentation"],
    );
    check(
        "-1.5",
        &expect!["x.out[1].value: negative: an amount is zero or more: see the provider's documentation"],
    );
    check(
        "0.5",
        &expect![
            "x.out[1].value: a fraction of a satoshi: write a whole number of satoshi: see the provider's documentation"
        ],
    );
    check(
        "1e5",
        &expect![
            "x.out[1].value: a fraction of a satoshi: write a whole number of satoshi: see the provider's documentation"
        ],
    );
    check(
        "1e300",
        &expect![
            "x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation"
        ],
    );
    check(
        "2100000000000001",
        &expect![
            "x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation"
        ],
    );
    check(
        "18446744073709551615",
        &expect![
            "x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation"
        ],
    );
    check(
        "18446744073709551616",
        &expect![
            "x.out[1].value: more than 21 million BTC: no such amount exists: see the provider's documentation"
        ],
    );
    check(
        "null",
        &expect![
            "x.out[1].value: invalid type: null, expected a number of satoshi: see the provider's documentation"
        ],
    );
    check(
        "true",
        &expect![
            "x.out[1].value: invalid type: boolean `true`, expected a number of satoshi: see the provider's documentation"
        ],
    );
    check(
        "\"1,000\"",
        &expect![[
            r#"x.out[1].value: invalid value: string "1,000", expected a number of satoshi: see the provider's documentation"#
        ]],
    );
    check(
        "\"\"",
        &expect![[
            r#"x.out[1].value: invalid value: string "", expected a number of satoshi: see the provider's documentation"#
        ]],
    );
    check(
        "[1]",
        &expect![
            "x.out[1].value: invalid type: sequence, expected a number of satoshi: see the provider's documentation"
        ],
    );
    check(
        "1,\"value\":2",
        &expect!["x.out[1]: duplicate field `value`: see the provider's documentation"],
    );
    check(
        "NaN",
        &expect!["byte 188: expected value: see the provider's documentation"],
    );
}

#[test]
fn transactions_without_a_part() {
    let check = |x: &str, expected: &Expect| {
        check("blockchain-info", format!(r#"{{"op":"utx","x":{x}}}"#), expected);
    };
    let hash = hash(0xab);
    check(
        &format!(r#"{{"hash":"{hash}","out":[{{"value":1}}]}}"#),
        &expect!["00ab 2023-11-14T22:13:20.123Z outputs 1 adjusted 1"],
    );
    check(
        &format!(r#"{{"hash":"{hash}","time":null,"out":[{{"value":1}}]}}"#),
        &expect!["00ab 2023-11-14T22:13:20.123Z outputs 1 adjusted 1"],
    );
    check(
        &format!(r#"{{"hash":"{hash}","time":"1440086763","out":[{{"value":1}}]}}"#),
        &expect!["00ab 2015-08-20T16:06:03Z outputs 1 adjusted 1"],
    );
    check(
        &format!(r#"{{"hash":"{hash}","time":-5,"out":[{{"value":1}}]}}"#),
        &expect![
            "x.time: invalid type: integer `-5`, expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation"
        ],
    );
    check(
        &format!(r#"{{"hash":"{hash}","time":1440086763000,"out":[{{"value":1}}]}}"#),
        &expect![
            "x.time: invalid value: integer `1440086763000`, expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation"
        ],
    );
    check(
        &format!(r#"{{"hash":"{hash}0","out":[{{"value":1}}]}}"#),
        &expect!["x.hash: not a hash: write 64 hexadecimal digits"],
    );
    check(
        r#"{"out":[{"value":1}]}"#,
        &expect!["x.hash: missing: see the provider's documentation"],
    );
    check("null", &expect!["x: missing: see the provider's documentation"]);
    check(
        "[]",
        &expect![
            "x: invalid length 0, expected struct Body with 10 elements: see the provider's documentation"
        ],
    );
    check(
        "\"x\"",
        &expect![[r#"x: invalid type: string "x", expected struct Body: see the provider's documentation"#]],
    );
}

#[test]
fn blocks_of_blockchain_info() {
    let check = |fields: &str, expected: &Expect| {
        let hash = hash(0xcd);
        let message =
            format!(r#"{{"op":"block","x":{{"hash":"{hash}","time":1469682363,"height":422557{fields}}}}}"#);
        check("blockchain-info", message, expected);
    };
    check("", &expect!["00cd unknown height 422557"]);
    check(
        r#","reward":0,"nTx":0,"size":0,"totalBTCSent":0"#,
        &expect!["00cd unknown height 422557"],
    );
    check(
        r#","reward":1269552705,"nTx":929,"size":585104,"totalBTCSent":807300090190"#,
        &expect!["00cd unknown height 422557 reward 1269552705 outputs 807300090190 count 929 size 585104"],
    );
    check(
        r#","foundBy":{"ip":"1.2.3.4","link":"https:\/\/bw.com\/","description":"BW.COM","time":1}"#,
        &expect!["00cd BWPool height 422557"],
    );
    check(
        r#","foundBy":{"description":"Unknown","ip":"127.0.0.1"}"#,
        &expect!["00cd unknown height 422557"],
    );
    check(
        r#","foundBy":{"description":""}"#,
        &expect!["00cd unknown height 422557"],
    );
    check(r#","foundBy":{}"#, &expect!["00cd unknown height 422557"]);
    check(
        r#","foundBy":"","reward":"""#,
        &expect!["00cd unknown height 422557"],
    );
    check(
        r#","foundBy":"New Pool","reward":null"#,
        &expect!["00cd New Pool height 422557"],
    );
    check(
        r#","foundBy":["x"],"nTx":"many","size":-1"#,
        &expect!["00cd unknown height 422557"],
    );
    check(
        r#","reward":-1"#,
        &expect!["x.reward: negative: an amount is zero or more: see the provider's documentation"],
    );
    check(
        r#","reward":2100000000000001"#,
        &expect![
            "x.reward: more than 21 million BTC: no such amount exists: see the provider's documentation"
        ],
    );
    check(
        r#","height":1"#,
        &expect!["x: duplicate field `height`: see the provider's documentation"],
    );
}

#[test]
fn controls_and_strangers() {
    let check = |value: &str, expected: &Expect| check("blockchain-info", value, expected);
    check(
        r#"{"op":"status","msg":"Connected, Subscribed, Welcome etc..."}"#,
        &expect!["control"],
    );
    check(r#"{"op":"pong"}"#, &expect!["control"]);
    check(r#"{"op":"minute","x":17}"#, &expect!["control"]);
    check(
        r#"{"op":"utx"}"#,
        &expect!["x: missing: see the provider's documentation"],
    );
    check(
        r#"{"op":7}"#,
        &expect!["op: invalid type: integer `7`, expected a string: see the provider's documentation"],
    );
    check(
        r#"{"x":{}}"#,
        &expect!["tx[0]: missing: see the provider's documentation"],
    );
    check("{}", &expect!["tx[0]: missing: see the provider's documentation"]);
    check(
        "[]",
        &expect!["byte 0: not an object: see the provider's documentation"],
    );
    check("", &expect!["byte 0: empty: see the provider's documentation"]);
    check(
        r#"{"op":"pong""#,
        &expect!["byte 11: EOF while parsing an object: see the provider's documentation"],
    );
    self::check(
        "bitcoind",
        "{}",
        &expect![[
            r#"message: no parser for the source "bitcoind": set the header `source` to one of blockchain-info, mempool-space, raw-transaction, raw-block, sample"#
        ]],
    );
}

#[test]
fn rest_blocks() {
    let check = |tx: &str, expected: &Expect| {
        let (hash, prev) = (hash(0xcd), hash(0xce));
        let message = format!(
            r#"{{"hash":"{hash}","prev_block":"{prev}","time":1732816289,"fee":9575563,"n_tx":1678,"height":872365,"tx":{tx}}}"#
        );
        check("blockchain-info", message, expected);
    };
    let coinbase = r#"{"inputs":[{"script":"03ad4f0d2f4d41524120506f6f6c2f","prev_out":{"value":0}}],"out":[{"value":312500000,"addr":"1Miner"},{"value":9575563}]}"#;
    check(
        &format!("[{coinbase}]"),
        &expect!["00cd MARA Pool height 872365 reward 322075563 fees 9575563 count 1678 prev 206"],
    );
    check(
        &format!(r#"[{coinbase},{{"anything":[]}},7]"#),
        &expect!["00cd MARA Pool height 872365 reward 322075563 fees 9575563 count 1678 prev 206"],
    );
    check(
        &format!("[{}]", coinbase.replace(",\"prev_out\":{\"value\":0}", "")),
        &expect!["00cd MARA Pool height 872365 reward 322075563 fees 9575563 count 1678 prev 206"],
    );
    check(
        &format!("[{}]", coinbase.replace("\"value\":0", "\"addr\":\"1Payer\"")),
        &expect!["tx[0].inputs: not a coinbase: fetch the block again"],
    );
    check(
        &format!("[{}]", coinbase.replace("03ad", "zz")),
        &expect!["tx[0].inputs[0].script: not hexadecimal: write two digits for every byte"],
    );
    check(
        &format!("[{}]", coinbase.replace(":312500000", ":2100000000000000")),
        &expect!["tx[0].out: more than 21 million BTC: no such amount exists"],
    );
    check(
        r#"[{"inputs":[],"out":[]}]"#,
        &expect!["tx[0].inputs: not a coinbase: fetch the block again"],
    );
    check("[]", &expect!["tx[0]: missing: see the provider's documentation"]);
    check(
        "{}",
        &expect![
            "tx: invalid type: map, expected an array of transactions: see the provider's documentation"
        ],
    );
}

fn mempool_block(digit: u8, fields: &str) -> String {
    format!(
        r#"{{"id":"{}","previousblockhash":"{}","height":890440,"timestamp":1743535677{fields}}}"#,
        hash(digit),
        hash(digit - 1)
    )
}

#[test]
fn blocks_of_mempool_space() {
    let check = |value: &str, expected: &Expect| check("mempool-space", value, expected);
    let extras = r#","tx_count":3823,"size":1578209,"extras":{"reward":319838750,"totalFees":7338750,"totalOutputAmt":547553568373,"pool":{"name":"ViaBTC"}}"#;
    check(
        &format!(r#"{{"block":{}}}"#, mempool_block(7, extras)),
        &expect![
            "0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6"
        ],
    );
    let two = format!("[{},{}]", mempool_block(5, extras), mempool_block(6, ""));
    check(
        &format!(r#"{{"mempoolInfo":{{}},"blocks":{two},"da":[]}}"#),
        &expect![
            "0005 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 4; 0006 unknown height 890440 prev 5"
        ],
    );
    check(
        &format!(r#"{{"block":{},"blocks":{two}}}"#, mempool_block(7, "")),
        &expect![
            "0005 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 4; 0006 unknown height 890440 prev 5; 0007 unknown height 890440 prev 6"
        ],
    );
    check(
        &two,
        &expect![
            "0005 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 4; 0006 unknown height 890440 prev 5"
        ],
    );
    check(
        &mempool_block(7, extras),
        &expect![
            "0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6"
        ],
    );
    check(
        &format!(r#"{{"block":{}}}"#, mempool_block(7, r#","stale":true"#)),
        &expect![[""]],
    );
    check(r#"{"blocks":[]}"#, &expect![[""]]);
    check(r#"{"mempool-blocks":[{"nTx":1}]}"#, &expect!["control"]);
    check(r#"{"pong":true}"#, &expect!["control"]);
    check(
        "{}",
        &expect!["blocks: missing: see the provider's documentation"],
    );
    check(
        r#"{"blocks":{}}"#,
        &expect![
            "blocks: invalid type: map, expected an array of at most 200 elements: see the provider's documentation"
        ],
    );
    check(
        &format!(
            r#"{{"blocks":[{}]}}"#,
            mempool_block(7, r#","extras":{"reward":-1}"#)
        ),
        &expect![
            "blocks[0].extras.reward: negative: an amount is zero or more: see the provider's documentation"
        ],
    );
    check(
        &format!(r#"{{"blocks":[{},{{"id":"x"}}]}}"#, mempool_block(7, "")),
        &expect!["blocks[1].id: not a hash: write 64 hexadecimal digits"],
    );
    check(
        &format!(r#"{{"blocks":[{}]}}"#, vec![mempool_block(7, ""); 201].join(",")),
        &expect!["blocks: more than 200 elements: see the provider's documentation"],
    );
}

#[test]
fn miners_of_mempool_space() {
    let check = |extras: &str, expected: &Expect| {
        let block = mempool_block(7, &format!(r#","extras":{extras}"#));
        check("mempool-space", format!(r#"{{"block":{block}}}"#), expected);
    };
    check("null", &expect!["0007 unknown height 890440 prev 6"]);
    check("{}", &expect!["0007 unknown height 890440 prev 6"]);
    check(
        r#"{"pool":{"name":"Unknown"},"coinbaseRaw":"032f536c7573682f"}"#,
        &expect!["0007 Braiins Pool height 890440 prev 6"],
    );
    check(
        r#"{"pool":null,"coinbaseAddress":"1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY"}"#,
        &expect!["0007 F2Pool height 890440 prev 6"],
    );
    check(
        r#"{"coinbaseAddresses":["1x","1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY"]}"#,
        &expect!["0007 F2Pool height 890440 prev 6"],
    );
    check(
        r#"{"pool":{"name":"CloverPool"},"coinbaseRaw":"2f746573742f"}"#,
        &expect!["0007 BTC.com height 890440 prev 6"],
    );
    check(
        r#"{"pool":{"name":7}}"#,
        &expect!["0007 unknown height 890440 prev 6"],
    );
    check(
        r#"{"coinbaseRaw":"0"}"#,
        &expect!["block.extras.coinbaseRaw: not hexadecimal: write two digits for every byte"],
    );
}

#[test]
fn the_sample_speaks_both() {
    check(
        "sample",
        utx("[]", r#"[{"value":1}]"#),
        &expect!["00ab 2015-08-20T16:06:03Z outputs 1 adjusted 1"],
    );
    check(
        "sample",
        format!(r#"{{"block":{}}}"#, mempool_block(7, "")),
        &expect!["0007 unknown height 890440 prev 6"],
    );
}

#[test]
fn huge_messages() {
    let deep = format!(r#"{{"op":"utx","x":{}}}"#, "[".repeat(100_000));
    check(
        "blockchain-info",
        deep,
        &expect!["byte 79: nested deeper than 64 levels: look at what the feed really sends"],
    );
    let many = vec!["{}"; crate::Limits::TRANSACTION_PARTS_MAX + 1].join(",");
    check(
        "blockchain-info",
        utx(&format!("[{many}]"), "[]"),
        &expect!["x.inputs: more than 120000 elements: see the provider's documentation"],
    );
}

/// Valid messages for the mutations below.
fn seeds() -> Vec<(&'static str, String)> {
    let payer = r#"[{"prev_out":{"addr":"1Payer","value":9},"script":"00"}]"#;
    let block = mempool_block(
        7,
        r#","extras":{"reward":319838750,"pool":{"name":"ViaBTC"},"coinbaseRaw":"00"}"#,
    );
    vec![
        (
            "blockchain-info",
            utx(
                payer,
                r#"[{"addr":"1Payee","value":5},{"value":3,"addr":"1Payer"}]"#,
            ),
        ),
        (
            "blockchain-info",
            format!(
                r#"{{"op":"block","x":{{"hash":"{}","time":1469682363}}}}"#,
                hash(9)
            ),
        ),
        ("mempool-space", format!(r#"{{"blocks":[{block}]}}"#)),
        (
            "raw-transaction",
            format!(r#"{{"txid":"{}","time":1469682363,"hex":"0100"}}"#, hash(9)),
        ),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(value: Vec<u8>, received_ms: i64) {
        for (source, _) in PARSERS {
            drop(parse_chain(source, &value, received_ms, &PoolList::builtin()));
        }
    }

    #[test]
    fn mutated_messages_never_panic(
        seed in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let (source, message) = seeds().swap_remove(seed);
        let mut message = message.into_bytes();
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
