//! How many transactions a second go from the embedded log to the exported hours, and where the time goes:
//! `cargo run --release -p btc-topology --example throughput -- [transactions] [tasks]`.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use btc_topology::{
    Connections, EmbeddedState, FeedOver, Health, TRANSACTIONS, TopologyConfig, bitcoin, create_topics,
    documents,
};
use bytes::Bytes;
use trombe_connectors::{EmbeddedConfig, EmbeddedStore, Index, Log, Message};

/// 7 transactions a second, as on the network.
const PER_SECOND: u64 = 7;
const FROM_S: u64 = 1_730_412_000;

fn transaction(number: u64) -> Message {
    let hash = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4);
    let time = FROM_S + number / PER_SECOND;
    let sat = number * 7_919 % 1_000_000_007;
    let value = format!(
        r#"{{"op":"utx","x":{{"lock_time":0,"ver":2,"size":225,"inputs":[{{"sequence":4294967295,"prev_out":{{"spent":true,"tx_index":0,"type":0,"addr":"1BoatSLRHtKNngkdXEeobR76b53LETtpyT","value":{input},"n":0,"script":"76a914"}},"script":"483045022100"}}],"time":{time},"tx_index":0,"vin_sz":1,"hash":"{hash}","vout_sz":2,"relayed_by":"0.0.0.0","out":[{{"spent":false,"addr":"1dice8EMZmqKvrGE4Qc9bUFf9PX3xaYDp","value":{sat},"n":0,"script":"76a914"}},{{"spent":false,"addr":"1BoatSLRHtKNngkdXEeobR76b53LETtpyT","value":5,"n":1,"script":"76a914"}}]}}}}"#,
        input = sat + 1_000,
    );
    let header = |name: &str, value: &'static str| (name.to_owned(), Bytes::from_static(value.as_bytes()));
    Message {
        key: hash.into(),
        value: value.into(),
        timestamp_ms: i64::try_from(time * 1_000).unwrap_or_default(),
        headers: vec![header("source", "blockchain-info"), header("feed", "sample")],
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is read with a few digits")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let tasks_count: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("trombe-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let store = EmbeddedStore::open(folder.join("store.db"), EmbeddedConfig::default())?;
    let config = TopologyConfig { tasks_count, ..TopologyConfig::default() };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let started = Instant::now();
    tokio.block_on(create_topics(&store, &config))?;
    for first in (0..count).step_by(10_000) {
        let messages = (first..count.min(first + 10_000)).map(transaction).collect();
        tokio.block_on(store.append(TRANSACTIONS, messages))?;
    }
    let appended = started.elapsed().as_secs_f64();
    eprintln!("append: {count} messages in {appended:.2} s, {:.0}/s", per_second(count, appended));

    let connections = Connections {
        log: Arc::new(store.clone()),
        index: Arc::new(store.clone()),
        state: Arc::new(EmbeddedState::new(store.clone())),
        secondary: None,
        identity: String::new(),
    };
    let feed_over = FeedOver::new();
    feed_over.set();
    let engine = config.engine();
    let started = Instant::now();
    let running = bitcoin(connections, config, feed_over, Health::new())?.start(engine)?;
    while !running.wait_for(std::time::Duration::from_secs(1)) {
        let hours =
            running.snapshot().components.into_iter().find(|component| component.name == "transactions");
        eprintln!("{:6.1} s: {:?} acked", started.elapsed().as_secs_f64(), hours.map(|hours| hours.acked));
    }
    let seconds = started.elapsed().as_secs_f64();
    for component in &running.snapshot().components {
        eprintln!(
            "{:20} executed {:9}  p50 {:8} us  p99 {:8} us",
            component.name, component.executed, component.execute_us_p50, component.execute_us_p99
        );
    }
    let summary = running.wait();
    let documents = tokio.block_on(store.count(documents::VOLUME))?;
    eprintln!("{summary}; {documents} hours");
    eprintln!(
        "topology, {tasks_count} tasks: {:.0} transactions a second",
        per_second(summary.acked, seconds)
    );
    drop(store);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
