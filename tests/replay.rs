//! Goal: the dashboard is a pure function of the set of messages. Method: replay real blocks and compare with
//! facts computed elsewhere; replay the same messages in other orders, repeated and on other numbers of tasks,
//! and compare exports byte by byte.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{Bench, INDICES, SHORT_SAMPLE, shared_data};

fn facts(data: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(data.join("blocks/facts.json")).unwrap()).unwrap()
}

/// The facts of the blocks under `blocks/mainnet`.
fn mainnet_facts(data: &Path) -> Vec<Value> {
    facts(data).into_iter().filter(|f| f["file"].as_str().unwrap().starts_with("blocks/mainnet/")).collect()
}

fn pool(fact: &Value) -> &str {
    fact["pool"].as_str().or_else(|| fact["pool"]["name"].as_str()).unwrap_or("unknown")
}

/// One hour, as the facts or as the documents give it.
#[derive(Debug, Default, PartialEq)]
struct Hour {
    volume_sat: u64,
    tx_count: u64,
    max_tx_sat: u64,
    max_tx_hash: Option<String>,
}

/// What a miner earned in a period.
#[derive(Debug, Default, PartialEq)]
struct Earned {
    blocks: u64,
    reward_sat: u64,
}

fn hours_of_facts(facts: &[Value]) -> BTreeMap<String, Hour> {
    let mut hours: BTreeMap<String, Hour> = BTreeMap::new();
    for fact in facts {
        let time = fact["time_utc"].as_str().unwrap();
        let hour = hours.entry(format!("{}:00:00Z", &time[..13])).or_default();
        hour.volume_sat += fact["outputs_non_coinbase_sat"].as_u64().unwrap();
        hour.tx_count += fact["n_tx"].as_u64().unwrap() - 1;
        let largest = fact["largest_tx_sat"].as_u64().unwrap_or_default();
        if largest > hour.max_tx_sat {
            hour.max_tx_sat = largest;
            hour.max_tx_hash = fact["largest_tx"].as_str().map(str::to_owned);
        }
    }
    hours.retain(|_, hour| hour.tx_count > 0);
    hours
}

fn hours_of_documents(bench: &Bench) -> BTreeMap<String, Hour> {
    let hour = |source: &Value| Hour {
        volume_sat: source["volume_sat"].as_u64().unwrap(),
        tx_count: source["tx_count"].as_u64().unwrap(),
        max_tx_sat: source["max_tx_sat"].as_u64().unwrap(),
        max_tx_hash: source["max_tx_hash"].as_str().map(str::to_owned),
    };
    by_id(bench, "btc-volume", hour)
}

fn miners_of_facts(facts: &[Value]) -> BTreeMap<String, Earned> {
    let mut miners: BTreeMap<String, Earned> = BTreeMap::new();
    for fact in facts {
        let time = fact["time_utc"].as_str().unwrap();
        let slug: String =
            pool(fact).chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        for id in [format!("day:{}:{slug}", &time[..10]), format!("month:{}:{slug}", &time[..7])] {
            let earned = miners.entry(id).or_default();
            earned.blocks += 1;
            earned.reward_sat += fact["coinbase_total_sat"].as_u64().unwrap();
        }
    }
    miners
}

fn miners_of_documents(bench: &Bench) -> BTreeMap<String, Earned> {
    let earned = |source: &Value| Earned {
        blocks: source["blocks"].as_u64().unwrap(),
        reward_sat: source["reward_sat"].as_u64().unwrap(),
    };
    by_id(bench, "btc-miner", earned)
}

fn by_id<T>(bench: &Bench, index: &str, understand: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    let entry = |document: Value| {
        let id = document["_id"].as_str().unwrap().to_owned();
        (id, understand(&document["_source"]))
    };
    bench.documents(index).into_iter().map(entry).collect()
}

