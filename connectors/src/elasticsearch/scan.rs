//! Documents in the order of their ids.
//!
//! Elasticsearch does not sort by `_id` (`indices.id_field_data.enabled` is off, and on it would hold all ids in memory). So a scan
//! reads the whole index once, as it is at that moment, into a temporary database that sorts it, and pages are read from there.

use std::sync::{Arc, Mutex, PoisonError};

use elasticsearch::http::Method;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;

use super::backoff::{Backoff, random};
use super::cluster::{Cluster, Request};
use super::read::refresh;
use super::search::{Hit, Scroll};
use super::templates::parsed;
use crate::{IndexError, StoredDocument};

/// How often a scan begins anew when the cluster loses its state, as it does with a node.
const TRIES_MAX: u32 = 3;
/// What a page of a scroll may have, by what its documents take on the cluster's disks.
const PAGE_BYTES: u64 = 16 << 20;
/// How much smaller documents are on those disks.
const COMPRESSION: u64 = 4;
/// The pages of the sorting file that are kept in memory.
const CACHE_KIB: i64 = 16 << 10;

/// So many copies are kept for exports that may still go on; the one that was read the longest ago goes first.
const COPIES_MAX: usize = 8;

/// The copies that are being read, the one read last at the end.
#[derive(Debug, Default)]
pub(super) struct Scans(Mutex<Vec<Copy>>);

/// What one export reads. It is known by where it is.
#[derive(Debug)]
struct Copy {
    index: String,
    /// The last id that was given.
    last: String,
    sorted: Sorted,
}

/// A sorted copy of an index.
#[derive(Clone, Debug)]
struct Sorted(Arc<Mutex<Connection>>);

#[derive(Clone, Copy, Debug)]
pub(super) struct ScanLimits {
    pub(super) read_count_max: usize,
    pub(super) scroll_ms: u64,
    pub(super) backoff: Backoff,
}

impl Scans {
    /// The page after an id. The first page takes a new copy of the index; the page after the last one, which is empty, frees it.
    /// Several exports of one index have a copy each.
    pub(super) async fn page(
        &self,
        cluster: &Cluster,
        limits: ScanLimits,
        index: &str,
        after: Option<&str>,
        documents_max: usize,
    ) -> Result<Vec<StoredDocument>, IndexError> {
        let after_id = after.unwrap_or_default();
        if let Some(sorted) = after.and_then(|after| self.take(index, after)) {
            let page = sorted.page(after_id.to_owned(), documents_max).await;
            match page.as_ref().map(|page| page.last()) {
                Ok(None) => {}
                Ok(Some(last)) => self.keep(index, &last.id, sorted),
                Err(_) => self.keep(index, after_id, sorted),
            }
            return page;
        }
        // A page that is asked for once more may come from any copy, which stays where it is.
        if let Some(sorted) = after.and_then(|_| self.any(index)) {
            return sorted.page(after_id.to_owned(), documents_max).await;
        }
        let sorted = copy(cluster, limits, index).await?;
        let page = sorted.page(after_id.to_owned(), documents_max).await?;
        if let Some(last) = page.last() {
            self.keep(index, &last.id, sorted);
        }
        Ok(page)
    }

    /// The copy whose export goes on here.
    fn take(&self, index: &str, after: &str) -> Option<Sorted> {
        let mut copies = self.lock();
        let found = copies.iter().position(|copy| copy.index == index && copy.last == after)?;
        Some(copies.remove(found).sorted)
    }

    fn any(&self, index: &str) -> Option<Sorted> {
        self.lock().iter().rfind(|copy| copy.index == index).map(|copy| copy.sorted.clone())
    }

