//! Every shape once, and what a feed may do to it. A case is a line: what differs, and what was made of it.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod blockchain_info;
mod hostile;
mod layout;
mod mempool_space;

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::parse_chain;
use crate::{BlockRecord, ChainMessage, PoolList, Satoshi};

const RECEIVED_MS: i64 = 1_700_000_000_123;

/// Reads the message that `message` makes of each case.
#[track_caller]
fn check<const COUNT: usize>(
    source: &str,
    cases: [&str; COUNT],
    message: impl Fn(&str) -> String,
    expected: &Expect,
) {
    let mut lines = String::new();
    for case in cases {
        let outcome = match parse_chain(source, message(case).as_bytes(), RECEIVED_MS, &PoolList::builtin()) {
            Ok(message) => describe(&message),
            Err(error) => format!("Error: {error}"),
        };
        writeln!(lines, "{case}\n  {outcome}").unwrap();
    }
    expected.assert_eq(&lines);
}

fn describe(message: &ChainMessage) -> String {
    match message {
        ChainMessage::Transaction(transaction) => {
            let (txid, time) = (transaction.txid.to_string(), transaction.time.format("%FT%T%.fZ"));
            let (outputs, adjusted) = (transaction.outputs, transaction.adjusted);
            format!("{} {time} outputs {outputs} adjusted {adjusted}", &txid[60..])
        }
        ChainMessage::Blocks(blocks) => {
            format!("[{}]", blocks.iter().map(block).collect::<Vec<_>>().join(", "))
        }
        ChainMessage::Control => "control".to_owned(),
    }
}

fn block(block: &BlockRecord) -> String {
    let mut text = format!("{} {}", &block.hash.to_string()[60..], block.miner.name);
    for (name, value) in [
        ("height", block.height.map(u64::from)),
        ("reward", block.reward.map(Satoshi::to_sat)),
        ("fees", block.fees.map(Satoshi::to_sat)),
        ("outputs", block.outputs.map(Satoshi::to_sat)),
        ("count", block.tx_count.map(u64::from)),
        ("size", block.size_bytes.map(u64::from)),
        ("prev", block.prev_hash.map(|hash| hash.as_bytes()[0].into())),
    ] {
        if let Some(value) = value {
            write!(text, " {name} {value}").unwrap();
        }
    }
    text
}

fn hash(digit: u8) -> String {
    format!("{digit:064x}")
}

fn utx(inputs: &str, out: &str) -> String {
    let head = r#""lock_time":"Unavailable","time":1440086763,"tx_index":0"#;
    let hash = hash(0xab);
    format!(r#"{{"op":"utx","x":{{{head},"inputs":{inputs},"hash":"{hash}","out":{out}}}}}"#)
}

fn mempool_block(digit: u8, fields: &str) -> String {
    let (hash, prev) = (hash(digit), hash(digit - 1));
    format!(
        r#"{{"id":"{hash}","previousblockhash":"{prev}","height":890440,"timestamp":1743535677{fields}}}"#
    )
}

#[test]
fn the_sample_speaks_both() {
    let message = |case: &str| match case {
        "transaction" => utx("[]", r#"[{"value":1}]"#),
        _ => format!(r#"{{"block":{}}}"#, mempool_block(7, "")),
    };
    check(
        "sample",
        ["transaction", "block"],
        message,
        &expect![[r#"
        transaction
          00ab 2015-08-20T16:06:03Z outputs 1 adjusted 1
        block
          [0007 unknown height 890440 prev 6]
    "#]],
    );
}

#[test]
fn unknown_sources() {
    check(
        "bitcoind",
        ["{}"],
        str::to_owned,
        &expect![[r#"
        {}
          Error: message: no parser for the source "bitcoind": set the header `source` to one of blockchain-info, mempool-space, raw-transaction, raw-block, sample
    "#]],
    );
}
