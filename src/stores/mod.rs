//! The log, the index and the bolts' state, wherever the configuration keeps them.
//!
//! Embedded, all three are one `SQLite` file. In a cluster the log is Kafka, the index Elasticsearch, and the state is in such a
//! file or in a compacted topic. Lost state loses nothing: under a new identity the log is read again from its oldest record.

mod prepare;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use btc_producers::FeedKind;
use btc_topology::{Connections, StoredState};
use tokio::task::block_in_place;
use trombe_connectors::{ElasticsearchIndex, EmbeddedStore, Index, KafkaLog, Log, State};

pub(crate) use self::prepare::Waiting;
use crate::interrupt::Interrupt;
use crate::settings::{Backend, Settings, StatePlace};

/// The fact under which state keeps the feed it was filled by.
const FEED_FACT: &str = "feed";
/// The fact under which state keeps its own name among the readers of a log.
const IDENTITY_FACT: &str = "identity";
/// The fact under which state keeps which log it was made from.
const LOG_FACT: &str = "log";

/// Everything that a topology is connected to.
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) index: Arc<dyn Index>,
    secondary: Option<Arc<dyn Index>>,
    /// The state, if it is in a file; otherwise it is opened once the servers answer.
    local: Option<EmbeddedStore>,
    file: PathBuf,
    /// The log again, if it is a cluster's.
    kafka: Option<KafkaLog>,
    /// Where all this is, for a person.
    pub(crate) place: String,
}

impl Stores {
    /// Opens what is configured, without a word to any server, and refuses a file of another kind of feed: sample and real
    /// money must never be added up.
    pub(crate) fn open(file: &Path, kind: FeedKind, settings: &Settings) -> anyhow::Result<Self> {
        let local = match (settings.backend, settings.state) {
            (Backend::Cluster, StatePlace::Kafka) => None,
            _ => Some(open_state(file, kind, settings)?),
        };
        let (kafka, log, index): (_, Arc<dyn Log>, Arc<dyn Index>) = match &local {
            Some(store) if settings.backend == Backend::Embedded => {
                (None, Arc::new(store.clone()), Arc::new(store.clone()))
            }
            _ => {
                let kafka = KafkaLog::connect(&settings.kafka)?;
                (Some(kafka.clone()), Arc::new(kafka), cluster_index(settings)?)
            }
        };
        let secondary = settings.secondary.as_ref().map(ElasticsearchIndex::connect).transpose()?;
        Ok(Self {
            log,
            index,
            secondary: secondary.map(|index| Arc::new(index) as Arc<dyn Index>),
            local,
            file: file.to_owned(),
            kafka,
            place: place(file, settings),
        })
    }

    /// Makes topics and indices as soon as the servers answer, saying in `waiting` for which of them, and refuses a log of
    /// another kind of feed or another log than the state was made from. `None` if the interrupt came first.
    pub(crate) async fn prepare(
        &self,
        kind: FeedKind,
        settings: &Settings,
        waiting: &Waiting,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Connections>> {
        if !prepare::log(self.log.as_ref(), kind, settings, waiting, interrupt).await? {
            return Ok(None);
        }
        let state: Arc<dyn State> = match &self.local {
            Some(local) => Arc::new(local.clone()),
            None => match prepare::state(&self.file, settings, waiting, interrupt).await? {
                Some(state) => Arc::new(state),
                None => return Ok(None),
            },
        };
        if let Some(kafka) = &self.kafka {
            let log = kafka_name(kafka, settings).await?;
            block_in_place(|| {
                let place = state_place(&self.file, settings);
                expect_fact(state.as_ref(), &place, FEED_FACT, kind.as_str())?;
                expect_fact(state.as_ref(), &place, LOG_FACT, &log)
            })?;
            if !prepare::indices(settings, waiting, interrupt).await? {
                return Ok(None);
            }
        }
        Ok(Some(Connections {
            log: Arc::clone(&self.log),
            index: Arc::clone(&self.index),
            identity: block_in_place(|| identity(state.as_ref()))?,
            state: Arc::new(StoredState::from(state)),
            secondary: self.secondary.clone(),
        }))
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
    Ok(prepare::log(log.as_ref(), kind, settings, &Waiting::default(), interrupt).await?.then_some(log))
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
        btc_topology::create_topics(&store, &settings.topology).await?;
        let feed = store.meta_get(FEED_FACT)?.context(NO_FEED)?;
        let log = identity(&store)?;
        return Ok(Some((Arc::new(store), Origin { log, feed })));
    }
    let log = KafkaLog::connect(&settings.kafka)?;
    if !prepare::topics(&log, settings, &Waiting::default(), interrupt).await? {
        return Ok(None);
    }
    let feed = prepare::feed(&log, &settings.topology).await?.context(NO_FEED)?;
    let name = kafka_name(&log, settings).await?;
    Ok(Some((Arc::new(log), Origin { log: name, feed })))
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
    let place = format!("store {}", file.display());
    expect_fact(&state, &place, FEED_FACT, kind.as_str())?;
    if settings.backend == Backend::Embedded {
        expect_fact(&state, &place, LOG_FACT, "embedded")?;
    }
    Ok(state)
}

/// What tells a cluster's log from any other one.
async fn kafka_name(kafka: &KafkaLog, settings: &Settings) -> anyhow::Result<String> {
    let name = format!("kafka {} {}", kafka.cluster_id().await?, settings.kafka.topic_prefix);
    Ok(name.trim_end().to_owned())
}

/// Notes a fact in new state, and refuses state where it is otherwise.
fn expect_fact(state: &dyn State, place: &str, name: &str, value: &str) -> anyhow::Result<()> {
    match state.meta_get(name)? {
        None => Ok(state.meta_set(name, value)?),
        Some(noted) => {
            ensure!(
                noted == value,
                "the {place} was filled from the {noted} {name}, not {value}; name another file with --store"
            );
            Ok(())
        }
    }
}

/// The state's own name among the readers of the log, made up when it is new.
fn identity(state: &dyn State) -> anyhow::Result<String> {
    if let Some(identity) = state.meta_get(IDENTITY_FACT)? {
        return Ok(identity);
    }
    let identity = format!("state-{:016x}", RandomState::new().hash_one(std::process::id()));
    state.meta_set(IDENTITY_FACT, &identity)?;
    Ok(identity)
}

/// The topic of a topology's state, if its state is on Kafka.
pub(crate) fn state_topic(named: Option<&Path>, kind: FeedKind, settings: &Settings) -> Option<String> {
    let is_on_kafka = (settings.backend, settings.state) == (Backend::Cluster, StatePlace::Kafka);
    is_on_kafka.then(|| topic_of(&store_file(named, kind, "", settings)))
}

/// The topic of the state that would else be in this file: its name without folder and ending.
fn topic_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn state_place(file: &Path, settings: &Settings) -> String {
    match settings.state {
        StatePlace::Local => format!("store {}", file.display()),
        StatePlace::Kafka => format!("topic {}{}", settings.kafka.topic_prefix, topic_of(file)),
    }
}

/// Where all this is, for a person.
pub(crate) fn place(file: &Path, settings: &Settings) -> String {
    match settings.backend {
        Backend::Embedded => format!("store {}", file.display()),
        Backend::Cluster => format!(
            "Kafka {}, Elasticsearch {}, state in {}",
            settings.kafka.bootstrap_servers.join(","),
            settings.elasticsearch.urls.join(","),
            state_place(file, settings)
        ),
    }
}
