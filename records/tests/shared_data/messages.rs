//! Every recorded message of every provider.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;

use btc_records::fuzzing::{parse_without_layout, transaction_by_layout};
use btc_records::{ChainMessage, PoolList, parse_block_references, parse_chain, parse_price};
use expect_test::{Expect, expect};

const RECEIVED_MS: i64 = 1_700_000_000_000;

fn prices(source: &str, messages: &[&str]) -> String {
    let mut text = String::new();
    for message in messages {
        let price =
            parse_price(source, message.as_bytes(), RECEIVED_MS).unwrap_or_else(|error| panic!("{error}"));
        writeln!(text, "{} {}", price.observed_at.format("%F %T%.f"), price.eur).expect("a string");
    }
    text
}

/// The messages of a file: its lines, or the whole of it.
fn split<'a>(file: &str, text: &'a str) -> Vec<&'a str> {
    match file.rsplit_once('.') {
        Some((_, "jsonl")) => text.lines().collect(),
        _ => vec![text],
    }
}

#[track_caller]
fn check_prices(source: &str, file: &str, expected: &Expect) {
    let Some(text) = super::read_text(&format!("messages/price/{file}")) else {
        return;
    };
    let messages = split(file, &text);
    expected.assert_eq(&prices(source, &messages));
}