    fn keep(&self, index: &str, last: &str, sorted: Sorted) {
        let mut copies = self.lock();
        if copies.len() >= COPIES_MAX {
            copies.remove(0);
        }
        copies.push(Copy { index: index.to_owned(), last: last.to_owned(), sorted });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Copy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn copy(cluster: &Cluster, limits: ScanLimits, index: &str) -> Result<Sorted, IndexError> {
    let mut attempt = 0;
    loop {
        match copy_once(cluster, limits, index).await {
            Err(error) if error.is_transient() && attempt + 1 < TRIES_MAX => {
                tracing::info!(index, %error, "a scan begins anew");
                tokio::time::sleep(limits.backoff.wait(attempt, random())).await;
                attempt += 1;
            }
            copied => return copied,
        }
    }
}

async fn copy_once(cluster: &Cluster, limits: ScanLimits, index: &str) -> Result<Sorted, IndexError> {
    let sorted = Sorted::new()?;
    if !refresh(cluster, index).await? {
        return Ok(sorted);
    }
    let size = page_size(cluster, limits, index).await?;
    let body = json!({"size": size, "version": true, "track_total_hits": true, "sort": ["_doc"]});
    let (mut scroll, mut hits) = Scroll::open(cluster, index, &body, limits.scroll_ms).await?;
    let mut count = 0;
    while !hits.is_empty() {
        count += hits.len() as u64;
        sorted.add(hits).await?;
        hits = scroll.next().await?;
    }
    let total = scroll.total;
    scroll.close().await;
    if count != total {
        return Err(IndexError::Unavailable(format!("a scan of {index} gave {count} of {total} documents")));
    }
    Ok(sorted)
}

/// How many documents a page may have, so that pages of large documents stay small.
async fn page_size(cluster: &Cluster, limits: ScanLimits, index: &str) -> Result<u64, IndexError> {
    let path = format!("{index}/_stats/docs,store?filter_path=_all.primaries");
    let answer = cluster.call(&Request::new(Method::Get, path)).await?;
    answer.found()?.map_or(Ok(1), |body| page_size_of(&body, limits.read_count_max as u64))
}

/// Of the answer about an index's size.
pub(super) fn page_size_of(body: &[u8], count_max: u64) -> Result<u64, IndexError> {
    #[derive(Deserialize)]
    struct Stats {
        #[serde(rename = "_all")]
        all: All,
    }
    #[derive(Deserialize)]
    struct All {
        primaries: Primaries,
    }
    #[derive(Deserialize)]
    struct Primaries {
        docs: Docs,
        store: Store,
    }
    #[derive(Deserialize)]
    struct Docs {
        count: u64,
    }
    #[derive(Deserialize)]
    struct Store {
        size_in_bytes: u64,
    }
    let Primaries { docs, store } = parsed::<Stats>(body)?.all.primaries;
    let document_bytes = (store.size_in_bytes / docs.count.max(1)).saturating_mul(COMPRESSION).max(1);
    Ok((PAGE_BYTES / document_bytes).clamp(1, count_max))
}

impl Sorted {
    fn new() -> Result<Self, IndexError> {
        // An empty name is a file that SQLite deletes when it is closed; it is only written to if the cache does not suffice.
        let open = || {
            let connection = Connection::open("")?;
            connection.pragma_update(None, "journal_mode", "OFF")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.execute_batch(
                "CREATE TABLE documents (id TEXT PRIMARY KEY, version INTEGER NOT NULL, source TEXT NOT NULL)
                 WITHOUT ROWID",
            )?;
            Ok(connection)
        };
        open().map(|connection| Self(Arc::new(Mutex::new(connection)))).map_err(|error| unsorted(&error))
    }

    async fn add(&self, hits: Vec<Hit>) -> Result<(), IndexError> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO documents VALUES (?1, ?2, ?3)")?;
                for Hit { document: StoredDocument { id, version, source }, .. } in hits {
                    insert.execute((id, version.cast_signed(), source))?;
                }
            }
            transaction.commit()
        })
        .await
    }

    async fn page(&self, after: String, documents_max: usize) -> Result<Vec<StoredDocument>, IndexError> {
        self.run(move |connection| {
            let limit = i64::try_from(documents_max).unwrap_or(i64::MAX);
            connection
                .prepare_cached(
                    "SELECT id, version, source FROM documents WHERE id > ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map((after, limit), |row| {
                    let version: i64 = row.get(1)?;
                    Ok(StoredDocument {
                        id: row.get(0)?,
                        version: version.cast_unsigned(),
                        source: row.get(2)?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// On a thread that may wait for the disk.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, IndexError> {
        let connection = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || {
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match worked.await {
            Ok(worked) => worked.map_err(|error| unsorted(&error)),
            Err(error) => Err(IndexError::Unavailable(error.to_string())),
        }
    }
}

fn unsorted(error: &rusqlite::Error) -> IndexError {
    IndexError::Unavailable(format!("the documents cannot be sorted in a temporary file: {error}"))
}
