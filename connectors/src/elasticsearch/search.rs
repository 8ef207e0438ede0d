//! Searches and scrolls, and what they answer.

use std::borrow::Cow;

use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cluster::{Cluster, Request};
use super::templates::parsed;
use crate::{IndexError, StoredDocument};

/// A copy of a shard is refreshed at its own time. The same copies are asked each time, so that no answer goes back in time.
const PREFERENCE: &str = "preference=trombe&allow_partial_search_results=false";

/// A document that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) document: StoredDocument,
    /// The first value by which the search was sorted; the least if it is no number.
    pub(super) sorted_by: i64,
}

#[derive(Deserialize)]
struct SearchAnswer<'a> {
    #[serde(default)]
    timed_out: bool,
    #[serde(borrow)]
    #[serde(rename = "_scroll_id")]
    scroll_id: Option<Cow<'a, str>>,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
pub(super) struct Shards {
    pub(super) failed: u64,
    pub(super) total: u64,
}

#[derive(Deserialize)]
struct Hits<'a> {
    total: Option<Total>,
    #[serde(borrow)]
    hits: Vec<RawHit<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct RawHit<'a> {
    #[serde(borrow)]
    #[serde(rename = "_id")]
    id: Cow<'a, str>,
    #[serde(rename = "_version")]
    version: u64,
    #[serde(borrow)]
    #[serde(rename = "_source")]
    source: &'a RawValue,
    #[serde(default)]
    sort: Vec<Value>,
}

impl Shards {
    /// An answer without some of the shards would miss documents without saying so.
    pub(super) fn complete(&self) -> Result<(), IndexError> {
        let Self { failed, total } = self;
        if *failed == 0 {
            return Ok(());
        }
        Err(IndexError::Unavailable(format!("{failed} of {total} shards did not answer")))
    }
}

impl From<RawHit<'_>> for Hit {
    fn from(hit: RawHit<'_>) -> Self {
        Self {
            sorted_by: hit.sort.first().and_then(Value::as_i64).unwrap_or(i64::MIN),
            document: StoredDocument {
                id: hit.id.into_owned(),
                version: hit.version,
                source: hit.source.get().to_owned(),
            },
        }
    }
}

/// The hits of one search, in its order. An index that is not there has none.
pub(super) async fn search(cluster: &Cluster, index: &str, body: &Value) -> Result<Vec<Hit>, IndexError> {
    let request = Request::new(Method::Post, format!("{index}/_search?{PREFERENCE}")).json(body);
    match cluster.call(&request).await?.found()? {
        Some(body) => Ok(page(&body)?.hits),
        None => Ok(Vec::new()),
    }
}

/// A page of a search.
pub(super) struct Page {
    pub(super) hits: Vec<Hit>,
    total: u64,
    scroll_id: Option<String>,
}

pub(super) fn page(body: &[u8]) -> Result<Page, IndexError> {
    let answer: SearchAnswer<'_> = parsed(body)?;
    answer.shards.complete()?;
    if answer.timed_out {
        return Err(IndexError::Unavailable("the search took longer than the cluster allows".to_owned()));
    }
    Ok(Page {
        total: answer.hits.total.map_or(0, |total| total.value),
        hits: answer.hits.hits.into_iter().map(Hit::from).collect(),
        scroll_id: answer.scroll_id.map(Cow::into_owned),
    })
}

/// A search of any length over the index as it was when it began, page by page.
///
/// It is the one way that every version from 7.10 on has without extensions. It must be [closed](Self::close); one that is not
/// ends by itself after `scroll_ms`.
#[derive(Debug)]
pub(super) struct Scroll<'a> {
    cluster: &'a Cluster,
    keep: String,
    id: Option<String>,
    /// How many documents the search has in all.
    pub(super) total: u64,
}

impl<'a> Scroll<'a> {
    /// Begins with the first page. The body says its size.
    pub(super) async fn open(
        cluster: &'a Cluster,
        index: &str,
        body: &Value,
        scroll_ms: u64,
    ) -> Result<(Self, Vec<Hit>), IndexError> {
        let keep = format!("{scroll_ms}ms");
        let path = format!("{index}/_search?{PREFERENCE}&scroll={keep}");
        let answer = cluster.call(&Request::new(Method::Post, path).json(body)).await?;
        let Some(body) = answer.found()? else {
            return Ok((Self { cluster, keep, id: None, total: 0 }, Vec::new()));
        };
        let Page { hits, total, scroll_id } = page(&body)?;
        Ok((Self { cluster, keep, id: scroll_id, total }, hits))
    }

    /// The next page; empty at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Hit>, IndexError> {
        let Some(id) = &self.id else { return Ok(Vec::new()) };
        let body = json!({"scroll": self.keep, "scroll_id": id});
        let answer = self.cluster.call(&Request::new(Method::Post, "_search/scroll").json(&body)).await?;
        let body = match answer.found() {
            Ok(Some(body)) => body,
            // The node that held the search's state is gone, or it took too long.
            Ok(None) | Err(IndexError::Refused(_)) => {
                return Err(IndexError::Unavailable("the cluster lost the state of a scan".to_owned()));
            }
            Err(error) => return Err(error),
        };
        let Page { hits, scroll_id, .. } = page(&body)?;
        self.id = scroll_id.or(self.id.take());
        Ok(hits)
    }

    /// Frees the search's state on the cluster; if that fails, it goes by itself.
    pub(super) async fn close(self) {
        if let Some(id) = self.id {
            let request = Request::new(Method::Delete, "_search/scroll").json(&json!({"scroll_id": [id]}));
            if let Err(error) = self.cluster.call(&request).await {
                tracing::debug!(?error, "a scan's state stays until it expires");
            }
        }
    }
}
