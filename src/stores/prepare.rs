//! Before anything runs: topics and indices are made, as soon as the servers answer, and the log is of the right feed.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use btc_producers::FeedKind;
use btc_topology::{BLOCKS, BPI, TRANSACTIONS, TopologyConfig, create_documents_topic, create_topics};
use tokio::task::block_in_place;
use trombe_connectors::{ConsumerOptions, KafkaState, Log, LogError, Start, StateError};

use super::topic_of;
use crate::interrupt::Interrupt;
use crate::settings::{Backend, Settings};
use crate::setup::elasticsearch::{ElasticsearchError, set_up};
use crate::setup::{Finding, Mode};

/// The wait between two looks for a server that does not answer.
const AWAY_WAIT: Duration = Duration::from_secs(1);
/// How long to wait for the first record of a topic that is not empty.
const LOOK_MAX: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What a start is waiting for, for `/ready`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Mutex<Option<String>>>);

impl Waiting {
    /// The reason; `None` if nothing is waited for.
    pub(crate) fn why(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// Asks again and again until there is an answer, or an error that waiting does not mend. `None` if the interrupt came first.
async fn patiently<T, E: Into<anyhow::Error>>(
    ask: impl AsyncFn() -> Result<T, E>,
    passes: impl Fn(&E) -> bool,
    waiting: &Waiting,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<T>> {
    let answer = async {
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) if passes(&error) => {
                    let error: anyhow::Error = error.into();
                    tracing::warn!(%error, "waiting");
                    waiting.set(Some(error.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(AWAY_WAIT).await;
        }
    };
    let answer = until(answer, interrupt).await.transpose()?;
    waiting.set(None);
    Ok(answer)
}

async fn until<T>(answer: impl Future<Output = T>, interrupt: &Interrupt) -> Option<T> {
    tokio::select! {
        () = interrupt.clone() => None,
        answer = answer => Some(answer),
    }
}

/// Makes the topics. False if the interrupt came first.
pub(super) async fn topics(
    log: &dyn Log,
    settings: &Settings,
    waiting: &Waiting,
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    let create = async || {
        create_topics(log, &settings.topology).await?;
        if settings.secondary.is_some() {
            create_documents_topic(log, &settings.topology).await?;
        }
        Ok(())
    };
    Ok(patiently(create, LogError::is_transient, waiting, interrupt).await?.is_some())
}

/// Makes the topics and looks into them. False if the interrupt came first.
pub(super) async fn log(
    log: &dyn Log,
    kind: FeedKind,
    settings: &Settings,
    waiting: &Waiting,
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    if !topics(log, settings, waiting, interrupt).await? {
        return Ok(false);
    }
    // An embedded log is one file with its state, which has said so already.
    if settings.backend == Backend::Embedded {
        return Ok(true);
    }
    let look = async || feed(log, &settings.topology).await;
    let Some(found) = patiently(look, LogError::is_transient, waiting, interrupt).await? else {
        return Ok(false);
    };
    if let Some(found) = found {
        ensure!(
            found == kind.as_str(),
            "the topics hold messages of the {found} feed, not {kind}; \
             set another `kafka.topic_prefix`, or delete the topics and the state file"
        );
    }
    Ok(true)
}

/// Takes the state over from whoever had it, and reads it. `None` if the interrupt came first.
pub(super) async fn state(
    file: &Path,
    settings: &Settings,
    waiting: &Waiting,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<KafkaState>> {
    let topic = topic_of(file);
    let open = async || block_in_place(|| KafkaState::open(&settings.kafka, &settings.kafka_state, &topic));
    patiently(open, StateError::is_transient, waiting, interrupt).await
}

/// Which feed has filled the topics; `None` if they are empty or do not say.
pub(super) async fn feed(log: &dyn Log, config: &TopologyConfig) -> Result<Option<String>, LogError> {
    for topic in [BPI, BLOCKS, TRANSACTIONS] {
        if let Some(feed) = oldest_feed(log, topic, config).await? {
            return Ok(Some(feed));
        }
    }
    Ok(None)
}

/// Which feed the oldest record of a topic came from.
async fn oldest_feed(
    log: &dyn Log,
    topic: &str,
    config: &TopologyConfig,
) -> Result<Option<String>, LogError> {
    let group = format!("{}-look", config.consumer_group);
    let options =
        ConsumerOptions { start: Start::Earliest, ..ConsumerOptions::member(&group, &[topic], 0, 1) };
    let mut consumer = block_in_place(|| log.consumer(options))?;
    if block_in_place(|| consumer.is_drained())? {
        return Ok(None);
    }
    let (mut records, deadline) = (Vec::new(), Instant::now() + LOOK_MAX);
    while records.is_empty() && Instant::now() < deadline {
        block_in_place(|| consumer.poll(1, usize::MAX, &mut records))?;
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let Some(record) = records.first() else {
        return Err(LogError::Unavailable(format!("topic `{topic}` does not give its oldest record")));
    };
    Ok(record.message.header("feed").map(|feed| String::from_utf8_lossy(feed).into_owned()))
}

/// Makes the templates and indices that are absent: an index that came to be by its first document would have guessed fields.
/// What is there otherwise than it should be is told and left to `setup`. False if the interrupt came first.
pub(super) async fn indices(
    settings: &Settings,
    waiting: &Waiting,
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    // The second index may be away for as long as it likes: it holds up nothing.
    let look = async || match set_up(&settings.elasticsearch, Mode::Complete).await {
        // Whoever may write documents need not be allowed to make indices; `setup` may have made them.
        Err(ElasticsearchError::Index(error)) if !error.is_transient() => {
            Ok(vec![Finding::Differs(format!("the indices could not be looked at: {error}"))])
        }
        looked => looked,
    };
    let passes = |error: &ElasticsearchError| matches!(error, ElasticsearchError::Index(_));
    let Some(findings) = patiently(look, passes, waiting, interrupt).await? else {
        return Ok(false);
    };
    for finding in findings {
        match finding {
            Finding::Unchanged(_) => {}
            Finding::Changed(what) => tracing::info!(what, "made in Elasticsearch"),
            Finding::Differs(what) => tracing::warn!(what, "not as it should be in Elasticsearch"),
        }
    }
    Ok(true)
}
