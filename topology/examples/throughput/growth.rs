//! What becomes of the cost as a log has more partitions, a history is longer, and state on disk has more keys. Every point is a process of
//! its own.
#![expect(clippy::print_stdout, reason = "the tables are the result")]

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use btc_topology::{FeedOver, Health, LogSpout, LogSpoutOptions, StoredState, TRANSACTIONS, TopologyConfig};
use trombe::{Config, Guarantee, Nothing, StatefulBolt, Topology};
use trombe_connectors::{Log, TopicOptions};

use crate::message::transaction;
use crate::{Store, end_to_end};

/// Messages over all partitions, or of one day.
const MESSAGES: u64 = 100_000;
const MESSAGES_PER_DAY: u64 = 2_000;
const DAY_S: u64 = 86_400;
/// Tuples, each of any key, once there is state for all keys.
const TUPLES: u64 = 1_000_000;
/// How long an idle topology is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// The tables, or the row of one point.
pub(crate) fn growth(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let Some(kind) = arguments.next() else { return tables() };
    let size: u32 = arguments.next().ok_or("a size is missing")?.parse()?;
    match kind.as_str() {
        "partitions" => partitions(size),
        "days" => days(size),
        "keys" => keys(size),
        _ => Err(format!("{kind} does not grow: it is partitions, days or keys").into()),
    }
}

fn tables() -> Result<(), Box<dyn Error>> {
    println!("| partitions | CPU s to read {MESSAGES} | wall s | memory, MiB | cores when idle |");
    println!("|---|---|---|---|---|");
    rows("partitions", &[9, 90, 900])?;
    println!(
        "\n| days | transactions | CPU s from log to index | CPU us a transaction | wall s | memory, MiB |"
    );
    println!("|---|---|---|---|---|---|");
    rows("days", &[1, 7, 30, 90, 365])?;
    println!(
        "\n| keys on disk | CPU us a new key | CPU us a tuple of any key | tuples/s | memory, MiB | file, MiB |"
    );
    println!("|---|---|---|---|---|---|");
    rows("keys", &[10, 1_000, 100_000, 1_000_000, 10_000_000])
}

fn rows(kind: &str, sizes: &[u32]) -> Result<(), Box<dyn Error>> {
    for size in sizes {
        let size = size.to_string();
        let status = Command::new(std::env::current_exe()?).args(["growth", kind, &size]).status()?;
        if !status.success() {
            return Err(format!("{kind} {size}: {status}").into());
        }
    }
    Ok(())
}

/// Reads a topic and does nothing else, then waits for more that does not come.
fn partitions(count: u32) -> Result<(), Box<dyn Error>> {
    let store = Store::create()?;
    let options = TopicOptions { partitions: count, retention_ms: None };
    store.tokio.block_on(store.log.create_topic(TRANSACTIONS, &options))?;
    store.append((0..MESSAGES).map(|number| transaction(number, number)))?;
    let log: Arc<dyn Log> = Arc::new(store.log.clone());
    let options = LogSpoutOptions::new("growth", TRANSACTIONS);
    let spout = move || LogSpout::new(Arc::clone(&log), options.clone(), FeedOver::new(), Health::new());
    let topology = Topology::new("partitions");
    topology.tasks(2).spout("log", spout).shuffle().for_each("null", drop);
    let (begun, before) = (Instant::now(), cpu_s());
    let running = topology.start(Config::default())?;
    while running.snapshot().components[0].acked < MESSAGES {
        running.wait_for(Duration::from_millis(10));
    }
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_s() - before);
    let before = cpu_s();
    running.wait_for(IDLE);
    let idle = (cpu_s() - before) / IDLE.as_secs_f64();
    println!("| {count} | {cpu:.2} | {took:.2} | {:.0} | {idle:.3} |", anon_mib());
    Ok(())
}

/// So many days of transactions from the log to the index, by the dashboard's own topology.
fn days(count: u32) -> Result<(), Box<dyn Error>> {
    let store = Store::create()?;
    let (messages, apart_s) = (u64::from(count) * MESSAGES_PER_DAY, DAY_S / MESSAGES_PER_DAY);
    let config = TopologyConfig::default();
    store.create_topics(&config)?;
    store.append((0..messages).map(|number| transaction(number, number * apart_s)))?;
    let (begun, before) = (Instant::now(), cpu_s());
    let running = end_to_end(&store, config)?;
    while !running.wait_for(Duration::from_secs(1)) {}
    let (took, cpu, memory) = (begun.elapsed().as_secs_f64(), cpu_s() - before, anon_mib());
    running.wait();
    #[expect(clippy::cast_precision_loss, reason = "a figure of a few digits")]
    let each_us = cpu * 1e6 / messages as f64;
    println!("| {count} | {messages} | {cpu:.2} | {each_us:.1} | {took:.1} | {memory:.0} |");
    Ok(())
}

/// Counts tuples by key, first one of each key, then some of any; the counts are in the embedded store.
fn keys(count: u32) -> Result<(), Box<dyn Error>> {
    let (store, count) = (Store::create()?, u64::from(count));
    let (new_us, _) = counted(&store, 0..count)?;
    let any = move |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % count;
    let (each_us, rate) = counted(&store, (0..TUPLES).map(any))?;
    let (memory, file) = (anon_mib(), store.file_mib()?);
    println!("| {count} | {new_us:.1} | {each_us:.1} | {rate:.0} | {memory:.0} | {file} |");
    Ok(())
}

/// The processor time of a tuple in microseconds, and tuples a second.
fn counted<K>(store: &Store, keys: K) -> Result<(f64, f64), Box<dyn Error>>
where
    K: Iterator<Item = u64> + Clone + Send + Sync + 'static,
{
    let topology = Topology::new("keys");
    topology.state(StoredState::new(store.log.clone()));
    let counts = topology.spout("keys", keys).by(|key| key).tasks(2).guarantee(Guarantee::AtLeastOnce);
    counts.stateful("count", || Count).end();
    let (begun, before) = (Instant::now(), cpu_s());
    let summary = topology.start(Config::default())?.wait();
    #[expect(clippy::cast_precision_loss, reason = "a figure of a few digits")]
    let tuples = summary.acked as f64;
    Ok(((cpu_s() - before) * 1e6 / tuples, tuples / begun.elapsed().as_secs_f64()))
}

struct Count;

impl StatefulBolt for Count {
    type In = u64;
    type State = u64;
    type Out = Nothing;

    fn update(&mut self, count: &mut u64, _key: &u64) -> trombe::Result {
        *count += 1;
        Ok(())
    }
}

/// CPU time of the process, in seconds; NaN where there is no procfs.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, in brackets, may contain spaces; user and system time are the 14th and 15th, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let times: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if times.len() == 2 { (times[0] + times[1]) / 100.0 } else { f64::NAN }
}

/// Resident memory that is no file's, in MiB.
fn anon_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).map_or(f64::NAN, |kib: f64| kib / 1024.0)
}