#[test]
fn real_blocks_give_exactly_the_facts_in_any_order_and_however_often() {
    let Some(data) = shared_data("real_blocks_give_exactly_the_facts_in_any_order_and_however_often") else {
        return;
    };
    let facts = mainnet_facts(&data);
    let (blocks, prices) = (data.join("blocks/mainnet"), data.join("prices/kraken_XBTEUR_60_2024-10.csv"));
    let feed = ["blocks", blocks.to_str().unwrap(), "--prices", prices.to_str().unwrap()];
    let bench = Bench::new();
    bench.replay(&feed, &[]);

    let blocks = bench.documents("btc-raw-blocks");
    assert_eq!(blocks.len(), facts.len());
    for fact in &facts {
        let block = blocks.iter().find(|block| block["_source"]["hash"] == fact["hash"]);
        let block = &block.unwrap_or_else(|| panic!("no document for {fact}"))["_source"];
        for (field, expected) in [
            ("outputs_sat", &fact["outputs_non_coinbase_sat"]),
            ("largest_tx", &fact["largest_tx"]),
            ("largest_tx_sat", &fact["largest_tx_sat"]),
            ("reward_sat", &fact["coinbase_total_sat"]),
        ] {
            assert_eq!(&block[field], expected, "{field} of {fact}");
        }
        assert_eq!(block["miner"], pool(fact), "pool of {fact}");
    }
    let (hours, miners) = (hours_of_facts(&facts), miners_of_facts(&facts));
    assert_eq!(hours_of_documents(&bench), hours);
    assert_eq!(miners_of_documents(&bench), miners);
    assert_eq!(bench.export("btc-dead-letter"), "");
    eprintln!(
        "{} blocks, {} hours, {} miner documents equal the facts",
        facts.len(),
        hours.len(),
        miners.len()
    );

    let once = INDICES.map(|index| bench.export(index));
    bench.replay(&feed, &[("BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT", "8")]);
    for (index, once) in INDICES.iter().zip(&once) {
        assert!(*once == bench.export(index), "{index} changed by a second replay");
    }

    let bench = Bench::new();
    let folder = bench.path("blocks");
    shuffle_twice(&data.join("blocks/mainnet"), &folder);
    let feed = ["blocks", folder.to_str().unwrap(), "--prices", prices.to_str().unwrap()];
    bench.replay(&feed, &[("BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT", "1")]);
    for (index, once) in INDICES.iter().zip(&once) {
        assert!(*once == bench.export(index), "{index} depends on the blocks' order or number");
    }
}

/// Puts every file twice under `into`, each in a folder of its own, so that the folders' order is another one.
fn shuffle_twice(from: &Path, into: &Path) {
    let mut files: Vec<_> = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (number, file) in files.iter().chain(&files).enumerate() {
        // 29 has no divisor in common with twice 35, so every place is taken once.
        let place = into.join(format!("{:03}", number * 29 % (2 * files.len())));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::copy(file, place.join(file.file_name().unwrap())).unwrap();
    }
}

/// The sample as a recording would hold them, one message a line.
fn recording_of_sample() -> String {
    let bench = Bench::new();
    bench.replay(&["sample"], &SHORT_SAMPLE);
    let mut lines = Vec::new();
    for (index, topic) in [
        ("btc-raw-bpi", "p3-btc-bpi"),
        ("btc-raw-blocks", "p3-btc-blocks"),
        ("btc-raw-transactions", "p3-btc-transactions"),
    ] {
        for document in bench.documents(index) {
            let source = &document["_source"];
            let received =
                chrono::DateTime::parse_from_rfc3339(source["@timestamp"].as_str().unwrap()).unwrap();
            let line = serde_json::json!({
                "topic": topic, "key": source["key"], "source": source["source"],
                "received_ms": received.timestamp_millis(), "value": source["message"],
            });
            lines.push(line.to_string());
        }
    }
    lines.join("\n") + "\n"
}

/// A deterministic shuffle: the order of the hashes of the lines.
fn shuffled<'a>(lines: impl Iterator<Item = &'a str>, salt: u64) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut lines: Vec<&str> = lines.collect();
    lines.sort_by_cached_key(|line| {
        let mut hasher = DefaultHasher::new();
        (salt, line).hash(&mut hasher);
        hasher.finish()
    });
    lines.join("\n") + "\n"
}

#[test]
fn order_repetition_and_parallelism_change_no_byte() {
    let lines = recording_of_sample();
    let mut expected: Option<Vec<String>> = None;
    for (tasks, text) in [
        ("1", lines.clone()),
        ("2", shuffled(lines.lines(), 1)),
        ("8", shuffled(lines.lines().chain(lines.lines()), 2)),
    ] {
        let bench = Bench::new();
        let file = bench.path("recording.ndjson");
        std::fs::write(&file, text).unwrap();
        bench.replay(
            &["recording", file.to_str().unwrap()],
            &[("BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT", tasks)],
        );
        let exports: Vec<String> = INDICES.iter().map(|index| bench.export(index)).collect();
        assert!(exports.iter().all(|export| !export.is_empty()), "every index has documents");
        match &expected {
            None => expected = Some(exports),
            Some(expected) => {
                for ((index, expected), got) in INDICES.iter().zip(expected).zip(&exports) {
                    assert_eq!(expected, got, "{index} differs with {tasks} tasks");
                }
            }
        }
    }
}

#[test]
fn without_raw_transactions_all_other_documents_are_the_same() {
    let lines = recording_of_sample();
    let exports = ["true", "false"].map(|keeps_raw| {
        let bench = Bench::new();
        let file = bench.path("recording.ndjson");
        std::fs::write(&file, &lines).unwrap();
        bench.replay(
            &["recording", file.to_str().unwrap()],
            &[("BITCOIN_DASHBOARD__TOPOLOGY__RAW_TRANSACTIONS", keeps_raw)],
        );
        INDICES.map(|index| bench.export(index))
    });
    let [with, without] = &exports;
    for ((index, with), without) in INDICES.iter().zip(with).zip(without) {
        let expected = if *index == "btc-raw-transactions" { "" } else { with };
        assert_eq!(expected, without, "{index}");
        assert!(!with.is_empty(), "{index} has documents");
    }
}
