//! The index on an Elasticsearch cluster, 7.10 to 9.x (tested with 9.5.3), through the official client's transport.
//!
//! **Writes.** The documents of several callers go together in bulk requests, with their ids and external versions, so that a request may
//! be sent again whenever its fate is unknown. Each document has its own outcome; what a later try may mend is tried again with growing,
//! jittered waits, and only then left to the caller. How many requests are under way follows from how the cluster copes.
//!
//! **Reads.** A write is durable when it is answered, but searches see it within the index's `refresh_interval` (a second by
//! default). [`get`](crate::Index::get) sees it at once. [`count`](crate::Index::count) and a scan's first page refresh the index
//! first, so that an export is complete; [`range`](crate::Index::range) does not, and
//! [`revision`](crate::Index::revision) changes once more when searches show the change.
//!
//! **Several nodes.** Any node serves any request. One that fails is put aside for a while that grows, and its requests go to the next.
//! If none answers, the index is `Unavailable`, which names each node and its reason.
//!
//! What the credentials must allow: `read`, `write`, `maintenance`, `monitor` and, unless the indices exist, `auto_configure`
//! or `create_index` on the indices; for the set-up also `manage_index_templates` and `monitor` on the cluster.

use crate::backoff;
mod cluster;
mod collector;
mod config;
mod delivery;
mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod items;
mod limit;
mod nodes;
mod read;
mod scan;
mod search;
mod sender;
mod templates;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::time::Instant;

pub use self::config::{ElasticsearchConfig, ElasticsearchConfigError, Refresh};

use self::backoff::Backoff;
use self::cluster::Cluster;
use self::collector::Collector;
use self::delivery::{Policy, Trouble};
use self::read::Seen;
use self::scan::{ScanLimits, Scans};
use self::sender::Sender;
use crate::{Document, Index, IndexError, Outcome, Range, StoredDocument, acceptable};

/// An Elasticsearch cluster as an [`Index`]. Clones share connections and limits.
///
/// ```no_run
/// use trombe_connectors::{ElasticsearchConfig, ElasticsearchIndex, Index};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let config = ElasticsearchConfig { urls: vec!["http://127.0.0.1:9200".into()], ..Default::default() };
/// let index = ElasticsearchIndex::connect(&config)?;
/// println!("{} documents on version {}", index.count("btc-volume").await?, index.version().await?);
/// # Ok::<(), trombe_connectors::IndexError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ElasticsearchIndex {
    cluster: Arc<Cluster>,
    collector: Arc<Collector>,
    scans: Arc<Scans>,
    seen: Arc<Seen>,
    refused: Arc<Mutex<Option<(Instant, String)>>>,
    refused_pause: Duration,
    limits: ScanLimits,
    prefix: Arc<str>,
}

impl ElasticsearchIndex {
    /// Checks the settings and prepares the connections. Nothing is sent yet, so the cluster may be away.
    pub fn connect(config: &ElasticsearchConfig) -> Result<Self, IndexError> {
        config.validate().map_err(|error| IndexError::Refused(error.to_string()))?;
        let cluster = Arc::new(Cluster::new(config)?);
        let backoff = Backoff { ms_min: config.retry_backoff_ms_min, ms_max: config.retry_backoff_ms_max };
        let collector = Collector::new(
            Sender::new(Arc::clone(&cluster), config),
            Policy { tries_max: config.tries_max, backoff },
            Duration::from_millis(config.bulk_age_ms),
            config.bulk_count_max,
        );
        Ok(Self {
            cluster,
            collector: Arc::new(collector),
            scans: Arc::default(),
            seen: Arc::default(),
            refused: Arc::default(),
            refused_pause: Duration::from_millis(config.refused_pause_ms),
            limits: ScanLimits {
                read_count_max: config.read_count_max,
                scroll_ms: config.scroll_ms,
                backoff,
            },
            prefix: config.index_prefix.as_str().into(),
        })
    }

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The index's name in the cluster. `None`: no index can have this name.
    fn known_name(&self, name: &str) -> Option<String> {
        let full = format!("{}{name}", self.prefix);
        if !acceptable::is_index_name(name) || !acceptable::is_index_name(&full) {
            return None;
        }
        self.seen.note(&full);
        Some(full)
    }

