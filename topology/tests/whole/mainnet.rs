//! The documents of real blocks against facts that were computed by others, twice and independently.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use btc_records::{decode_block, encode_raw_block, encode_raw_transaction};
use btc_topology::documents::{MINER, RAW_BLOCKS, VOLUME};
use btc_topology::{BLOCKS, TRANSACTIONS, TopologyConfig};
use bytes::Bytes;
use serde_json::Value;
use trombe_connectors::Message;

use crate::world::{World, config};

/// Where the recorded data are: beside the project, or at `TROMBE_DATA`.
fn data() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("TROMBE_DATA").map_or_else(beside, PathBuf::from)
}

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
        (TRANSACTIONS, message("raw-transaction", transaction.txid().to_string(), value))
    });
    let whole = (BLOCKS, message("raw-block", block.hash().to_string(), encode_raw_block(&block, None)));
    transactions.chain([whole]).collect()
}

/// What must be in the documents.
#[derive(Default)]
struct Expected {
    /// By start: satoshi, transactions, the largest transaction's satoshi.
    hours: BTreeMap<String, (u64, u64, u64)>,
    /// Satoshi by month and miner.
    rewards: BTreeMap<String, u64>,
}

impl Expected {
    fn add(&mut self, fact: &Value, miner: &str) {
        let time = fact["time_utc"].as_str().unwrap();
        *self.rewards.entry(format!("{} {miner}", &time[..7])).or_default() +=
            number(fact, "coinbase_total_sat");
        let transactions = number(fact, "n_tx") - 1;
        if transactions > 0 {
            let hour = self.hours.entry(format!("{}:00:00Z", &time[..13])).or_default();
            hour.0 += number(fact, "outputs_non_coinbase_sat");
            hour.1 += transactions;
            hour.2 = hour.2.max(number(fact, "largest_tx_sat"));
        }
    }
}

fn number(document: &Value, field: &str) -> u64 {
    document[field].as_u64().unwrap()
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap()
}

#[test]
fn real_blocks_give_the_facts() {
    let data = data();
    let Ok(facts) = std::fs::read(data.join("blocks/facts.json")) else {
        eprintln!("skipped: no real blocks at {} (set TROMBE_DATA), nothing was compared", data.display());
        return;
    };
    let mut facts: Vec<Value> = serde_json::from_slice(&facts).unwrap();
    facts.retain(|fact| text(fact, "file").starts_with("blocks/mainnet/"));
    let world = World::new();
    for fact in &facts {
        let file = data.join(text(fact, "file"));
        world.append(&messages(&std::fs::read(file).unwrap()));
    }
    let summary = world.drain(TopologyConfig { held_count_max: 8_192, ..config(2) });
    assert_eq!((summary.failed, world.health.dead_letters(), world.lag()), (0, 0, 0));

    let raw = world.sources(RAW_BLOCKS);
    let mut expected = Expected::default();
    for fact in &facts {
        let block = raw.values().find(|block| block["hash"] == fact["hash"]).unwrap();
        assert_eq!(block["outputs_sat"], fact["outputs_non_coinbase_sat"], "{fact}");
        assert_eq!(block["reward_sat"], fact["coinbase_total_sat"], "{fact}");
        assert_eq!(block["tx_count"], fact["n_tx"], "{fact}");
        assert_eq!(block["largest_tx"], fact["largest_tx"], "{fact}");
        expected.add(fact, text(block, "miner"));
    }
    let volume = world.sources(VOLUME).into_iter();
    let hours = volume.map(|(start, hour)| {
        assert_eq!(hour["priced_share"].as_f64(), Some(0.0), "{start}");
        (start, (number(&hour, "volume_sat"), number(&hour, "tx_count"), number(&hour, "max_tx_sat")))
    });
    assert_eq!(hours.collect::<BTreeMap<_, _>>(), expected.hours);
    let months = world.sources(MINER).into_iter().filter(|(id, _)| id.starts_with("month:"));
    let rewards = months.map(|(_, miner)| {
        (format!("{} {}", text(&miner, "period"), text(&miner, "miner")), number(&miner, "reward_sat"))
    });
    assert_eq!(rewards.collect::<BTreeMap<_, _>>(), expected.rewards);
    let hours = expected.hours.len();
    println!("{} blocks, {} messages and {hours} hours equal the facts", facts.len(), summary.acked);
}
