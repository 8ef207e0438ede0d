//! mempool.space.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use expect_test::expect;

use super::{check, mempool_block};

const SOURCE: &str = "mempool-space";

#[test]
fn blocks() {
    let cases = [
        r#"{"block":FULL}"#,
        r#"{"mempoolInfo":{},"blocks":[FULL,BARE],"da":[]}"#,
        r#"{"block":BARE,"blocks":[FULL]}"#,
        "[FULL,BARE]",
        "FULL",
        r#"{"block":STALE}"#,
        r#"{"blocks":[]}"#,
        r#"{"blocks":null,"block":null}"#,
        r#"{"mempool-blocks":[{"nTx":1}]}"#,
        r#"{"pong":true}"#,
        "{}",
        r#"{"blocks":{}}"#,
        r#"{"blocks":[BARE,{"id":"x"}]}"#,
        r#"{"blocks":[BARE,{"id":7}]}"#,
    ];
    let extras = r#""extras":{"reward":319838750,"totalFees":7338750,"totalOutputAmt":547553568373,
        "pool":{"name":"ViaBTC"}}"#;
    let full = mempool_block(7, &format!(r#","tx_count":3823,"size":1578209,{extras}"#));
    let message = |case: &str| {
        let case = case.replace("FULL", &full).replace("BARE", &mempool_block(5, ""));
        case.replace("STALE", &mempool_block(3, r#","stale":true"#))
    };
    check(
        SOURCE,
        cases,
        message,
        &expect![[r#"
        {"block":FULL}
          [0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6]
        {"mempoolInfo":{},"blocks":[FULL,BARE],"da":[]}
          [0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6, 0005 unknown height 890440 prev 4]
        {"block":BARE,"blocks":[FULL]}
          [0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6, 0005 unknown height 890440 prev 4]
        [FULL,BARE]
          [0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6, 0005 unknown height 890440 prev 4]
        FULL
          [0007 ViaBTC height 890440 reward 319838750 fees 7338750 outputs 547553568373 count 3823 size 1578209 prev 6]
        {"block":STALE}
          []
        {"blocks":[]}
          []
        {"blocks":null,"block":null}
          control
        {"mempool-blocks":[{"nTx":1}]}
          control
        {"pong":true}
          control
        {}
          Error: blocks: missing: see the provider's documentation
        {"blocks":{}}
          Error: blocks: invalid type: map, expected an array of at most 200 elements: see the provider's documentation
        {"blocks":[BARE,{"id":"x"}]}
          Error: blocks[1].id: not a hash: write 64 hexadecimal digits
        {"blocks":[BARE,{"id":7}]}
          Error: blocks[1].id: invalid type: integer `7`, expected a string: see the provider's documentation
    "#]],
    );
}

#[test]
fn miners() {
    let cases = [
        "null",
        "{}",
        r#"{"pool":{"name":"Unknown"},"coinbaseRaw":"032f536c7573682f"}"#,
        r#"{"pool":null,"coinbaseAddress":"1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY"}"#,
        r#"{"coinbaseAddresses":["1x","1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY"]}"#,
        r#"{"pool":{"name":"CloverPool"},"coinbaseRaw":"2f746573742f"}"#,
        r#"{"pool":{"name":"F2Pool"},"coinbaseRaw":"2f736c7573682f"}"#,
        r#"{"pool":{"name":"F2Pool"},"coinbaseRaw":"2f746573742f"}"#,
        r#"{"pool":{"name":""}}"#,
        r#"{"pool":{"name":7}}"#,
        r#"{"coinbaseRaw":"0"}"#,
        r#"{"reward":-1}"#,
    ];
    let message = |extras: &str| {
        let block = mempool_block(7, &format!(r#","extras":{extras}"#));
        format!(r#"{{"block":{block}}}"#)
    };
    check(
        SOURCE,
        cases,
        message,
        &expect![[r#"
        null
          [0007 unknown height 890440 prev 6]
        {}
          [0007 unknown height 890440 prev 6]
        {"pool":{"name":"Unknown"},"coinbaseRaw":"032f536c7573682f"}
          [0007 Braiins Pool height 890440 prev 6]
        {"pool":null,"coinbaseAddress":"1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY"}
          [0007 F2Pool height 890440 prev 6]
        {"coinbaseAddresses":["1x","1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY"]}
          [0007 F2Pool height 890440 prev 6]
        {"pool":{"name":"CloverPool"},"coinbaseRaw":"2f746573742f"}
          [0007 BTC.com height 890440 prev 6]
        {"pool":{"name":"F2Pool"},"coinbaseRaw":"2f736c7573682f"}
          [0007 Braiins Pool height 890440 prev 6]
        {"pool":{"name":"F2Pool"},"coinbaseRaw":"2f746573742f"}
          [0007 F2Pool height 890440 prev 6]
        {"pool":{"name":""}}
          [0007 unknown height 890440 prev 6]
        {"pool":{"name":7}}
          [0007 unknown height 890440 prev 6]
        {"coinbaseRaw":"0"}
          Error: block.extras.coinbaseRaw: not hexadecimal: write two digits for every byte
        {"reward":-1}
          Error: block.extras.reward: negative: an amount is zero or more: see the provider's documentation
    "#]],
    );
}

#[test]
fn too_many_blocks() {
    let message = |count: &str| vec![mempool_block(7, ""); count.parse().unwrap()].join(",");
    check(
        SOURCE,
        ["201"],
        |count| format!("[{}]", message(count)),
        &expect![[r#"
            201
              Error: message: more than 200 elements: see the provider's documentation
        "#]],
    );
}
