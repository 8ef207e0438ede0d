//! The index.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Absence, Disturb, INDEX_BUSY, INDEX_CUT, INDEX_OUTAGE, INDEX_PARTIAL, INDEX_SLOW, unpoisoned};
use crate::{Document, Index, IndexError, Outcome, Range, StoredDocument, acceptable};

/// No node answers for this long at most.
const OUTAGE_MS_MAX: u64 = 600_000;
/// A slow request waits this long at most.
const SLOW_MS_MAX: u64 = 10_000;

/// An index in memory. Clones share it.
#[derive(Clone)]
pub struct SimulatedIndex(Arc<Shared>);

struct Shared {
    disturb: Arc<dyn Disturb>,
    state: Mutex<State>,
    absence: Absence,
}

#[derive(Default)]
struct State {
    /// By index and id.
    documents: BTreeMap<String, BTreeMap<String, Document>>,
    revision: u64,
}

impl State {
    fn store(&mut self, document: Document) -> Outcome {
        if let Err(reason) = acceptable::check(&document) {
            return Outcome::Rejected(reason);
        }
        let ids = self.documents.entry(document.index.clone()).or_default();
        if ids.get(&document.id).is_some_and(|stored| stored.version >= document.version) {
            return Outcome::Stale;
        }
        ids.insert(document.id.clone(), document);
        self.revision += 1;
        Outcome::Indexed
    }
}

impl SimulatedIndex {
    /// An empty index.
    pub fn new(disturb: Arc<dyn Disturb>) -> Self {
        Self(Arc::new(Shared { disturb, state: Mutex::default(), absence: Absence::default() }))
    }

    /// Every document, sorted by index and id.
    pub fn documents(&self) -> Vec<Document> {
        unpoisoned(&self.0.state).documents.values().flat_map(BTreeMap::values).cloned().collect()
    }

    async fn write(&self, documents: Vec<Document>) -> Result<Vec<Outcome>, IndexError> {
        let disturb = &*self.0.disturb;
        let away = |why: &str| Err(IndexError::Unavailable(format!("simulated: {why}")));
        if let Some(random) = disturb.strike(INDEX_SLOW) {
            tokio::time::sleep(Duration::from_millis(1 + random % SLOW_MS_MAX)).await;
        }
        if disturb.is_dead() {
            return std::future::pending().await;
        }
        if self.0.absence.is_on(disturb, INDEX_OUTAGE, OUTAGE_MS_MAX) {
            return away("no node answers");
        }
        if disturb.strike(INDEX_BUSY).is_some() {
            return Ok(vec![Outcome::Retry("simulated: 429".to_owned()); documents.len()]);
        }
        let partial = disturb.strike(INDEX_PARTIAL);
        let cut = disturb.strike(INDEX_CUT);
        // A node that dies in the midst of a request has stored some of it.
        let stored_max =
            cut.map_or(documents.len() as u64, |random| 1 + random % documents.len().max(1) as u64);
        let mut outcomes = Vec::new();
        for (document, number) in documents.into_iter().zip(0_u64..) {
            if disturb.dies() {
                return std::future::pending().await;
            }
            if number >= stored_max {
                break;
            }
            let outcome = if partial.is_some_and(|random| random >> (number % 63) & 1 == 1) {
                Outcome::Retry("simulated: 503".to_owned())
            } else {
                disturb.note(&format!("{} {} {}", document.index, document.id, document.version));
                unpoisoned(&self.0.state).store(document)
            };
            outcomes.push(outcome);
        }
        if cut.is_some() { away("the connection was cut after the body") } else { Ok(outcomes) }
    }
}

fn stored(document: &Document) -> StoredDocument {
    let Document { id, version, source, .. } = document.clone();
    StoredDocument { id, version, source }
}

impl Index for SimulatedIndex {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        self.write(documents).boxed()
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        let state = unpoisoned(&self.0.state);
        let found = state.documents.get(index).and_then(|ids| ids.get(id)).map(stored);
        std::future::ready(Ok(found)).boxed()
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        let state = unpoisoned(&self.0.state);
        let ids = state.documents.get(&range.index);
        let mut found: Vec<&Document> = ids.into_iter().flat_map(BTreeMap::values).collect();
        found.retain(|document| range.from <= document.timestamp && document.timestamp < range.until);
        found.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
        let newest = found.len().saturating_sub(range.documents_max);
        let found = found.split_off(newest).into_iter().map(stored).collect();
        std::future::ready(Ok(found)).boxed()
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        let state = unpoisoned(&self.0.state);
        let documents = state.documents.get(index).into_iter().flat_map(BTreeMap::values);
        let oldest = documents.min_by_key(|document| (document.timestamp, &document.id)).map(stored);
        std::future::ready(Ok(oldest)).boxed()
    }

    fn scan<'a>(
        &'a self,
        index: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        let state = unpoisoned(&self.0.state);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = state.documents.get(index).into_iter();
        let ids = ids.flat_map(|ids| ids.range::<str, _>((from, Bound::Unbounded)));
        let found = ids.take(documents_max).map(|(_, document)| stored(document)).collect();
        std::future::ready(Ok(found)).boxed()
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        let count = unpoisoned(&self.0.state).documents.get(index).map_or(0, BTreeMap::len);
        std::future::ready(Ok(count as u64)).boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        std::future::ready(Ok(unpoisoned(&self.0.state).revision)).boxed()
    }
}

impl fmt::Debug for SimulatedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedIndex").field(&unpoisoned(&self.0.state).documents.keys()).finish()
    }
}
