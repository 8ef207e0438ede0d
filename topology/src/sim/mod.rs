//! The Bitcoin topology in simulated worlds: see [`trombe::sim`].
//!
//! ```
//! let report = btc_topology::sim::bitcoin_simulation().seeds(0..3).messages(40).run();
//! assert!(report.is_ok(), "{report}");
//! ```
//!
//! Each seed makes up some hours of prices, transactions and blocks, which a feed brings into a simulated log while everything goes
//! wrong. In the end the documents of values, hours and miners must be those of an oracle that shares no code with the bolts, every
//! document must be, byte for byte, that of an undisturbed run by one task, and nothing may be left uncommitted.
//!
//! A rebalance deals partitions and key groups anew among another number of tasks, after a crash. That a group hands partitions out among
//! processes which live at the same time is not simulated: `spout/tests/rebalances.rs` has it, and `tests/whole/on_kafka.rs` on real brokers.

mod market;
mod messages;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use trombe::Topology;
use trombe::sim::{Fault, Simulation, World};
use trombe_connectors::simulated::{self, Calm, Disturb};
use trombe_connectors::{Document, Index, Log, SimulatedIndex, SimulatedLog};

pub use market::FROM_S;
pub use messages::{BLOCK_REWARD_SAT, block, block_hash, nonsense, price, transaction, txid};

use crate::config::TopologyConfig;
use crate::connections::Connections;
use crate::documents::DEAD_LETTER;
use crate::health::Health;
use crate::signals::FeedOver;
use crate::topics::{create_documents_topic, create_topics};
use crate::wiring::bitcoin;
use market::{Market, is_known_to_oracle};

/// The feed brings some messages twice.
pub const FEED_DUPLICATE: Fault = Fault::new("feed-duplicate", 4);
/// The feed brings some messages up to two minutes late.
pub const FEED_LATE: Fault = Fault::new("feed-late", 4);

/// Every fault that the Bitcoin topology is tried with: the engine's, the feed's, and those of the [log and the
/// index](trombe_connectors::simulated).
pub const FAULTS: [Fault; 22] = {
    let engine = Fault::ENGINE;
    [
        engine[0],
        engine[1],
        engine[2],
        engine[3],
        engine[4],
        engine[5],
        engine[6],
        engine[7],
        engine[8],
        engine[9],
        engine[10],
        FEED_DUPLICATE,
        FEED_LATE,
        Fault::new(simulated::LOG_AWAY, 300),
        Fault::new(simulated::LOG_REPEAT, 60),
        Fault::new(simulated::LOG_REORDER, 8),
        Fault::new(simulated::LOG_CUT, 4),
        Fault::new(simulated::INDEX_BUSY, 15),
        Fault::new(simulated::INDEX_PARTIAL, 10),
        Fault::new(simulated::INDEX_CUT, 15),
        Fault::new(simulated::INDEX_OUTAGE, 80),
        Fault::new(simulated::INDEX_SLOW, 10),
    ]
};

/// Messages of one seed, unless more or fewer are asked for.
pub const MESSAGES: usize = 120;

/// The Bitcoin topology with every fault.
pub fn bitcoin_simulation() -> Simulation {
    bitcoin_simulation_on(|_, connections| connections)
}

/// The same on connections that the caller wraps: to see that the simulation finds the mistakes of a bad store.
pub fn bitcoin_simulation_on(
    wrap: impl Fn(&World, Connections) -> Connections + Send + Sync + 'static,
) -> Simulation {
    let build = move |world: &World| {
        let stores = world.outside(|| Stores::disturbed(world));
        stores.topology(world, &config(world, world.tasks(2)), &wrap)
    };
    let engine =
        TopologyConfig { spout_pending_count_max: 32, held_count_max: 16, ..TopologyConfig::default() };
    let engine = trombe::Config { workers_count: Some(2), batch_count_max: 16, ..engine.engine() };
    Simulation::new("bitcoin", build)
        .faults(FAULTS)
        .messages(MESSAGES)
        .config(engine)
        .check(check)
        .command("bitcoin-dashboard sim")
}

/// Limits that make every mechanism work: small batches, frequent commits.
fn config(world: &World, tasks_count: usize) -> TopologyConfig {
    TopologyConfig {
        tasks_count,
        commit_period_ms: 400,
        poll_interval_ms: 500,
        index_batch_count_max: 10,
        index_linger_ms: 5,
        hours_retention_hours: None,
        miners_retention_hours: None,
        sightings_loaded_count_max: 1_000,
        hour_rows_loaded_count_max: 1_000,
        seed: Some(world.seed()),
        ..TopologyConfig::default()
    }
}

/// The world as the log and the index see it.
struct Weather(World);

impl Disturb for Weather {
    fn strike(&self, fault: &'static str) -> Option<u64> {
        self.0.strike(fault).map(|mut chance| chance.below(u64::MAX))
    }

    fn dies(&self) -> bool {
        self.0.dies()
    }

    fn is_dead(&self) -> bool {
        self.0.is_dead()
    }

    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn note(&self, what: &str) {
        self.0.note(what);
    }
}

/// What survives the process, and what it should hold in the end.
struct Stores {
    log: SimulatedLog,
    index: SimulatedIndex,
    /// In every fourth world.
    secondary: Option<SimulatedIndex>,
    market: Market,
}

impl Stores {
    /// As the world would have them.
    fn disturbed(world: &World) -> Self {
        let stores = Self::new(world, &(Arc::new(Weather(world.clone())) as Arc<dyn Disturb>));
        stores.log.feed(stores.market.schedule(world));
        stores
    }

