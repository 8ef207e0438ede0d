//! The log, the index and the bolts' state, wherever the configuration keeps them.
//!
//! Embedded, all three are one `SQLite` file. In a cluster the log is Kafka, the index Elasticsearch, and the file holds the
//! state alone. A lost state file loses nothing: under a new identity the log is read again from its oldest record.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use btc_producers::FeedKind;
use btc_topology::{
    BLOCKS, BPI, Connections, EmbeddedState, TRANSACTIONS, TopologyConfig, create_documents_topic,
    create_topics,
};
use tokio::task::block_in_place;
use trombe_connectors::{
    ConsumerOptions, ElasticsearchIndex, EmbeddedStore, Index, KafkaLog, Log, LogError, Start,
};

use crate::interrupt::Interrupt;
use crate::settings::{Backend, Settings};

/// The fact under which a state file keeps the feed it was filled by.
const FEED_FACT: &str = "feed";
/// The fact under which a state file keeps its own name among the readers of a log.
const IDENTITY_FACT: &str = "identity";
/// The fact under which a state file keeps which log it was made from.
const LOG_FACT: &str = "log";

/// The wait between two looks for a log that does not answer.
const AWAY_WAIT: Duration = Duration::from_secs(1);
/// How long to wait for the first record of a topic that is not empty.
const LOOK_MAX: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Everything that a topology is connected to.
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) index: Arc<dyn Index>,
    secondary: Option<Arc<dyn Index>>,
    state: EmbeddedStore,
    identity: String,
    /// Where all this is, for a person.
    pub(crate) place: String,
}