#[test]
fn every_price() {
    check_prices(
        "coindesk-bpi",
        "coindesk_bpi_EUR.jsonl",
        &expect![[r#"
        2017-11-28 04:05:00 8164.5384
        2021-05-12 16:09:00 46111.6214
    "#]],
    );
    check_prices(
        "coindesk-bpi",
        "coindesk_bpi_all.jsonl",
        &expect![[r#"
        2017-05-23 23:30:00 2047.4436
        2020-11-05 12:39:00 12556.193
    "#]],
    );
    check_prices(
        "coindesk-data",
        "coindesk_data_api_latest_tick.json",
        &expect![[r#"
        2025-04-09 15:20:53 70009.44553896
    "#]],
    );
    check_prices(
        "coinbase",
        "coinbase_v2_spot.jsonl",
        &expect![[r#"
        2023-11-14 22:13:20 21081.61
        2023-11-14 22:13:20 8882.40801808
        2023-11-14 22:13:20 97000.1
    "#]],
    );
    check_prices(
        "coinbase",
        "xchange_coinbase_exchange_ticker_2015.json",
        &expect![[r#"
        2015-04-08 20:49:06.506997 246.28
    "#]],
    );
    check_prices(
        "kraken",
        "kraken_ticker_XBTEUR.jsonl",
        &expect![[r#"
        2023-11-14 22:13:20 9058.8
        2023-11-14 22:13:20 525.999
    "#]],
    );
    check_prices(
        "kraken",
        "xchange_kraken_ws_ticker_XBTEUR.json",
        &expect![[r#"
        2023-11-14 22:13:20 9971
    "#]],
    );
    check_prices(
        "bitstamp",
        "xchange_bitstamp_ticker_2013.json",
        &expect![[r#"
        2013-10-14 21:45:33 134.89
    "#]],
    );
    check_prices(
        "blockchain-info-ticker",
        "blockchain_info_ticker_excerpt.json",
        &expect![[r#"
        2023-11-14 22:13:20 28193.8
    "#]],
    );
}

/// The documentation prints the answer as a JavaScript object; on the wire its keys are quoted.
#[test]
fn the_documented_price_of_mempool_space() {
    let Some(text) = super::read_text("messages/price/mempool_space_v1_prices_doc.txt") else {
        return;
    };
    let quoted = ["time", "USD", "EUR", "GBP", "CAD", "CHF", "AUD", "JPY"]
        .iter()
        .fold(text, |text, key| text.replace(&format!("{key}:"), &format!("\"{key}\":")));
    expect![[r#"
        2023-12-22 13:40:11 40545
    "#]]
    .assert_eq(&prices("mempool-prices", &[&quoted]));
}

fn describe(message: &ChainMessage) -> String {
    match message {
        ChainMessage::Transaction(transaction) => format!(
            "{} {} {} {}\n",
            &transaction.txid.to_string()[..8],
            transaction.time.timestamp(),
            transaction.outputs,
            transaction.adjusted
        ),
        ChainMessage::Blocks(blocks) => blocks.iter().fold(String::new(), |mut text, block| {
            let hash = block.hash.to_string();
            let (height, time) = (block.height, block.time.timestamp());
            writeln!(text, "{} {height:?} {time} {}", &hash[56..], block.miner.name).expect("a string");
            writeln!(text, "  reward {:?} fees {:?}", block.reward, block.fees).expect("a string");
            writeln!(text, "  count {:?} outputs {:?}", block.tx_count, block.outputs).expect("a string");
            text
        }),
        ChainMessage::Control => "control\n".to_owned(),
    }
}

#[track_caller]
fn check_chain(source: &str, file: &str, expected: &Expect) {
    let Some(text) = super::read_text(&format!("messages/{file}")) else {
        return;
    };
    let messages = split(file, &text);
    let described = messages.iter().map(|message| {
        let message = parse_chain(source, message.as_bytes(), RECEIVED_MS, &PoolList::builtin());
        describe(&message.unwrap_or_else(|error| panic!("{error}")))
    });
    expected.assert_eq(&described.collect::<String>());
}

/// What blockchain.info has really sent, from 2015 to 2022, goes the quick way, and every byte of it may be any other.
#[test]
fn every_transaction_of_blockchain_info_is_in_its_layout() {
    let Some(text) = super::read_text("messages/blockchain_info/utx.jsonl") else {
        return;
    };
    let pools = PoolList::builtin();
    for line in text.lines() {
        assert!(transaction_by_layout(line.as_bytes()).is_some(), "{line}");
        let mut altered = line.as_bytes().to_vec();
        for (at, original) in line.bytes().enumerate() {
            for replacement in *b"\0\xff\"\\0-{],}[. e9" {
                altered[at] = replacement;
                if let Some(transaction) = transaction_by_layout(&altered) {
                    let parsed = parse_without_layout("blockchain-info", &altered, RECEIVED_MS, &pools);
                    assert_eq!(parsed, Ok(ChainMessage::Transaction(transaction)), "byte {at} of {line}");
                }
            }
            altered[at] = original;
        }
    }
}

#[test]
fn every_message_of_blockchain_info() {
    check_chain(
        "blockchain-info",
        "blockchain_info/utx.jsonl",
        &expect![[r#"
        0857b9de 1440086763 65564000 65564000
        116fc7ac 1497595506 195132 195132
        814b3029 1570486934 61545783 61545783
        17d08bf0 1570497833 6798102343 6798102343
        7731b35a 1670627753 2349 2349
        a350334f 1670697603 4237788 4237788
        138df026 1509613962 739741906 739741906
    "#]],
    );
    check_chain(
        "blockchain-info",
        "blockchain_info/block.jsonl",
        &expect![[r#"
        b884b90f Some(170359) 1331301261 unknown
          reward None fees None
          count None outputs None
        59424cbd Some(422557) 1469682363 BWPool
          reward Some(Satoshi(1269552705)) fees None
          count Some(929) outputs Some(Satoshi(807300090190))
        a394162c Some(514710) 1521745830 unknown
          reward None fees None
          count Some(2004) outputs Some(Satoshi(919203881733))
    "#]],
    );
    check_chain(
        "blockchain-info",
        "blockchain_info/rest_rawblock_872365_trimmed_to_coinbase.json",
        &expect![[r#"
        73009a5b Some(872365) 1732816289 MARA Pool
          reward Some(Satoshi(322075563)) fees Some(Satoshi(9575563))
          count Some(1678) outputs None
    "#]],
    );
}

#[test]
fn every_message_of_mempool_space() {
    check_chain(
        "mempool-space",
        "mempool_space/ws_blocks_890440-890443.json",
        &expect![[r#"
        bd1460b4 Some(890440) 1743535677 ViaBTC
          reward Some(Satoshi(319838750)) fees Some(Satoshi(7338750))
          count Some(3823) outputs Some(Satoshi(547553568373))
        fc0cd19c Some(890441) 1743535803 Foundry USA
          reward Some(Satoshi(315271317)) fees Some(Satoshi(2771317))
          count Some(2813) outputs Some(Satoshi(299780221694))
        b06ddfce Some(890442) 1743536834 AntPool
          reward Some(Satoshi(318057766)) fees Some(Satoshi(5557766))
          count Some(3566) outputs Some(Satoshi(900044492230))
        dc96f5f6 Some(890443) 1743537197 SECPOOL
          reward Some(Satoshi(315112344)) fees Some(Satoshi(2612344))
          count Some(2155) outputs Some(Satoshi(264603969671))
    "#]],
    );
    check_chain(
        "mempool-space",
        "mempool_space/tx01_ws_mempool_blocks_01.json",
        &expect![[r#"
        control
    "#]],
    );
}

/// The documentation's sample of a block, after its heading.
#[test]
fn the_documented_block_of_mempool_space() {
    let Some(text) = super::read_text("messages/mempool_space/doc_rest_blocks_samples.txt") else {
        return;
    };
    let sample = text.split_once("get-block-v1\n").expect("the heading").1;
    let message = parse_chain("mempool-space", sample.as_bytes(), RECEIVED_MS, &PoolList::builtin());
    expect![[r#"
        e8e4b1ce Some(363366) 1435766771 unknown
          reward Some(Satoshi(2505949764)) fees Some(Satoshi(5949764))
          count Some(494) outputs Some(Satoshi(531126071491))
    "#]]
    .assert_eq(&describe(&message.expect("a block")));
}

/// The documentation's sample is cut with `...`, hence no JSON.
#[test]
fn an_ellipsis_is_located() {
    let Some(text) = super::read_text("messages/mempool_space/doc_track-mempool_response.json.txt") else {
        return;
    };
    let error =
        parse_chain("mempool-space", text.as_bytes(), RECEIVED_MS, &PoolList::builtin()).expect_err("cut");
    let offset = text.find("...").expect("an ellipsis");
    assert_eq!(error.place().to_string(), format!("byte {offset}"));
    let mended = text.replace("},\n      ...", "}");
    let message = parse_chain("mempool-space", mended.as_bytes(), RECEIVED_MS, &PoolList::builtin());
    assert_eq!(message.expect("statistics"), ChainMessage::Control);
}

#[test]
fn block_lists() {
    for (file, count, tip) in
        [("rest_latestblock.jsonl", 1, 872_365), ("rest_blocks_700332-700339.json", 8, 700_339)]
    {
        let Some(bytes) = super::read(&format!("messages/blockchain_info/{file}")) else {
            return;
        };
        let references = parse_block_references(&bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((references.len(), references[0].height), (count, tip));
    }
    let Some(text) = super::read_text("messages/mempool_space/ws_blocks_890440-890443.json") else {
        return;
    };
    assert_eq!(parse_block_references(text.as_bytes()).expect("blocks").len(), 4);
}

/// Every recorded message, cut short and altered byte by byte.
#[test]
fn no_damage_is_a_panic() {
    let pools = PoolList::builtin();
    let parse = |source: &str, value: &[u8]| match source {
        "blockchain-info" | "mempool-space" => parse_chain(source, value, RECEIVED_MS, &pools).is_ok(),
        _ => parse_price(source, value, RECEIVED_MS).is_ok(),
    };
    for (source, file) in [
        ("coindesk-bpi", "price/coindesk_bpi_EUR.jsonl"),
        ("coindesk-data", "price/coindesk_data_api_latest_tick.json"),
        ("coinbase", "price/coinbase_v2_spot.jsonl"),
        ("kraken", "price/kraken_ticker_XBTEUR.jsonl"),
        ("kraken", "price/xchange_kraken_ws_ticker_XBTEUR.json"),
        ("bitstamp", "price/xchange_bitstamp_ticker_2013.json"),
        ("blockchain-info-ticker", "price/blockchain_info_ticker_excerpt.json"),
        ("blockchain-info", "blockchain_info/utx.jsonl"),
        ("blockchain-info", "blockchain_info/block.jsonl"),
        ("blockchain-info", "blockchain_info/rest_rawblock_872365_trimmed_to_coinbase.json"),
        ("mempool-space", "mempool_space/ws_blocks_890440-890443.json"),
    ] {
        let Some(text) = super::read_text(&format!("messages/{file}")) else {
            return;
        };
        let message = split(file, &text)[0].trim_end();
        for at in (0..message.len()).step_by(message.len() / 200 + 1) {
            assert!(!parse(source, &message.as_bytes()[..at]), "{file}: cut to {at} bytes");
            for replacement in *b"\0\xff\"0-{]," {
                let mut altered = message.as_bytes().to_vec();
                altered[at] = replacement;
                parse(source, &altered);
            }
        }
    }
}
