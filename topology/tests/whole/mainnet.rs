//! The documents of real blocks against facts that were computed by others, twice and independently.

use std::collections::BTreeMap;
use std::path::Path;

use btc_records::{decode_block, encode_raw_block, encode_raw_transaction};
use btc_topology::documents::{MINER, RAW_BLOCKS, VOLUME};
use btc_topology::{BLOCKS, TRANSACTIONS};
use bytes::Bytes;
use serde_json::Value;
use trombe_connectors::Message;

use crate::world::{World, config};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/blocks");

/// A block's messages as the feed `blocks` makes them.
fn messages(bytes: &[u8]) -> Vec<(&'static str, Message)> {
    let block = decode_block(bytes).unwrap();
    let message = |source: &str, key: String, value: Vec<u8>| Message {
        key: key.into(),
        value: value.into(),
        timestamp_ms: block.time().timestamp_millis(),
        headers: vec![
            ("source".to_owned(), Bytes::copy_from_slice(source.as_bytes())),
            ("feed".to_owned(), Bytes::from_static(b"blocks")),
        ],
    };
    let transactions = block.transactions().iter().map(|transaction| {
        let value = encode_raw_transaction(transaction, block.time());
        (
            TRANSACTIONS,
            message("raw-transaction", transaction.txid().to_string(), value),
        )
    });
    let whole = (
        BLOCKS,
        message(
            "raw-block",
            block.hash().to_string(),
            encode_raw_block(&block, None),
        ),
    );
    transactions.chain([whole]).collect()
}

#[test]
fn real_blocks_give_the_facts() {
    let Ok(facts) = std::fs::read(Path::new(DATA).join("facts.json")) else {
        println!("SKIPPED: {DATA} is not there, so nothing was compared with real blocks");
        return;
    };
    let facts: Vec<Value> = serde_json::from_slice(&facts).unwrap();
    let facts: Vec<_> = facts
        .into_iter()
        .filter(|block| block["file"].as_str().unwrap().starts_with("blocks/mainnet/"))
        .collect();
    let world = World::new();
    for block in &facts {
        let file = Path::new(DATA).join("..").join(block["file"].as_str().unwrap());
        world.append(&messages(&std::fs::read(file).unwrap()));
    }
    let summary = world.drain(btc_topology::TopologyConfig {
        held_count_max: 8_192,
        ..config(2)
    });
    assert_eq!(
        (summary.failed, world.health.dead_letters(), world.lag()),
        (0, 0, 0)
    );

    let raw: BTreeMap<_, _> = world
        .sources(RAW_BLOCKS)
        .into_values()
        .map(|block| (block["hash"].as_str().unwrap().to_owned(), block))
        .collect();
    let (mut hours, mut months) = (BTreeMap::new(), BTreeMap::new());
    for fact in &facts {
        let block = &raw[fact["hash"].as_str().unwrap()];
        assert_eq!(block["outputs_sat"], fact["outputs_non_coinbase_sat"], "{fact}");
        assert_eq!(block["reward_sat"], fact["coinbase_total_sat"], "{fact}");
        assert_eq!(block["tx_count"], fact["n_tx"], "{fact}");
        assert_eq!(block["largest_tx"], fact["largest_tx"], "{fact}");
        let time = fact["time_utc"].as_str().unwrap();
        let hour: &mut (u64, u64, u64) = hours.entry(format!("{}:00:00Z", &time[..13])).or_default();
        hour.0 += fact["outputs_non_coinbase_sat"].as_u64().unwrap();
        hour.1 += fact["n_tx"].as_u64().unwrap() - 1;
        hour.2 = hour.2.max(fact["largest_tx_sat"].as_u64().unwrap_or(0));
        let miner = block["miner"].as_str().unwrap();
        let earned: &mut u64 = months.entry(format!("{} {miner}", &time[..7])).or_default();
        *earned += fact["coinbase_total_sat"].as_u64().unwrap();
    }
    let volume = world.sources(VOLUME);
    hours.retain(|_, (_, transactions, _)| *transactions > 0);
    assert_eq!(volume.len(), hours.len());
    for (start, (sat, transactions, largest_sat)) in &hours {
        let hour = &volume[start];
        assert_eq!(hour["volume_sat"].as_u64(), Some(*sat), "{start}");
        assert_eq!(hour["tx_count"].as_u64(), Some(*transactions), "{start}");
        assert_eq!(hour["max_tx_sat"].as_u64(), Some(*largest_sat), "{start}");
        assert_eq!(hour["priced_share"].as_f64(), Some(0.0), "{start}");
    }
    let miners = world
        .sources(MINER)
        .into_iter()
        .filter(|(id, _)| id.starts_with("month:"));
    let rewards: BTreeMap<_, _> = miners
        .map(|(_, miner)| {
            let name = format!(
                "{} {}",
                miner["period"].as_str().unwrap(),
                miner["miner"].as_str().unwrap()
            );
            (name, miner["reward_sat"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(rewards, months);
    println!(
        "{} blocks, {} transactions and {} hours equal the facts",
        facts.len(),
        summary.acked,
        hours.len()
    );
}