    /// Undisturbed, with all messages there from the beginning.
    fn calm(world: &World) -> Self {
        let stores = Self::new(world, &(Arc::new(Calm) as Arc<dyn Disturb>));
        let messages = stores.market.messages.iter().cloned();
        stores.log.feed(messages.map(|(topic, message)| (Duration::ZERO, topic.to_owned(), message)));
        stores
    }

    fn new(world: &World, disturb: &Arc<dyn Disturb>) -> Self {
        let config = TopologyConfig::default();
        let log = SimulatedLog::new(Arc::clone(disturb));
        // Nothing there waits for anything.
        drop(create_topics(&log, &config).now_or_never());
        let secondary = world.seed().is_multiple_of(4).then(|| SimulatedIndex::new(Arc::clone(disturb)));
        if secondary.is_some() {
            drop(create_documents_topic(&log, &config).now_or_never());
        }
        let market = Market::new(world, config.reorg_depth_max);
        Self { log, index: SimulatedIndex::new(Arc::clone(disturb)), secondary, market }
    }

    fn topology(
        &self,
        world: &World,
        config: &TopologyConfig,
        wrap: &dyn Fn(&World, Connections) -> Connections,
    ) -> Topology {
        let feed_over = FeedOver::new();
        let fed = feed_over.clone();
        self.log.when_fed(move || fed.set());
        let log: Arc<dyn Log> = Arc::new(self.log.clone());
        let connections = Connections {
            log,
            index: Arc::new(self.index.clone()),
            state: world.state(),
            secondary: self.secondary.clone().map(|index| Arc::new(index) as Arc<dyn Index>),
            identity: "simulated".to_owned(),
        };
        // The limits are this module's own, and within their ranges.
        bitcoin(wrap(world, connections), config.clone(), feed_over, Health::new())
            .unwrap_or_else(|_| Topology::new("refused"))
    }
}

/// Documents by index and id: version and source.
type Export = BTreeMap<(String, String), (u64, String)>;

fn export(documents: Vec<Document>) -> Export {
    let row = |document: Document| {
        let source =
            if document.index == DEAD_LETTER { without_place(&document.source) } else { document.source };
        ((document.index, document.id), (document.version, source))
    };
    documents.into_iter().map(row).collect()
}

/// Where in the log a bad record stands is the feed's doing.
fn without_place(source: &str) -> String {
    let Ok(mut letter) = serde_json::from_str::<Value>(source) else { return source.to_owned() };
    if let Some(fields) = letter.as_object_mut() {
        fields.remove("offset");
    }
    letter.to_string()
}

fn check(world: &World) -> Result<(), String> {
    let stores = world.outside(|| Stores::disturbed(world));
    let documents = stores.index.documents();
    world.compared(documents.len());
    against_oracle(&stores.market, &documents)?;
    let letters = documents.iter().filter(|document| document.index == DEAD_LETTER).count();
    if letters != stores.market.bad_count {
        return Err(format!("{letters} dead letters of {} bad messages", stores.market.bad_count));
    }
    let exported = export(documents);
    if let Some(secondary) = &stores.secondary {
        same(&export(secondary.documents()), &exported).map_err(|why| format!("secondary: {why}"))?;
    }
    same(&exported, &undisturbed(world)?)?;
    match stores.log.lag(&TopologyConfig::default().consumer_group) {
        0 => Ok(()),
        lag => Err(format!("{lag} records are done but not committed")),
    }
}

/// The export of a run without faults, of the same messages, in their order, by one task.
fn undisturbed(world: &World) -> Result<Export, String> {
    let exported = Arc::new(Mutex::new(Export::new()));
    let result = Arc::clone(&exported);
    let build = |world: &World| {
        let stores = world.outside(|| Stores::calm(world));
        stores.topology(world, &config(world, 1), &|_, connections| connections)
    };
    let report = Simulation::new("undisturbed", build)
        .faults([])
        .messages(world.messages())
        .seeds(world.seed()..world.seed() + 1)
        .check(move |world| {
            let documents = world.outside(|| Stores::calm(world)).index.documents();
            *result.lock().unwrap_or_else(PoisonError::into_inner) = export(documents);
            Ok(())
        })
        .run();
    match report.failure {
        Some(failure) => Err(format!("the undisturbed run failed: {}", failure.reason)),
        None => Ok(std::mem::take(&mut *exported.lock().unwrap_or_else(PoisonError::into_inner))),
    }
}

fn against_oracle(market: &Market, documents: &[Document]) -> Result<(), String> {
    let mut expected = market.expected();
    for Document { index, id, version, source, .. } in documents.iter().filter(|d| is_known_to_oracle(d)) {
        let said = expected.remove(&(index.clone(), id.clone()));
        let (said_version, said_source) =
            said.ok_or_else(|| format!("{index}/{id} is there, and the oracle does not know it: {source}"))?;
        if *source != said_source || said_version.is_some_and(|said| said != *version) {
            let said_version = said_version.unwrap_or(*version);
            return Err(format!(
                "{index}/{id} is version {version}: {source}, and the oracle says version {said_version}: {said_source}"
            ));
        }
    }
    expected.pop_first().map_or(Ok(()), |((index, id), _)| Err(format!("{index}/{id} is missing")))
}

/// The first difference between two exports.
fn same(export: &Export, expected: &Export) -> Result<(), String> {
    let differs = |(key, value): &(&(String, String), &(u64, String))| expected.get(*key) != Some(*value);
    if let Some((key, value)) = export.iter().find(differs) {
        return Err(format!("{key:?} is {value:?}, and in an undisturbed run {:?}", expected.get(key)));
    }
    let missing = expected.keys().find(|key| !export.contains_key(*key));
    missing.map_or(Ok(()), |key| Err(format!("{key:?} is missing")))
}
