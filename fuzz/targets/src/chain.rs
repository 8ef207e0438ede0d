//! Transactions and blocks, as messages and raw.

use std::sync::LazyLock;

use bitcoin::constants::genesis_block;
use bitcoin::{Network, consensus};
use btc_records::fuzzing::parse_without_layout;
use btc_records::{ChainMessage, PoolList, decode_block, encode_raw_block, encode_raw_transaction};
use btc_records::{parse_block_references, parse_chain};

use crate::{choose, chosen};

const SOURCES: [&str; 5] = ["blockchain-info", "mempool-space", "raw-transaction", "raw-block", "sample"];

const RECEIVED_MS: i64 = 1_700_000_000_123;

/// No amount is above 21 million BTC.
const SAT_MAX: u64 = 2_100_000_000_000_000;

static POOLS: LazyLock<PoolList> = LazyLock::new(PoolList::builtin);

pub(crate) fn check(data: &[u8]) -> bool {
    let Some((source, value)) = choose(data, SOURCES.len() + 1) else { return false };
    let Some(source) = SOURCES.get(source) else {
        return parse_block_references(value)
            .is_ok_and(|blocks| blocks.len() <= btc_records::Limits::BLOCKS_MAX);
    };
    let Ok(message) = parse_chain(source, value, RECEIVED_MS, &POOLS) else { return false };
    check_message(&message);
    true
}

fn check_message(message: &ChainMessage) {
    match message {
        ChainMessage::Transaction(transaction) => {
            assert!(transaction.adjusted <= transaction.outputs, "{transaction:?}");
            assert!(transaction.outputs.to_sat() <= SAT_MAX, "{transaction:?}");
        }
        ChainMessage::Blocks(blocks) => {
            for block in blocks {
                assert!(block.reward.is_none_or(|reward| reward.to_sat() <= SAT_MAX), "{block:?}");
                assert!(!block.miner.slug.is_empty() && !block.miner.name.is_empty(), "{block:?}");
            }
        }
        ChainMessage::Control => {}
    }
}

/// A message means what its JSON says, whether or not it is in a layout that is read without a JSON parser.
pub(crate) fn check_layout(data: &[u8]) -> bool {
    let by_json = parse_without_layout("blockchain-info", data, RECEIVED_MS, &POOLS);
    assert_eq!(parse_chain("blockchain-info", data, RECEIVED_MS, &POOLS), by_json);
    by_json.is_ok()
}

pub(crate) fn layout_seeds() -> Vec<Vec<u8>> {
    let hash = "00000000000000000000000000000000000000000000000000000000000000ab";
    let party = |value: u64| {
        format!(
            r#"{{"spent":true,"tx_index":0,"type":0,"addr":"1Payer","value":{value},"n":0,"script":"76a9"}}"#
        )
    };
    let (input, output) = (party(9), party(8));
    let burnt = output.replace(r#""addr":"1Payer","#, "");
    vec![
        format!(
            r#"{{"op":"utx","x":{{"lock_time":0,"ver":1,"size":192,"inputs":[{{"sequence":4294967295,"prev_out":{input},"script":"4830"}}],"time":1440086763,"tx_index":0,"vin_sz":1,"hash":"{hash}","vout_sz":1,"relayed_by":"127.0.0.1","out":[{output},{burnt}]}}}}"#
        )
        .into_bytes(),
    ]
}

/// A block that is understood becomes messages that are understood, and say the same.
pub(crate) fn check_block(data: &[u8]) -> bool {
    let Ok(block) = decode_block(data) else { return false };
    let message = encode_raw_block(&block, Some(1));
    let parsed = parse_chain("raw-block", &message, RECEIVED_MS, &POOLS);
    let Ok(ChainMessage::Blocks(blocks)) = parsed else {
        panic!("{parsed:?} of {}", String::from_utf8_lossy(&message))
    };
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].hash, block.hash());
    for transaction in block.transactions() {
        let message = encode_raw_transaction(transaction, block.time());
        let parsed = parse_chain("raw-transaction", &message, RECEIVED_MS, &POOLS);
        let Ok(ChainMessage::Transaction(parsed)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(parsed.txid, transaction.txid());
    }
    true
}

pub(crate) fn genesis() -> Vec<u8> {
    consensus::serialize(&genesis_block(Network::Bitcoin))
}

pub(crate) fn block_seeds() -> Vec<Vec<u8>> {
    vec![genesis()]
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let hash = "00000000000000000000000000000000000000000000000000000000000000ab";
    let utx = format!(
        r#"{{"op":"utx","x":{{"hash":"{hash}","time":1440086763,"inputs":[{{"prev_out":{{"addr":"1Payer","value":9}}}}],"out":[{{"addr":"1Payee","value":5}},{{"value":3,"addr":"1Payer"}}]}}}}"#
    );
    let block = format!(
        r#"{{"op":"block","x":{{"hash":"{hash}","height":890440,"time":1743000000,"nTx":3823,"totalBTCSent":547553568373,"reward":0,"foundBy":{{"description":"ViaBTC"}}}}}}"#
    );
    let mempool = format!(
        r#"{{"block":{{"id":"{hash}","height":890440,"timestamp":1743000000,"previousblockhash":"{hash}","tx_count":3823,"size":1578209,"extras":{{"reward":319838750,"totalFees":7338750,"totalOutputAmt":547553568373,"pool":{{"name":"ViaBTC"}}}}}}}}"#
    );
    let references = format!(r#"{{"blocks":[{{"hash":"{hash}","height":890440,"time":1743000000}}]}}"#);
    let genesis = genesis();
    let raw = decode_block(&genesis).map(|block| encode_raw_block(&block, Some(0))).expect("the first block");
    let several = format!(r#"{{"blocks":[{}]}}"#, &mempool[9..mempool.len() - 1]);
    vec![
        chosen(0, &utx),
        chosen(0, &block),
        chosen(1, &mempool),
        chosen(1, several),
        chosen(3, raw),
        chosen(4, utx),
        chosen(4, mempool),
        chosen(5, references),
    ]
}
