//! Measures the embedded store: `cargo run --release -p trombe-connectors --example rates [FOLDER] [full|normal|off]
//! [log|index|state]`.
//!
//! Messages, documents and values have about 300 bytes. One caller writes batches of 1, 100 and 1,000, then sixteen
//! callers write batches of 1 at once, which shows what group commit gives.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use futures_util::future::try_join_all;
use trombe_connectors::{
    ConsumerOptions, Document, EmbeddedConfig, EmbeddedStore, Index, Log, Message, State, StateChange,
    Synchronous, TopicOptions,
};

const TOPIC: &str = "p3-btc-transactions";
const ROUND: Duration = Duration::from_millis(1500);
const CALLERS: u64 = 16;

type Answer<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Answer<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let synchronous = match arguments.next().as_deref() {
        None | Some("full") => Synchronous::Full,
        Some("normal") => Synchronous::Normal,
        Some("off") => Synchronous::Off,
        Some(other) => return Err(format!("`{other}`: full, normal or off is allowed").into()),
    };
    let config = EmbeddedConfig { synchronous, ..EmbeddedConfig::default() };
    let store = EmbeddedStore::open(folder.path().join("store"), config)?;
    store.create_topic(TOPIC, &TopicOptions { partitions: 9, retention_ms: None }).await?;

    let only = arguments.next();
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    if wanted("log") {
        appends(&store).await?;
        polls(&store)?;
    }
    if wanted("index") {
        bulks(&store).await?;
    }
    if wanted("state") {
        state(&store)?;
    }
    Ok(())
}

async fn appends(store: &EmbeddedStore) -> Answer<()> {
    for batch in [1, 100, 1000] {
        let mut clock = Clock::start();
        while clock.is_running() {
            store.append(TOPIC, messages(clock.done, batch)).await?;
            clock.done += batch;
        }
        clock.report(&format!("appends, batches of {batch}"));
    }
    let mut clock = Clock::start();
    while clock.is_running() {
        let callers = (0..CALLERS).map(|caller| store.append(TOPIC, messages(clock.done + caller, 1)));
        try_join_all(callers).await?;
        clock.done += CALLERS;
    }
    clock.report(&format!("appends, batches of 1, {CALLERS} callers"));
    let mut clock = Clock::start();
    while clock.is_running() {
        let callers =
            (0..CALLERS).map(|caller| store.append(TOPIC, messages(clock.done + caller * 1000, 1000)));
        try_join_all(callers).await?;
        clock.done += CALLERS * 1000;
    }
    clock.report(&format!("appends, batches of 1000, {CALLERS} callers"));
    Ok(())
}

fn polls(store: &EmbeddedStore) -> Answer<()> {
    let mut consumer = store.consumer(ConsumerOptions::member("rates", &[TOPIC], 0, 1))?;
    let mut records = Vec::new();
    let mut clock = Clock::start();
    loop {
        records.clear();
        consumer.poll(1000, 16 << 20, &mut records)?;
        if records.is_empty() {
            break;
        }
        clock.done += records.len() as u64;
    }
    clock.report("records polled, 1000 a poll");
    let mut clock = Clock::start();
    while clock.is_running() {
        consumer.poll(1000, 16 << 20, &mut records)?;
        clock.done += 1;
    }
    clock.report("polls without news");
    Ok(())
}

async fn bulks(store: &EmbeddedStore) -> Answer<()> {
    for batch in [1, 100, 1000] {
        let mut clock = Clock::start();
        while clock.is_running() {
            let ids = clock.done..clock.done + batch;
            store.bulk(ids.map(|n| document("new", (batch << 32) + n, 1)).collect()).await?;
            clock.done += batch;
        }
        clock.report(&format!("new documents, bulks of {batch}"));
    }
    let mut clock = Clock::start();
    while clock.is_running() {
        let bulk = |caller: u64| {
            let ids = clock.done + caller * 1000..clock.done + (caller + 1) * 1000;
            store.bulk(ids.map(|n| document("new", n, 1)).collect())
        };
        try_join_all((0..CALLERS).map(bulk)).await?;
        clock.done += CALLERS * 1000;
    }
    clock.report(&format!("new documents, bulks of 1000, {CALLERS} callers"));
    let mut clock = Clock::start();
    while clock.is_running() {
        let ids = clock.done..clock.done + 1000;
        let version = clock.done + 1;
        store.bulk(ids.map(|n| document("hours", n % 5000, version)).collect()).await?;
        clock.done += 1000;
    }
    clock.report("replaced documents, bulks of 1000");
    Ok(())
}

fn state(store: &EmbeddedStore) -> Answer<()> {
    let mut clock = Clock::start();
    while clock.is_running() {
        let change = |n| StateChange {
            namespace: "seen".into(),
            key: scattered(n).into_bytes(),
            value: Some(vec![7; 40]),
            expires_ms: None,
        };
        store.state_apply((clock.done..clock.done + 1000).map(change).collect())?;
        clock.done += 1000;
    }
    let entries = clock.done;
    clock.report("state changes, 1000 an apply");
    let mut clock = Clock::start();
    while clock.is_running() {
        black_box(store.state_get("seen", scattered(clock.done * 7919 % entries).as_bytes())?);
        clock.done += 1;
    }
    clock.report(&format!("state lookups among {entries}"));
    Ok(())
}

fn messages(first: u64, count: u64) -> Vec<Message> {
    let message = |n| Message {
        key: Bytes::from(scattered(n)),
        value: Bytes::from(vec![b'x'; 220]),
        timestamp_ms: 1_729_296_000_000,
        headers: vec![("source".into(), Bytes::from_static(b"blockchain-info"))],
    };
    (first..first + count).map(message).collect()
}

fn document(index: &str, n: u64, version: u64) -> Document {
    let timestamp = DateTime::UNIX_EPOCH + TimeDelta::seconds(n.cast_signed() % 86_400);
    let source =
        format!("{{\"@timestamp\":\"{}\",\"text\":\"{}\"}}", timestamp.to_rfc3339(), "x".repeat(220));
    Document { index: index.into(), id: scattered(n), version, timestamp, source }
}

/// A number as 32 hex digits in no order, as hashes are.
fn scattered(n: u64) -> String {
    format!("{:032x}", u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

struct Clock {
    started: Instant,
    processor: Duration,
    done: u64,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), processor: processor_time(), done: 0 }
    }

    fn is_running(&self) -> bool {
        self.started.elapsed() < ROUND
    }

    #[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a report to be read by people")]
    fn report(self, what: &str) {
        let rate = self.done as f64 / self.started.elapsed().as_secs_f64();
        let each_us = processor_time().saturating_sub(self.processor).as_secs_f64() * 1e6 / self.done as f64;
        println!("{rate:>10.0}/s {each_us:>8.2} us of CPU each: {what}");
    }
}

/// What this process has used of the processors, kernel included; nothing where the system does not tell.
fn processor_time() -> Duration {
    const TICK_MS: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    Duration::from_millis(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * TICK_MS)
}