impl Stores {
    /// Opens what is configured, makes the topics, and refuses data of another kind of feed: sample and real money must
    /// never be added up. Waits for a log that does not answer; `None` if the interrupt came first.
    pub(crate) async fn open(
        file: &Path,
        kind: FeedKind,
        settings: &Settings,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Self>> {
        let state = open_state(file, kind, settings)?;
        let (log, index): (Arc<dyn Log>, Arc<dyn Index>) = match settings.backend {
            Backend::Embedded => (Arc::new(state.clone()), Arc::new(state.clone())),
            Backend::Cluster => (Arc::new(KafkaLog::connect(&settings.kafka)?), cluster_index(settings)?),
        };
        if !prepare(log.as_ref(), kind, settings, interrupt).await? {
            return Ok(None);
        }
        let secondary = settings.secondary.as_ref().map(ElasticsearchIndex::connect).transpose()?;
        let identity = identity(&state)?;
        let secondary = secondary.map(|index| Arc::new(index) as Arc<dyn Index>);
        Ok(Some(Self { log, index, secondary, state, identity, place: place(file, settings) }))
    }

    pub(crate) fn connections(&self) -> Connections {
        Connections {
            log: Arc::clone(&self.log),
            index: Arc::clone(&self.index),
            state: Arc::new(EmbeddedState::new(self.state.clone())),
            secondary: self.secondary.clone(),
            identity: self.identity.clone(),
        }
    }
}

/// The log alone, for a producer: a cluster's producers keep no file. `None` if the interrupt came before the log answered.
pub(crate) async fn open_log(
    file: &Path,
    kind: FeedKind,
    settings: &Settings,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Arc<dyn Log>>> {
    let log: Arc<dyn Log> = match settings.backend {
        Backend::Embedded => Arc::new(open_state(file, kind, settings)?),
        Backend::Cluster => Arc::new(KafkaLog::connect(&settings.kafka)?),
    };
    Ok(prepare(log.as_ref(), kind, settings, interrupt).await?.then_some(log))
}

/// The log for the archive, what tells it from any other one, and which feed fills it. `None` if the interrupt came before the
/// log answered.
#[cfg(feature = "archive")]
pub(crate) async fn open_archived(
    named: Option<&Path>,
    settings: &Settings,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<(Arc<dyn Log>, trombe_connectors::archive::Origin)>> {
    use trombe_connectors::archive::Origin;
    const NO_FEED: &str = "no feed has filled the log yet; run one first";
    if settings.backend == Backend::Embedded {
        let file = store_file(named, FeedKind::Live, "", settings);
        ensure!(file.is_file(), "there is no store {}; mend --store", file.display());
        let store = EmbeddedStore::open(&file, settings.store.clone())?;
        create_topics(&store, &settings.topology).await?;
        let feed = store.meta_get(FEED_FACT)?.context(NO_FEED)?;
        let log = identity(&store)?;
        return Ok(Some((Arc::new(store), Origin { log, feed })));
    }
    let log = KafkaLog::connect(&settings.kafka)?;
    if !create_when_there(&log, settings, interrupt).await? {
        return Ok(None);
    }
    let mut feed = None;
    for topic in [BPI, BLOCKS, TRANSACTIONS] {
        feed = match feed {
            None => oldest_feed(&log, topic, &settings.topology).await?,
            found => found,
        };
    }
    let feed = feed.context(NO_FEED)?;
    let name = format!("kafka {} {}", log.cluster_id().await?, settings.kafka.topic_prefix);
    Ok(Some((Arc::new(log), Origin { log: name.trim_end().to_owned(), feed })))
}

/// The index alone, for a reader: an embedded one must be there.
pub(crate) fn open_index(file: Option<&Path>, settings: &Settings) -> anyhow::Result<Arc<dyn Index>> {
    if settings.backend == Backend::Cluster {
        return cluster_index(settings);
    }
    let file = file.context("say with --store which embedded store to read")?;
    ensure!(file.is_file(), "there is no store {}; mend --store", file.display());
    Ok(Arc::new(EmbeddedStore::open(file, settings.store.clone())?))
}

/// The index for a page, which may be up before there is anything to show.
pub(crate) fn open_page_index(
    named: Option<&Path>,
    kind: FeedKind,
    settings: &Settings,
) -> anyhow::Result<Arc<dyn Index>> {
    match settings.backend {
        Backend::Cluster => cluster_index(settings),
        Backend::Embedded => {
            Ok(Arc::new(open_state(&store_file(named, kind, "", settings), kind, settings)?))
        }
    }
}

fn cluster_index(settings: &Settings) -> anyhow::Result<Arc<dyn Index>> {
    Ok(Arc::new(ElasticsearchIndex::connect(&settings.elasticsearch)?))
}

/// The file of `--store`, or the one that belongs to the feed by default.
pub(crate) fn store_file(
    named: Option<&Path>,
    kind: FeedKind,
    purpose: &str,
    settings: &Settings,
) -> PathBuf {
    let holds = match settings.backend {
        Backend::Embedded => "",
        Backend::Cluster => "-state",
    };
    named.map_or_else(|| format!("bitcoin-dashboard-{kind}{purpose}{holds}.db").into(), Path::to_owned)
}

fn open_state(file: &Path, kind: FeedKind, settings: &Settings) -> anyhow::Result<EmbeddedStore> {
    let state = EmbeddedStore::open(file, settings.store.clone())?;
    let log = match settings.backend {
        Backend::Embedded => "embedded".to_owned(),
        Backend::Cluster => format!("kafka {}", settings.kafka.topic_prefix).trim_end().to_owned(),
    };
    expect_fact(&state, file, FEED_FACT, kind.as_str())?;
    expect_fact(&state, file, LOG_FACT, &log)?;
    Ok(state)
}

/// Notes a fact in a new file, and refuses a file where it is otherwise.
fn expect_fact(state: &EmbeddedStore, file: &Path, name: &str, value: &str) -> anyhow::Result<()> {
    match state.meta_get(name)? {
        None => Ok(state.meta_set(name, value)?),
        Some(noted) => {
            let file = file.display();
            ensure!(
                noted == value,
                "the store {file} was filled from the {noted} {name}, not {value}; name another file with --store"
            );
            Ok(())
        }
    }
}

/// The state file's own name among the readers of the log, made up when the file is new.
fn identity(state: &EmbeddedStore) -> anyhow::Result<String> {
    if let Some(identity) = state.meta_get(IDENTITY_FACT)? {
        return Ok(identity);
    }
    let identity = format!("state-{:016x}", RandomState::new().hash_one(std::process::id()));
    state.meta_set(IDENTITY_FACT, &identity)?;
    Ok(identity)
}

/// Where all this is, for a person.
pub(crate) fn place(file: &Path, settings: &Settings) -> String {
    match settings.backend {
        Backend::Embedded => format!("store {}", file.display()),
        Backend::Cluster => format!(
            "Kafka {}, Elasticsearch {}, state {}",
            settings.kafka.bootstrap_servers.join(","),
            settings.elasticsearch.urls.join(","),
            file.display()
        ),
    }
}

async fn create_all(log: &dyn Log, settings: &Settings) -> Result<(), LogError> {
    create_topics(log, &settings.topology).await?;
    if settings.secondary.is_some() {
        create_documents_topic(log, &settings.topology).await?;
    }
    Ok(())
}

/// Makes the topics as soon as the log answers. False if the interrupt came first.
async fn create_when_there(
    log: &dyn Log,
    settings: &Settings,
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    loop {
        match create_all(log, settings).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_transient() => tracing::warn!(%error, "waiting for the log"),
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = interrupt.clone() => return Ok(false),
            () = tokio::time::sleep(AWAY_WAIT) => {}
        }
    }
}

/// Makes the topics and looks into them, as soon as the log answers. False if the interrupt came first.
async fn prepare(
    log: &dyn Log,
    kind: FeedKind,
    settings: &Settings,
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    let config = &settings.topology;
    if !create_when_there(log, settings, interrupt).await? {
        return Ok(false);
    }
    // An embedded log is one file with its state, which has said so already.
    let topics = if settings.backend == Backend::Cluster { &[BPI, BLOCKS, TRANSACTIONS][..] } else { &[] };
    for topic in topics {
        if let Some(found) = oldest_feed(log, topic, config).await? {
            ensure!(
                found == kind.as_str(),
                "topic `{topic}` holds messages of the {found} feed, not {kind}; \
                 set another `kafka.topic_prefix`, or delete the topics and the state file"
            );
        }
    }
    Ok(true)
}

/// Which feed the oldest record of a topic came from; `None` if it is empty or does not say.
async fn oldest_feed(log: &dyn Log, topic: &str, config: &TopologyConfig) -> anyhow::Result<Option<String>> {
    let group = format!("{}-look", config.consumer_group);
    let options =
        ConsumerOptions { start: Start::Earliest, ..ConsumerOptions::member(&group, &[topic], 0, 1) };
    let mut consumer = block_in_place(|| log.consumer(options))?;
    let lag = block_in_place(|| consumer.lag())?;
    if lag.iter().all(|lag| lag.committed.offset >= lag.end_offset) {
        return Ok(None);
    }
    let (mut records, deadline) = (Vec::new(), Instant::now() + LOOK_MAX);
    while records.is_empty() && Instant::now() < deadline {
        block_in_place(|| consumer.poll(1, usize::MAX, &mut records))?;
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let feed = records.first().and_then(|record| record.message.header("feed"));
    Ok(feed.map(|feed| String::from_utf8_lossy(feed).into_owned()))
}
