//! An index in memory, and documents that look like real ones.
#![allow(dead_code, reason = "each test binary and the example use a part of it")]

pub(crate) mod market;
pub(crate) mod scenes;

use std::{collections::BTreeMap, sync::Mutex};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value;
use trombe_connectors::{Document, Index, IndexError, Outcome, Range, StoredDocument};

#[derive(Debug, Default)]
pub(crate) struct Documents(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    revision: u64,
    documents: BTreeMap<(String, String), Document>,
    is_away: bool,
}

impl Documents {
    pub(crate) fn put(&self, index: &str, id: &str, source: &Value) {
        let timestamp = source["@timestamp"].as_str().and_then(|time| time.parse().ok()).expect("a time");
        let mut state = self.0.lock().expect("no panic before");
        state.revision += 1;
        let (version, source) = (state.revision, source.to_string());
        let document = Document { index: index.into(), id: id.into(), version, timestamp, source };
        state.documents.insert((index.into(), id.into()), document);
    }

    /// From now on nothing can be read.
    pub(crate) fn go_away(&self) {
        let mut state = self.0.lock().expect("no panic before");
        state.is_away = true;
        state.revision += 1;
    }

    fn find(
        &self,
        wanted: impl Fn(&Document) -> bool,
    ) -> Result<Vec<(DateTime<Utc>, StoredDocument)>, IndexError> {
        let state = self.0.lock().expect("no panic before");
        if state.is_away {
            return Err(IndexError::Unavailable("it was told to be".into()));
        }
        let stored = |document: &Document| {
            let Document { id, version, timestamp, source, .. } = document.clone();
            (timestamp, StoredDocument { id, version, source })
        };
        Ok(state.documents.values().filter(|document| wanted(document)).map(stored).collect())
    }
}

fn without_times(found: Vec<(DateTime<Utc>, StoredDocument)>) -> Vec<StoredDocument> {
    found.into_iter().map(|(_, document)| document).collect()
}

impl Index for Documents {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        async move { Ok(vec![Outcome::Rejected("this index is only read".into()); documents.len()]) }.boxed()
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        async move { Ok(without_times(self.find(|document| document.index == index && document.id == id)?).pop()) }
            .boxed()
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        async move {
            let mut found = self.find(|document| {
                document.index == range.index && (range.from..range.until).contains(&document.timestamp)
            })?;
            found.sort_by_key(|(time, _)| *time);
            let first = found.len().saturating_sub(range.documents_max);
            Ok(without_times(found.split_off(first)))
        }
        .boxed()
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        async move {
            let mut found = self.find(|document| document.index == index)?;
            found.sort_by_key(|(time, _)| *time);
            Ok(without_times(found).into_iter().next())
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
            let after = after.unwrap_or_default();
            let mut found = self.find(|document| document.index == index && document.id.as_str() > after)?;
            found.truncate(documents_max);
            Ok(without_times(found))
        }
        .boxed()
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        async move { Ok(self.find(|document| document.index == index)?.len() as u64) }.boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        async move { Ok(self.0.lock().expect("no panic before").revision) }.boxed()
    }
}
