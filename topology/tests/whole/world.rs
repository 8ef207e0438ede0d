//! A log, an index and a state store in one embedded store, and ways to run the topology on them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use btc_topology::{
    Connections, FeedOver, Health, StoredState, TOPICS, TopologyConfig, bitcoin, create_topics, documents,
};
use serde_json::Value;
use trombe::{Running, StateStore, Summary};
use trombe_connectors::{ConsumerOptions, EmbeddedStore, Index, Log, Message};

/// Far longer than any run here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_mins(2);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Every document: index, id, version, source.
pub(crate) type Export = BTreeMap<(String, String), (u64, String)>;

/// One embedded store with the topics on it.
pub(crate) struct World {
    pub(crate) store: EmbeddedStore,
    pub(crate) health: Health,
    pub(crate) feed_over: FeedOver,
    tokio: tokio::runtime::Runtime,
}

/// Tests on real brokers have these to themselves: a rebalance that comes too late gives records twice, rightly.
pub(crate) fn brokers() -> MutexGuard<'static, ()> {
    static BROKERS: Mutex<()> = Mutex::new(());
    BROKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Limits that make every mechanism work: small batches, frequent commits, no long waits.
pub(crate) fn config(tasks_count: usize) -> TopologyConfig {
    TopologyConfig {
        tasks_count,
        held_count_max: 50,
        commit_period_ms: 1,
        lag_period_ms: 100,
        poll_interval_ms: 1,
        index_batch_count_max: 20,
        index_linger_ms: 1,
        retry_backoff_ms_min: 1,
        retry_backoff_ms_max: 2,
        sightings_loaded_count_max: 1_000,
        hour_rows_loaded_count_max: 1_000,
        ..TopologyConfig::default()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(EmbeddedStore::open_in_memory().unwrap())
    }

    /// A world on a store of one's own.
    pub(crate) fn on(store: EmbeddedStore) -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(create_topics(&store, &config(1))).unwrap();
        Self { store, health: Health::new(), feed_over: FeedOver::new(), tokio }
    }

    /// Keeps messages for so many hours.
    pub(crate) fn limit_retention(&self, hours: u32) {
        let config = TopologyConfig { log_retention_hours: Some(hours), ..config(1) };
        self.tokio.block_on(create_topics(&self.store, &config)).unwrap();
    }

    /// Appends messages, each to its topic, in this order.
    pub(crate) fn append(&self, messages: &[(&'static str, Message)]) {
        for topic in TOPICS {
            let of_topic = messages.iter().filter(|(other, _)| *other == topic);
            let messages: Vec<_> = of_topic.map(|(_, message)| message.clone()).collect();
            self.tokio.block_on(self.store.append(topic, messages)).unwrap();
        }
    }

    pub(crate) fn index(&self) -> Arc<dyn Index> {
        Arc::new(self.store.clone())
    }

    pub(crate) fn state(&self) -> Arc<dyn StateStore> {
        Arc::new(StoredState::new(self.store.clone()))
    }

    pub(crate) fn connections(&self, index: Arc<dyn Index>, state: Arc<dyn StateStore>) -> Connections {
        let log = Arc::new(self.store.clone());
        Connections { log, index, state, secondary: None, identity: "test".to_owned() }
    }

    pub(crate) fn start(
        &self,
        index: Arc<dyn Index>,
        state: Arc<dyn StateStore>,
        config: TopologyConfig,
    ) -> Running {
        self.start_on(self.connections(index, state), config)
    }

    pub(crate) fn start_on(&self, connections: Connections, config: TopologyConfig) -> Running {
        let engine = config.engine();
        let topology = bitcoin(connections, config, self.feed_over.clone(), self.health.clone());
        topology.unwrap().start(engine).unwrap()
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.tokio.block_on(future)
    }

    /// Runs until the log is drained.
    pub(crate) fn drain(&self, config: TopologyConfig) -> Summary {
        self.feed_over.set();
        end(self.start(self.index(), self.state(), config))
    }

    pub(crate) fn export(&self) -> Export {
        export(self, &self.store)
    }

    /// The sources of one index, by id.
    pub(crate) fn sources(&self, index: &str) -> BTreeMap<String, Value> {
        let export = self.export().into_iter().filter(|((of, _), _)| of == index);
        export.map(|((_, id), (_, source))| (id, serde_json::from_str(&source).unwrap())).collect()
    }

    /// How many records the group has not committed yet, over all topics.
    pub(crate) fn lag(&self) -> u64 {
        let group = config(1).consumer_group;
        let options = ConsumerOptions::member(&group, &TOPICS, 0, 1);
        let lag = self.store.consumer(options).unwrap().lag().unwrap();
        lag.iter().map(|lag| lag.end_offset - lag.committed.offset).sum()
    }
}

/// Everything that a store's indices hold.
pub(crate) fn export(world: &World, store: &EmbeddedStore) -> Export {
    let mut export = Export::new();
    for index in documents::INDICES {
        let mut after: Option<String> = None;
        loop {
            let page = world.block_on(store.scan(index, after.as_deref(), 1_000)).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            export
                .extend(page.into_iter().map(|row| ((index.to_owned(), row.id), (row.version, row.source))));
        }
    }
    export
}

/// Waits for the end of a run whose feed is over.
pub(crate) fn end(running: Running) -> Summary {
    assert!(running.wait_for(DEADLINE), "the run does not end: {:#?}", running.snapshot());
    running.wait()
}

/// Lets the topology run until the condition holds.
#[track_caller]
pub(crate) fn until(running: &Running, what: &str, condition: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        running.wait_for(LOOK);
    }
}

/// Compares exports and shows the first difference, not megabytes of them.
#[track_caller]
pub(crate) fn assert_same(export: &Export, expected: &Export, what: impl Debug) {
    let differs = |(key, value): &(&(String, String), &(u64, String))| expected.get(*key) != Some(*value);
    if let Some((key, value)) = export.iter().find(differs) {
        panic!("{what:?}: {key:?}\n is {value:?}\n not {:?}", expected.get(key));
    }
    if let Some(key) = expected.keys().find(|key| !export.contains_key(*key)) {
        panic!("{what:?}: {key:?} is missing");
    }
}
