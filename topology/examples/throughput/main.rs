//! How many transactions a second go from the embedded log to the exported hours, and where the time goes:
//! `cargo run --release -p btc-topology --example throughput -- [transactions] [tasks]`.
//!
//! `... -- growth` shows what becomes of the cost as there are more partitions, more days, and more keys with state.

mod growth;
mod message;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use btc_topology::{
    Connections, FeedOver, Health, StoredState, TRANSACTIONS, TopologyConfig, bitcoin, create_topics,
    documents,
};
use message::transaction;
use trombe::Running;
use trombe_connectors::{EmbeddedConfig, EmbeddedStore, Index, Log, Message};

/// 7 transactions a second, as on the network.
const PER_SECOND: u64 = 7;

/// A store in a folder of its own, which goes with it.
struct Store {
    log: EmbeddedStore,
    tokio: tokio::runtime::Runtime,
    folder: PathBuf,
}

impl Store {
    fn create() -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("trombe-throughput-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let log = EmbeddedStore::open(folder.join("store.db"), EmbeddedConfig::default())?;
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { log, tokio, folder })
    }

    fn create_topics(&self, config: &TopologyConfig) -> Result<(), Box<dyn Error>> {
        Ok(self.tokio.block_on(create_topics(&self.log, config))?)
    }

    /// How large it is on disk.
    fn file_mib(&self) -> std::io::Result<u64> {
        let entries = std::fs::read_dir(&self.folder)?;
        let bytes: std::io::Result<u64> = entries.map(|entry| Ok(entry?.metadata()?.len())).sum();
        Ok(bytes? >> 20)
    }

    fn append(&self, mut messages: impl Iterator<Item = Message>) -> Result<(), Box<dyn Error>> {
        loop {
            let some: Vec<Message> = messages.by_ref().take(10_000).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.tokio.block_on(self.log.append(TRANSACTIONS, some))?;
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{}: {error}", self.folder.display());
        }
    }
}

/// The dashboard's topology on all that is in the log.
fn end_to_end(store: &Store, config: TopologyConfig) -> Result<Running, Box<dyn Error>> {
    let connections = Connections {
        log: Arc::new(store.log.clone()),
        index: Arc::new(store.log.clone()),
        state: Arc::new(StoredState::new(store.log.clone())),
        secondary: None,
        identity: String::new(),
    };
    let feed_over = FeedOver::new();
    feed_over.set();
    let engine = config.engine();
    Ok(bitcoin(connections, config, feed_over, Health::new())?.start(engine)?)
}

#[expect(clippy::cast_precision_loss, reason = "a rate is read with a few digits")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == "growth").is_some() {
        return growth::growth(arguments);
    }
    let count: u64 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let tasks_count: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let store = Store::create()?;
    let config = TopologyConfig { tasks_count, ..TopologyConfig::default() };

    let started = Instant::now();
    store.create_topics(&config)?;
    store.append((0..count).map(|number| transaction(number, number / PER_SECOND)))?;
    let appended = started.elapsed().as_secs_f64();
    eprintln!("append: {count} messages in {appended:.2} s, {:.0}/s", per_second(count, appended));

    let started = Instant::now();
    let running = end_to_end(&store, config)?;
    while !running.wait_for(Duration::from_secs(1)) {
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
    let documents = store.tokio.block_on(store.log.count(documents::VOLUME))?;
    eprintln!("{summary}; {documents} hours");
    eprintln!(
        "topology, {tasks_count} tasks: {:.0} transactions a second",
        per_second(summary.acked, seconds)
    );
    Ok(())
}