    /// The document as it goes to the cluster, or why it can never be stored. A single one that the cluster does not even understand
    /// would spoil the request for all others.
    fn accepted(&self, mut document: Document) -> Result<Document, String> {
        acceptable::check(&document)?;
        match self.known_name(&document.index) {
            Some(name) => document.index = name,
            None => return Err(format!("`{}{}` is too long for an index name", self.prefix, document.index)),
        }
        Ok(document)
    }

    async fn write(&self, documents: Vec<Document>) -> Result<Vec<Outcome>, IndexError> {
        let mut outcomes = Vec::with_capacity(documents.len());
        let mut accepted = Vec::with_capacity(documents.len());
        for document in documents {
            let checked = self.accepted(document);
            outcomes.push(checked.as_ref().err().cloned().map(Outcome::Rejected));
            accepted.extend(checked);
        }
        if !accepted.is_empty() {
            self.still_refused()?;
            let mut delivered = self.deliver(accepted).await?.into_iter();
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
                *outcome = delivered.next();
            }
        }
        let unknown = || Outcome::Retry("the request was given up".to_owned());
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unknown)).collect())
    }

    /// An outcome for each document. `Err`: the cluster took none of them.
    async fn deliver(&self, documents: Vec<Document>) -> Result<Vec<Outcome>, IndexError> {
        let (mut outcomes, mut trouble, mut is_any_known) =
            (Vec::with_capacity(documents.len()), None, false);
        for (count, answer) in self.collector.add(documents) {
            let ended = || Err(Trouble::Away("the program is ending".to_owned()));
            match answer.await.unwrap_or_else(|_| ended()) {
                Ok(part) => {
                    is_any_known = true;
                    outcomes.extend(part);
                }
                Err(Trouble::Refused(why)) => {
                    self.remember_refusal(&why);
                    return Err(IndexError::Refused(why));
                }
                Err(Trouble::Away(why)) => {
                    outcomes.extend(std::iter::repeat_n(Outcome::Retry(why.clone()), count));
                    trouble = Some(Trouble::Away(why));
                }
            }
        }
        match trouble {
            Some(trouble) if !is_any_known => Err(trouble.into()),
            _ => Ok(outcomes),
        }
    }

    /// No document is sent for a while after a refusal that no retry can mend. Reads go on, unless the credentials themselves are wrong,
    /// which [`Cluster::call`] sees to.
    fn still_refused(&self) -> Result<(), IndexError> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match &*refused {
            Some((until, why)) if Instant::now() < *until => Err(IndexError::Refused(why.clone())),
            _ => Ok(()),
        }
    }

    fn remember_refusal(&self, why: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if refused.as_ref().is_none_or(|(until, _)| *until <= now) {
            tracing::error!(
                why,
                "Elasticsearch refuses all documents; mend the credentials or their permissions"
            );
            *refused = Some((now + self.refused_pause, why.to_owned()));
        }
    }
}

impl fmt::Debug for ElasticsearchIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElasticsearchIndex").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Index for ElasticsearchIndex {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        self.write(documents).boxed()
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        async move {
            match self.known_name(index) {
                Some(name) if acceptable::is_id(id) => read::get(&self.cluster, &name, id).await,
                _ => Ok(None),
            }
        }
        .boxed()
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        async move {
            match self.known_name(&range.index) {
                Some(name) if range.documents_max > 0 => {
                    let ScanLimits { read_count_max, scroll_ms, .. } = self.limits;
                    read::range(&self.cluster, &name, range, read_count_max, scroll_ms).await
                }
                _ => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        async move {
            match self.known_name(index) {
                Some(name) => read::oldest(&self.cluster, &name).await,
                None => Ok(None),
            }
        }
        .boxed()
    }

    fn scan<'a>(
        &'a self,
        index: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        async move {
            match self.known_name(index) {
                Some(name) => self.scans.page(&self.cluster, self.limits, &name, after, documents_max).await,
                None => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        async move {
            match self.known_name(index) {
                Some(name) => read::count(&self.cluster, &name).await,
                None => Ok(0),
            }
        }
        .boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        read::revision(&self.cluster, &self.seen, &self.prefix).boxed()
    }
}
