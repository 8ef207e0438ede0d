//! blockchain.info.

use expect_test::expect;

use super::{check, hash, utx};

const SOURCE: &str = "blockchain-info";

#[test]
fn transactions() {
    let payer = r#"[{"prev_out":{"addr":"1Payer","value":9}},{"prev_out":{"addr":"3Other"}},{"prev_out":{"addr":""}},{"prev_out":null},{}]"#;
    let cases = [
        r#"[{"addr":"1Payee","value":5},{"value":3,"addr":"1Payer"}]"#,
        r#"[{"value":8,"addr":""}]"#,
        r#"[{"value":0,"script":"6a"},{"addr":null,"value":2},{"addr":"3Other","value":1}]"#,
        r#"[{"addr":"1Pay\u0065r","value":"7"},{"addr":17,"value":1},{"addr":["x"],"value":2},{"addr":{},"value":4}]"#,
        r#"[{"addr":"1Payee","value":2100000000000000}]"#,
        r#"[{"addr":"1Payee","value":2100000000000000},{"value":1}]"#,
        "[]",
        "null",
    ];
    check(
        SOURCE,
        cases,
        |out| utx(payer, out),
        &expect![[r#"
        [{"addr":"1Payee","value":5},{"value":3,"addr":"1Payer"}]
          00ab 2015-08-20T16:06:03Z outputs 8 adjusted 5
        [{"value":8,"addr":""}]
          00ab 2015-08-20T16:06:03Z outputs 8 adjusted 8
        [{"value":0,"script":"6a"},{"addr":null,"value":2},{"addr":"3Other","value":1}]
          00ab 2015-08-20T16:06:03Z outputs 3 adjusted 2
        [{"addr":"1Pay\u0065r","value":"7"},{"addr":17,"value":1},{"addr":["x"],"value":2},{"addr":{},"value":4}]
          00ab 2015-08-20T16:06:03Z outputs 14 adjusted 7
        [{"addr":"1Payee","value":2100000000000000}]
          00ab 2015-08-20T16:06:03Z outputs 2100000000000000 adjusted 2100000000000000
        [{"addr":"1Payee","value":2100000000000000},{"value":1}]
          Error: x.out: more than 21 million BTC: no such amount exists
        []
          Error: x.out: missing: see the provider's documentation
        null
          Error: x.out: missing: see the provider's documentation
    "#]],
    );
    let out = r#"[{"addr":"1Payee","value":5}]"#;
    check(
        SOURCE,
        ["[]", "null", "[null]", "7", r#"[{"prev_out":7}]"#],
        |inputs| utx(inputs, out),
        &expect![[r#"
            []
              00ab 2015-08-20T16:06:03Z outputs 5 adjusted 5
            null
              00ab 2015-08-20T16:06:03Z outputs 5 adjusted 5
            [null]
              Error: x.inputs[0]: invalid type: null, expected struct Input: see the provider's documentation
            7
              Error: x.inputs: invalid type: integer `7`, expected an array of at most 120000 elements: see the provider's documentation
            [{"prev_out":7}]
              Error: x.inputs[0].prev_out: invalid type: integer `7`, expected struct PrevOut: see the provider's documentation
        "#]],
    );
}

#[test]
fn many_inputs() {
    let inputs: Vec<_> =
        (0..100).map(|payer| format!(r#"{{"prev_out":{{"addr":"1Payer{payer}"}}}}"#)).collect();
    let inputs = format!("[{}]", inputs.join(","));
    let out = r#"[{"addr":"1Payer77","value":5},{"addr":"1Payee","value":3}]"#;
    check(
        SOURCE,
        [out],
        |out| utx(&inputs, out),
        &expect![[r#"
        [{"addr":"1Payer77","value":5},{"addr":"1Payee","value":3}]
          00ab 2015-08-20T16:06:03Z outputs 8 adjusted 3
    "#]],
    );
}

#[test]
fn transactions_without_a_part() {
    let cases = [
        r#""hash":"HASH""#,
        r#""hash":"HASH","time":null"#,
        r#""hash":"HASH","time":"1440086763""#,
        r#""hash":"HASH","time":-5"#,
        r#""hash":"HASH","time":1440086763000"#,
        r#""hash":"HASH","time":"now""#,
        r#""hash":"HASH0""#,
        r#""hash":7"#,
        r#""time":1440086763"#,
    ];
    let message = |fields: &str| {
        let fields = fields.replace("HASH", &hash(0xab));
        format!(r#"{{"op":"utx","x":{{{fields},"out":[{{"value":1}}]}}}}"#)
    };
    check(
        SOURCE,
        cases,
        message,
        &expect![[r#"
        "hash":"HASH"
          00ab 2023-11-14T22:13:20.123Z outputs 1 adjusted 1
        "hash":"HASH","time":null
          00ab 2023-11-14T22:13:20.123Z outputs 1 adjusted 1
        "hash":"HASH","time":"1440086763"
          00ab 2015-08-20T16:06:03Z outputs 1 adjusted 1
        "hash":"HASH","time":-5
          Error: x.time: invalid type: integer `-5`, expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation
        "hash":"HASH","time":1440086763000
          Error: x.time: invalid value: integer `1440086763000`, expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation
        "hash":"HASH","time":"now"
          Error: x.time: invalid value: string "now", expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation
        "hash":"HASH0"
          Error: x.hash: not a hash: write 64 hexadecimal digits
        "hash":7
          Error: x.hash: invalid type: integer `7`, expected a string: see the provider's documentation
        "time":1440086763
          Error: x.hash: missing: see the provider's documentation
    "#]],
    );
    check(
        SOURCE,
        ["null", "[]", "\"x\""],
        |x| format!(r#"{{"op":"utx","x":{x}}}"#),
        &expect![[r#"
            null
              Error: x: missing: see the provider's documentation
            []
              Error: x: invalid length 0, expected the object of a transaction or a block: see the provider's documentation
            "x"
              Error: x: invalid type: string "x", expected the object of a transaction or a block: see the provider's documentation
        "#]],
    );
}

#[test]
fn blocks() {
    let cases = [
        "",
        r#","reward":0,"nTx":0,"size":0,"totalBTCSent":0"#,
        r#","reward":1269552705,"nTx":929,"size":585104,"totalBTCSent":807300090190"#,
        r#","foundBy":{"ip":"1.2.3.4","link":"https:\/\/bw.com\/","description":"BW.COM","time":1}"#,
        r#","foundBy":{"description":"Unknown","ip":"127.0.0.1"}"#,
        r#","foundBy":{"description":""}"#,
        r#","foundBy":{}"#,
        r#","foundBy":"","reward":"""#,
        r#","foundBy":"New Pool","reward":null"#,
        r#","foundBy":["x"],"nTx":"many","size":-1"#,
        r#","reward":-1"#,
        r#","reward":2100000000000001"#,
        r#","height":1"#,
    ];
    let message = |fields: &str| {
        let hash = hash(0xcd);
        format!(r#"{{"op":"block","x":{{"hash":"{hash}","time":1469682363,"height":422557{fields}}}}}"#)
    };
    check(
        SOURCE,
        cases,
        message,
        &expect![[r#"

          [00cd unknown height 422557]
        ,"reward":0,"nTx":0,"size":0,"totalBTCSent":0
          [00cd unknown height 422557]
        ,"reward":1269552705,"nTx":929,"size":585104,"totalBTCSent":807300090190
          [00cd unknown height 422557 reward 1269552705 outputs 807300090190 count 929 size 585104]
        ,"foundBy":{"ip":"1.2.3.4","link":"https:\/\/bw.com\/","description":"BW.COM","time":1}
          [00cd BWPool height 422557]
        ,"foundBy":{"description":"Unknown","ip":"127.0.0.1"}
          [00cd unknown height 422557]
        ,"foundBy":{"description":""}
          [00cd unknown height 422557]
        ,"foundBy":{}
          [00cd unknown height 422557]
        ,"foundBy":"","reward":""
          [00cd unknown height 422557]
        ,"foundBy":"New Pool","reward":null
          [00cd New Pool height 422557]
        ,"foundBy":["x"],"nTx":"many","size":-1
          [00cd unknown height 422557]
        ,"reward":-1
          Error: x.reward: negative: an amount is zero or more: see the provider's documentation
        ,"reward":2100000000000001
          Error: x.reward: more than 21 million BTC: no such amount exists: see the provider's documentation
        ,"height":1
          Error: x: duplicate field `height`: see the provider's documentation
    "#]],
    );
}

#[test]
fn controls_and_strangers() {
    let cases = [
        r#"{"op":"status","msg":"Connected, Subscribed, Welcome etc..."}"#,
        r#"{"op":"pong"}"#,
        r#"{"op":"minute","x":17}"#,
        r#"{"op":"utx"}"#,
        r#"{"op":7}"#,
        r#"{"x":{}}"#,
        "{}",
        "[]",
        "",
        r#"{"op":"pong""#,
    ];
    check(
        SOURCE,
        cases,
        str::to_owned,
        &expect![[r#"
        {"op":"status","msg":"Connected, Subscribed, Welcome etc..."}
          control
        {"op":"pong"}
          control
        {"op":"minute","x":17}
          control
        {"op":"utx"}
          Error: x: missing: see the provider's documentation
        {"op":7}
          Error: op: invalid type: integer `7`, expected a string: see the provider's documentation
        {"x":{}}
          Error: tx[0]: missing: see the provider's documentation
        {}
          Error: tx[0]: missing: see the provider's documentation
        []
          Error: byte 0: not an object: see the provider's documentation

          Error: byte 0: empty: see the provider's documentation
        {"op":"pong"
          Error: byte 11: EOF while parsing an object: see the provider's documentation
    "#]],
    );
}

#[test]
fn rest_blocks() {
    let cases = [
        "[COINBASE]",
        r#"[COINBASE,{"anything":[]},7]"#,
        r#"[{"inputs":[{"script":"00"}],"out":[{"value":5}]}]"#,
        r#"[{"inputs":[{"prev_out":{"addr":"1Payer"}}],"out":[{"value":5}]}]"#,
        r#"[{"inputs":[{"script":"zz"}],"out":[{"value":5}]}]"#,
        r#"[{"inputs":[{}],"out":[{"value":2100000000000000},{"value":1}]}]"#,
        r#"[{"inputs":[],"out":[]}]"#,
        "[]",
        "{}",
    ];
    let coinbase = r#"{"inputs":[{"script":"03ad4f0d2f4d41524120506f6f6c2f","prev_out":{"value":0}}],
        "out":[{"value":312500000,"addr":"1Miner"},{"value":9575563}]}"#;
    let message = |tx: &str| {
        let (hash, prev, tx) = (hash(0xcd), hash(0xce), tx.replace("COINBASE", coinbase));
        let head = format!(r#""hash":"{hash}","prev_block":"{prev}","time":1732816289,"height":872365"#);
        format!(r#"{{{head},"fee":9575563,"n_tx":1678,"tx":{tx}}}"#)
    };
    check(
        SOURCE,
        cases,
        message,
        &expect![[r#"
        [COINBASE]
          [00cd MARA Pool height 872365 reward 322075563 fees 9575563 count 1678 prev 206]
        [COINBASE,{"anything":[]},7]
          [00cd MARA Pool height 872365 reward 322075563 fees 9575563 count 1678 prev 206]
        [{"inputs":[{"script":"00"}],"out":[{"value":5}]}]
          [00cd unknown height 872365 reward 5 fees 9575563 count 1678 prev 206]
        [{"inputs":[{"prev_out":{"addr":"1Payer"}}],"out":[{"value":5}]}]
          Error: tx[0].inputs: not a coinbase: fetch the block again
        [{"inputs":[{"script":"zz"}],"out":[{"value":5}]}]
          Error: tx[0].inputs[0].script: not hexadecimal: write two digits for every byte
        [{"inputs":[{}],"out":[{"value":2100000000000000},{"value":1}]}]
          Error: tx[0].out: more than 21 million BTC: no such amount exists
        [{"inputs":[],"out":[]}]
          Error: tx[0].inputs: not a coinbase: fetch the block again
        []
          Error: tx[0]: missing: see the provider's documentation
        {}
          Error: tx: invalid type: map, expected an array of transactions: see the provider's documentation
    "#]],
    );
}
