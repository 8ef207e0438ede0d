//! The index: documents by index name and id, with external versions, as Elasticsearch defines them.

use std::fmt;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

/// A document to be indexed. The write is idempotent: id and version say exactly which state it describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The index's name, e.g. `btc-volume`.
    pub index: String,
    /// The deterministic `_id`.
    pub id: String,
    /// The external version: a write is taken only if it is greater than the stored one.
    pub version: u64,
    /// The value of the source's `@timestamp`, by which ranges are read.
    pub timestamp: DateTime<Utc>,
    /// The `_source`: one JSON object, kept byte for byte.
    pub source: String,
}

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// The `_id`.
    pub id: String,
    /// The `_version`.
    pub version: u64,
    /// The `_source`, as it was given.
    pub source: String,
}

/// What became of one document of a bulk request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored now.
    Indexed,
    /// The stored version is the same or newer (HTTP 409): what this write says is already there.
    Stale,
    /// It can never be stored as it is (400-class), and why. It belongs to the dead letters.
    Rejected(String),
    /// It was not stored, but may be later (429, 5xx, time-out), and why.
    Retry(String),
}

/// A range of one index by `@timestamp`, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The index's name. An index without documents is empty, not an error.
    pub index: String,
    /// The first instant included.
    pub from: DateTime<Utc>,
    /// The first instant excluded.
    pub until: DateTime<Utc>,
    /// At most this many documents: the newest of the range, still given oldest first.
    pub documents_max: usize,
}

/// Why the index as a whole did not answer. Every variant's message ends in what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The index cannot be reached or is busy; the same call may succeed later.
    #[error("the index is away ({0}); try again")]
    Unavailable(String),
    /// The request can never succeed as it stands (credentials, a damaged store).
    #[error("the index refused the request: {0}; mend the set-up or the store")]
    Refused(String),
}

impl IndexError {
    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Stores documents and reads them back. Handles are cheap to share.
///
/// A server may show a write to `range`, `oldest` and `revision` a little later than it has answered it; `get`, `count` and the first
/// page of a `scan` see it at once.
///
/// Every implementation passes [`crate::conformance::index`].
pub trait Index: Send + Sync + fmt::Debug {
    /// Stores the documents and says for each, in the same order, what became of it. `Err` means that nothing
    /// is known of any of them: send the same request again, which is safe.
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>>;

    /// One document, if it is there.
    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>>;

    /// The documents of a range.
    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>>;

    /// The document with the least `@timestamp`, if there is any.
    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>>;

    /// The next `documents_max` documents with an id greater than `after`, sorted by id byte by byte: an export
    /// pages through the index with it.
    fn scan<'a>(
        &'a self,
        index: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>>;

    /// The number of documents.
    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>>;

    /// A number that changes whenever a document of any index may have changed, also by another process. Cheap
    /// enough to be asked several times a second.
    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>>;
}
