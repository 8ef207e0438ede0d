//! The embedded store as an index whose bulk requests are answered by a test.

use std::fmt;

use futures_util::future::BoxFuture;
use trombe_connectors::{Document, EmbeddedStore, Index, IndexError, Outcome, Range, StoredDocument};

pub(crate) type Answer = BoxFuture<'static, Result<Vec<Outcome>, IndexError>>;

/// Reads as the store does; writes as `bulk` says.
pub(crate) struct Disturbed<F> {
    store: EmbeddedStore,
    bulk: F,
}

impl<F: Fn(EmbeddedStore, Vec<Document>) -> Answer + Send + Sync> Disturbed<F> {
    pub(crate) fn new(store: &EmbeddedStore, bulk: F) -> Self {
        Self { store: store.clone(), bulk }
    }
}

impl<F> fmt::Debug for Disturbed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disturbed").field(&self.store).finish()
    }
}

/// Stores one document.
pub(crate) async fn store(store: &EmbeddedStore, document: Document) -> Result<Outcome, IndexError> {
    Ok(store.bulk(vec![document]).await?.remove(0))
}

impl<F: Fn(EmbeddedStore, Vec<Document>) -> Answer + Send + Sync> Index for Disturbed<F> {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        (self.bulk)(self.store.clone(), documents)
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        self.store.get(index, id)
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        self.store.range(range)
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        self.store.oldest(index)
    }

    fn scan<'a>(
        &'a self,
        index: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        self.store.scan(index, after, documents_max)
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        self.store.count(index)
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        self.store.revision()
    }
}
