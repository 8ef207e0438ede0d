//! The embedded store: the log, the index and keyed state in one SQLite file.

mod config;
mod error;

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use self::config::{EmbeddedConfig, Synchronous};
pub use self::error::{OpenError, StateError};
use crate::{
    ConsumerOptions, Document, Index, IndexError, Log, LogConsumer, LogError, Message, Outcome, Position, Range,
    StoredDocument, TopicOptions,
};

/// One change of [`EmbeddedStore::state_apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Keys of different namespaces never meet.
    pub namespace: String,
    /// The key.
    pub key: Vec<u8>,
    /// The new value; `None` removes the key.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since the Unix epoch from which the entry is gone; `None` keeps it.
    pub expires_ms: Option<i64>,
}

/// A handle to one SQLite file that holds the log, the index and keyed state.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {}

const LATER: &str = "not built yet";

impl EmbeddedStore {
    /// Opens the file, creating it if it is absent.
    pub fn open(path: impl AsRef<Path>, config: EmbeddedConfig) -> Result<Self, OpenError> {
        let _ = (path.as_ref(), config);
        Ok(Self {})
    }

    /// Opens a private store that is gone with its last handle.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Ok(Self {})
    }

    /// The value of a key.
    pub fn state_get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let _ = (namespace, key);
        Err(StateError::Unavailable(LATER.into()))
    }

    /// Gives every key that starts with `prefix`, in byte order, with its value.
    pub fn state_scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        let _ = (namespace, prefix, each);
        Err(StateError::Unavailable(LATER.into()))
    }

    /// Applies all changes or none; they are durable when it returns. Blocks.
    pub fn state_apply(&self, changes: Vec<StateChange>) -> Result<(), StateError> {
        drop(changes);
        Err(StateError::Unavailable(LATER.into()))
    }

    /// A small fact about the store, such as its feed.
    pub fn meta_get(&self, key: &str) -> Result<Option<String>, StateError> {
        let _ = key;
        Err(StateError::Unavailable(LATER.into()))
    }

    /// Sets a small fact about the store. Blocks.
    pub fn meta_set(&self, key: &str, value: &str) -> Result<(), StateError> {
        let _ = (key, value);
        Err(StateError::Unavailable(LATER.into()))
    }
}

impl Log for EmbeddedStore {
    fn create_topic<'a>(
        &'a self,
        _: &'a str,
        _: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        async { Err(LogError::Unavailable(LATER.into())) }.boxed()
    }

    fn append<'a>(&'a self, _: &'a str, _: Vec<Message>) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        async { Err(LogError::Unavailable(LATER.into())) }.boxed()
    }

    fn consumer(&self, _: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        Err(LogError::Unavailable(LATER.into()))
    }
}

impl Index for EmbeddedStore {
    fn bulk(&self, _: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        async { Err(IndexError::Unavailable(LATER.into())) }.boxed()
    }

    fn get<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        async { Err(IndexError::Unavailable(LATER.into())) }.boxed()
    }

    fn range<'a>(&'a self, _: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        async { Err(IndexError::Unavailable(LATER.into())) }.boxed()
    }

    fn scan<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        async { Err(IndexError::Unavailable(LATER.into())) }.boxed()
    }

    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        async { Err(IndexError::Unavailable(LATER.into())) }.boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        async { Err(IndexError::Unavailable(LATER.into())) }.boxed()
    }
}
