//! Reads: by id, by time, how many, and whether anything changed.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cluster::{Cluster, Request};
use super::fault::Fault;
use super::search::{Hit, Scroll, Shards, search};
use super::templates::parsed;
use crate::{IndexError, Range, StoredDocument};

/// Longer addresses are refused (`http.max_initial_line_length`); then all indices with the prefix are asked for.
const NAMES_BYTES_MAX: usize = 2_000;

pub(super) async fn get(
    cluster: &Cluster,
    index: &str,
    id: &str,
) -> Result<Option<StoredDocument>, IndexError> {
    // By its body, because not every id can be part of an address.
    let request = Request::new(Method::Post, format!("{index}/_mget")).json(&json!({"ids": [id]}));
    let Some(body) = cluster.call(&request).await?.found()? else { return Ok(None) };
    got(id, &body)
}

/// The document of that id in the answer, if it is there.
pub(super) fn got(id: &str, body: &[u8]) -> Result<Option<StoredDocument>, IndexError> {
    #[derive(Deserialize)]
    struct Got<'a> {
        #[serde(borrow)]
        docs: [Doc<'a>; 1],
    }
    #[derive(Deserialize)]
    struct Doc<'a> {
        #[serde(default)]
        found: bool,
        #[serde(rename = "_version")]
        version: Option<u64>,
        #[serde(borrow)]
        #[serde(rename = "_source")]
        source: Option<&'a RawValue>,
        error: Option<Fault>,
    }
    match parsed::<Got<'_>>(body)?.docs {
        [Doc { error: Some(error), .. }] if error.kind == "index_not_found_exception" => Ok(None),
        [Doc { error: Some(error), .. }] => {
            Err(IndexError::Unavailable(format!("{}: {}", error.kind, error.reason)))
        }
        [Doc { found: true, version: Some(version), source: Some(source), .. }] => {
            Ok(Some(StoredDocument { id: id.to_owned(), version, source: source.get().to_owned() }))
        }
        _ => Ok(None),
    }
}

/// The newest documents of the range, oldest first. Of documents of the same millisecond any may be the ones beyond the limit.
pub(super) async fn range(
    cluster: &Cluster,
    index: &str,
    range: &Range,
    read_count_max: usize,
    scroll_ms: u64,
) -> Result<Vec<StoredDocument>, IndexError> {
    let documents_max = range.documents_max;
    let size = documents_max.min(read_count_max);
    let mut body = by_time("desc", size);
    body["query"] =
        json!({"range": {"@timestamp": {"gte": millisecond(range.from), "lt": millisecond(range.until)}}});
    let mut hits = search(cluster, index, &body).await?;
    if hits.len() == size && size < documents_max {
        body["track_total_hits"] = true.into();
        let (mut scroll, first) = Scroll::open(cluster, index, &body, scroll_ms).await?;
        hits = first;
        while hits.len() < documents_max {
            let page = scroll.next().await?;
            if page.is_empty() {
                break;
            }
            hits.extend(page);
        }
        scroll.close().await;
        hits.truncate(documents_max);
    }
    hits.sort_by(|a, b| (a.sorted_by, &a.document.id).cmp(&(b.sorted_by, &b.document.id)));
    Ok(hits.into_iter().map(|hit| hit.document).collect())
}

pub(super) async fn oldest(cluster: &Cluster, index: &str) -> Result<Option<StoredDocument>, IndexError> {
    let mut body = by_time("asc", 1);
    body["query"] = json!({"exists": {"field": "@timestamp"}});
    Ok(search(cluster, index, &body).await?.into_iter().next().map(|Hit { document, .. }| document))
}

fn by_time(order: &str, size: usize) -> Value {
    let sort = json!([{"@timestamp": {"order": order, "unmapped_type": "date"}}]);
    json!({"size": size, "version": true, "track_total_hits": false, "sort": sort})
}

