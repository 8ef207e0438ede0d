//! Goal: a known layout changes the cost of a message and nothing else. Method: the same bytes by the layout and by the JSON parser,
//! for real messages, every change of one byte of them, and made-up ones.

use proptest::prelude::*;

use super::super::{parse_without_layout, transaction_by_layout};
use super::{RECEIVED_MS, hash};
use crate::{ChainMessage, Limits, PoolList, TransactionRecord};

fn by_layout(message: &[u8]) -> Option<TransactionRecord> {
    transaction_by_layout(message, &Limits::DEFAULT)
}

/// What the layout accepts, the parser must accept with the same values. True if it is accepted.
#[track_caller]
fn check(message: &[u8], pools: &PoolList) -> bool {
    let Some(transaction) = by_layout(message) else { return false };
    let parsed = parse_without_layout("blockchain-info", message, RECEIVED_MS, pools);
    let text = message.escape_ascii();
    assert_eq!(parsed, Ok(ChainMessage::Transaction(transaction)), "{text}");
    true
}

fn party(value: &str, address: &str) -> String {
    let address = if address.is_empty() { String::new() } else { format!(r#""addr":"{address}","#) };
    format!(r#"{{"spent":true,"tx_index":99005468,"type":0,{address}"value":{value},"n":0,"script":"76a9"}}"#)
}

fn message(lock_time: &str, inputs: &[String], hash: &str, outputs: &[String]) -> String {
    let input = |party: &String| format!(r#"{{"sequence":4294967295,"prev_out":{party},"script":"4830"}}"#);
    let inputs: Vec<String> = inputs.iter().map(input).collect();
    let (inputs, outputs) = (inputs.join(","), outputs.join(","));
    format!(
        r#"{{"op":"utx","x":{{"lock_time":{lock_time},"ver":1,"size":192,"inputs":[{inputs}],"time":1440086763,"tx_index":99006637,"vin_sz":1,"hash":"{hash}","vout_sz":1,"relayed_by":"127.0.0.1","out":[{outputs}]}}}}"#
    )
}

fn usual() -> String {
    let outputs = [party("65564000", "1Payee"), party("10000", "1Payer"), party("0", "")];
    message("0", &[party("65574000", "1Payer")], &hash(0xab), &outputs)
}

#[test]
fn the_usual_message_is_read_by_its_layout() {
    let transaction = by_layout(usual().as_bytes()).unwrap();
    assert_eq!((transaction.outputs.to_sat(), transaction.adjusted.to_sat()), (65_574_000, 65_564_000));
    assert!(check(usual().as_bytes(), &PoolList::builtin()));
}

#[test]
fn every_byte_may_be_any_other() {
    let (usual, pools) = (usual().into_bytes(), PoolList::builtin());
    let mut accepted = 0;
    for at in 0..usual.len() {
        let mut changed = usual.clone();
        for byte in 0..=u8::MAX {
            changed[at] = byte;
            accepted += u32::from(check(&changed, &pools));
        }
    }
    assert!(accepted > 5_000, "only {accepted}: texts and digits may change");
}

#[test]
fn a_message_may_end_anywhere_or_go_on() {
    let (usual, pools) = (usual(), PoolList::builtin());
    for end in 0..usual.len() {
        assert!(!check(&usual.as_bytes()[..end], &pools), "{}", &usual[..end]);
    }
    for more in ["\n", " ", "}", "x", "{}"] {
        assert!(!check(format!("{usual}{more}").as_bytes(), &pools), "{more:?}");
    }
}

/// Each of these is the parser's to decide.
#[test]
fn what_the_layout_cannot_check_it_refuses() {
    let (one, pools) = ([party("1", "1Payer")], PoolList::builtin());
    let with_value = |value: &str| message("0", &one, &hash(1), &[party(value, "1Payee")]);
    let most = "2100000000000000";
    let cases = [
        (with_value(most), true),
        (with_value("2100000000000001"), false),
        (with_value("18446744073709551616"), false),
        (with_value("100000000000000000000000000000000000001"), false),
        (with_value("01"), false),
        (with_value("1.0"), false),
        (with_value("-0"), false),
        (message("0", &one, &hash(1), &[party(most, "a"), party("1", "b")]), false),
        (message("0", &one, &hash(1), &[]), false),
        (message("0", &[], &hash(1), &one), false),
        (message("\"Unavailable\"", &one, &hash(1), &one), false),
        (message("0", &one, &hash(1)[1..], &one), false),
        (message("0", &one, &hash(1).replace('0', "g"), &one), false),
        (message("0", &one, &hash(1), &[party("1", r"1Pay\u0065r")]), false),
        (message("0", &one, &hash(1), &[party("1", "1Pay\u{e9}r")]), false),
        (message("0", &one, &hash(1), &[party("1", "1Pay\tr")]), false),
        (message("0", &vec![one[0].clone(); 16], &hash(1), &one), true),
        (message("0", &vec![one[0].clone(); 17], &hash(1), &one), false),
        (usual().replace("\"ver\":", "\"ver\": "), false),
        (usual().replace("1440086763", "1231006504"), false),
        (usual().replace("\"utx\"", "\"block\""), false),
    ];
    for (message, accepted) in cases {
        assert_eq!(check(message.as_bytes(), &pools), accepted, "{message}");
    }
}

#[test]
fn limits_hold_here_too() {
    let message = usual();
    for limits in [
        Limits { chain_bytes_max: message.len() - 1, ..Limits::DEFAULT },
        Limits { json_depth_max: 4, ..Limits::DEFAULT },
    ] {
        assert_eq!(transaction_by_layout(message.as_bytes(), &limits), None, "{limits:?}");
    }
}

proptest! {
    #[test]
    fn made_up_messages_mean_the_same(
        inputs in prop::collection::vec("[a-c]{0,2}", 1..5),
        outputs in prop::collection::vec((0_u64..u64::MAX / 8_000, "[a-c]{0,2}"), 1..5),
        digits in "[0-9a-fA-F]{64}",
        lock_time: u64,
    ) {
        let inputs: Vec<String> = inputs.iter().map(|address| party("9", address)).collect();
        let outputs: Vec<String> = outputs.iter().map(|(value, address)| party(&value.to_string(), address)).collect();
        let lock_time = (lock_time / 10).to_string();
        let message = message(&lock_time, &inputs, &digits, &outputs);
        let accepted = check(message.as_bytes(), &PoolList::builtin());
        let parsed = parse_without_layout("blockchain-info", message.as_bytes(), RECEIVED_MS, &PoolList::builtin());
        prop_assert_eq!(accepted, parsed.is_ok());
    }
}