/// Elasticsearch keeps times to the millisecond, and what it keeps is cut off: the first one not before the instant.
fn millisecond(at: DateTime<Utc>) -> String {
    // Years that the format has four digits for.
    let (first, last) = (
        DateTime::<Utc>::UNIX_EPOCH - TimeDelta::days(719_000),
        DateTime::UNIX_EPOCH + TimeDelta::days(2_930_000),
    );
    let up = at.clamp(first, last) + TimeDelta::nanoseconds(999_999);
    up.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Makes all writes before visible to searches. False if there is no such index.
pub(super) async fn refresh(cluster: &Cluster, index: &str) -> Result<bool, IndexError> {
    #[derive(Deserialize)]
    struct Refreshed {
        #[serde(rename = "_shards")]
        shards: Shards,
    }
    let answer = cluster.call(&Request::new(Method::Post, format!("{index}/_refresh"))).await?;
    let Some(body) = answer.found()? else { return Ok(false) };
    parsed::<Refreshed>(&body)?.shards.complete()?;
    Ok(true)
}

pub(super) async fn count(cluster: &Cluster, index: &str) -> Result<u64, IndexError> {
    #[derive(Deserialize)]
    struct Counted {
        count: u64,
        #[serde(rename = "_shards")]
        shards: Shards,
    }
    if !refresh(cluster, index).await? {
        return Ok(0);
    }
    let answer = cluster.call(&Request::new(Method::Get, format!("{index}/_count"))).await?;
    let Some(body) = answer.found()? else { return Ok(0) };
    let Counted { count, shards } = parsed(&body)?;
    shards.complete()?;
    Ok(count)
}

/// The names of the indices that were asked for, whose changes a reader wants to hear of.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeSet<String>>);

impl Seen {
    pub(super) fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Beyond the limit they are asked for by their prefix.
        if !names.contains(name) && names.iter().map(String::len).sum::<usize>() <= NAMES_BYTES_MAX {
            names.insert(name.to_owned());
        }
    }

    /// As a part of an address; `None` while no index was asked for.
    fn pattern(&self, prefix: &str) -> Option<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let joined = names.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match joined.len() {
            0 => None,
            bytes if bytes > NAMES_BYTES_MAX => Some(format!("{prefix}*")),
            _ => Some(joined),
        }
    }
}

/// What decides whether a search may answer something else: how many writes each shard took, and how often each of its copies was
/// refreshed since. The first alone would change before searches do.
pub(super) async fn revision(cluster: &Cluster, seen: &Seen, prefix: &str) -> Result<u64, IndexError> {
    let Some(pattern) = seen.pattern(prefix) else { return Ok(0) };
    let path = format!(
        "{pattern}/_stats/refresh?level=shards&ignore_unavailable=true&filter_path=indices.*.uuid,\
         indices.*.shards.*.seq_no.max_seq_no,indices.*.shards.*.refresh.external_total"
    );
    let answer = cluster.call(&Request::new(Method::Get, path)).await?;
    answer.found()?.map_or(Ok(0), |body| revision_of(&body))
}

/// Of the answer about the shards.
pub(super) fn revision_of(body: &[u8]) -> Result<u64, IndexError> {
    #[derive(Deserialize)]
    struct Stats {
        #[serde(default)]
        indices: HashMap<String, Index>,
    }
    #[derive(Deserialize)]
    struct Index {
        #[serde(default)]
        uuid: String,
        #[serde(default)]
        shards: HashMap<String, Vec<Value>>,
    }
    let stats: Stats = parsed(body)?;
    let mut revision = 0_u64;
    for index in stats.indices.values() {
        for (shard, copies) in &index.shards {
            for copy in copies {
                let mut hasher = DefaultHasher::new();
                (&index.uuid, shard, copy.to_string()).hash(&mut hasher);
                // The copies come in no order.
                revision = revision.wrapping_add(hasher.finish());
            }
        }
    }
    Ok(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_become_the_first_millisecond_not_before_them() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let cases = [
            ("2024-10-19T00:00:00Z", "2024-10-19T00:00:00.000Z"),
            ("2024-10-19T00:00:00.000000001Z", "2024-10-19T00:00:00.001Z"),
            ("2024-10-19T00:00:00.001Z", "2024-10-19T00:00:00.001Z"),
            ("1969-12-31T23:59:59.9991Z", "1970-01-01T00:00:00.000Z"),
        ];
        for (instant, expected) in cases {
            assert_eq!(millisecond(at(instant)), expected);
        }
        assert_eq!(millisecond(DateTime::<Utc>::MIN_UTC).len(), "0001-01-01T00:00:00.000Z".len());
        assert_eq!(millisecond(DateTime::<Utc>::MAX_UTC).len(), "9999-01-01T00:00:00.000Z".len());
    }

    #[test]
    fn many_names_become_a_prefix() {
        let seen = Seen::default();
        assert_eq!(seen.pattern("p-"), None);
        seen.note("p-b");
        seen.note("p-a");
        seen.note("p-b");
        assert_eq!(seen.pattern("p-").as_deref(), Some("p-a,p-b"));
        (0..10_000).for_each(|number| seen.note(&format!("p-{number}")));
        assert_eq!(seen.pattern("p-").as_deref(), Some("p-*"));
        assert!(seen.0.lock().unwrap().len() < 1_000, "they are bounded");
    }
}
