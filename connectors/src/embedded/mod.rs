//! The embedded store: the log, the index and keyed state in one `SQLite` file.
//!
//! No server and no configuration: [`EmbeddedStore::open`] makes the file where there is none. Several processes may
//! use one file at once. Each has one thread that writes and puts everything that waits into one transaction;
//! readers have connections of their own and never wait for a writer, nor a writer for them.
//!
//! # What an answer promises
//!
//! `Ok` is given after the commit. Whatever happens to the process then, what it was answered is in the file, and a
//! batch is there whole or not at all. [`Synchronous`] says which of this holds when the power fails: all of it with
//! `Full`, the default, which forces every transaction to the disk. What that costs is the disk's time for it, shared
//! by all that is in the transaction: a caller that waits for each small write feels all of it, large batches little.
//!
//! # How fast it is
//!
//! `examples/rates.rs` on two quiet cores, one run each; messages, documents and values of about 300 bytes, ids in random order.
//! The last column is the processor's time, which includes making the input. While other programs use the disk, what waits for
//! each small write takes ten times as long.
//!
//! | a second | `Full` | `Normal` | CPU each |
//! |---|---|---|---|
//! | appends, one by one | 5,800 | 12,000 | 61 to 96 us |
//! | appends by 100 | 160,000 | 190,000 | 4 to 5 us |
//! | appends by 1,000 | 500,000 | 570,000 | 1.4 to 1.7 us |
//! | appends, one by one, 16 callers | 34,000 | 52,000 | 14 to 21 us |
//! | appends by 1,000, 16 callers | 600,000 | 670,000 | 1.3 us |
//! | records polled, by 1,000 | 2,700,000 | 1,900,000 | 0.4 to 0.5 us |
//! | polls without news | 520,000 | 510,000 | 1.9 us |
//! | new documents, one by one | 5,500 | 9,500 | 75 to 110 us |
//! | new documents by 100 | 55,000 | 56,000 | 13 us |
//! | new documents by 1,000 | 66,000 | 62,000 | 12 us |
//! | new documents by 1,000, 16 callers | 110,000 | 110,000 | 8 us |
//! | replaced documents by 1,000 | 350,000 | 360,000 | 3 us |
//! | state changes by 1,000 | 95,000 | 100,000 | 7 us |
//! | state lookups | 200,000 | 210,000 | 5 us |
//!
//! # The file
//!
//! `schema.sql` has the tables. Beside the file lie `SQLite`'s own two, `-wal` and `-shm`, and a folder `-leases` of
//! empty files that consumers lock. Deleted space is used again but not given back to the file system.

mod append;
mod batch;
mod commit;
mod config;
mod connection;
mod consumer;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod lease;
mod message;
mod meta;
mod migrate;
mod names;
mod partition;
mod retention;
mod schema;
mod start;
mod state;
mod topic;
mod transaction;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Handle;

pub use self::config::{ConfigError, EmbeddedConfig, Synchronous};
pub use self::error::OpenError;

use self::append::Append;
use self::connection::Readers;
use self::consumer::Consumer;
use self::error::Fault;
use self::index::Bulk;
use self::meta::SetMeta;
use self::retention::Prune;
use self::state::Apply;
use self::topic::CreateTopic;
use self::writer::Writer;
use crate::{
    ConsumerOptions, Document, Index, IndexError, Log, LogConsumer, LogError, Message, Outcome, Position,
    Range, State, StateChange, StateError, StoredDocument, TopicOptions,
};

/// A handle to one `SQLite` file that holds the log, the index and keyed state. Clones share everything.
///
/// Dropping the last handle, consumers included, waits until everything that was queued is written.
///
/// ```
/// use trombe_connectors::{EmbeddedStore, State, StateChange};
///
/// let store = EmbeddedStore::open_in_memory()?;
/// let change = StateChange {
///     namespace: "totals".into(),
///     key: b"2024-10-19".into(),
///     value: Some(b"42".into()),
///     expires_ms: None,
/// };
/// store.state_apply(vec![change])?;
/// assert_eq!(store.state_get("totals", b"2024-10-19")?, Some(b"42".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

/// The fields are dropped in this order: the writer finishes before the files may go.
#[derive(Debug)]
struct Shared {
    writer: Writer,
    readers: Readers,
    /// The folder of the locks that consumers hold.
    leases: PathBuf,
    config: EmbeddedConfig,
    _private: Option<TempDir>,
}

impl EmbeddedStore {
    /// Opens the file, creating it if it is absent.
    pub fn open(path: impl AsRef<Path>, config: EmbeddedConfig) -> Result<Self, OpenError> {
        Self::open_in(path.as_ref(), config, None)
    }

    /// Opens a private store that is gone with its last handle. It is a file in the folder for temporary ones, since
    /// `SQLite`'s memory databases let readers wait for the writer.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        let inaccessible = |error: std::io::Error| OpenError::Inaccessible {
            path: std::env::temp_dir(),
            reason: error.to_string(),
        };
        let folder = TempDir::with_prefix("trombe-").map_err(inaccessible)?;
        let config = EmbeddedConfig { synchronous: Synchronous::Off, ..EmbeddedConfig::default() };
        Self::open_in(&folder.path().join("store"), config, Some(folder))
    }

    fn open_in(path: &Path, config: EmbeddedConfig, private: Option<TempDir>) -> Result<Self, OpenError> {
        let inaccessible =
            |error: std::io::Error| OpenError::Inaccessible { path: path.into(), reason: error.to_string() };
        let connection = connection::open_writer(path, &config)?;
        // Two names of one file must lead to the same leases.
        let path = fs::canonicalize(path).map_err(inaccessible)?;
        let mut leases = path.clone().into_os_string();
        leases.push("-leases");
        let shared = Shared {
            writer: Writer::start(connection, &config).map_err(inaccessible)?,
            readers: Readers::new(&path, &config),
            leases: leases.into(),
            config,
            _private: private,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Deletes at once everything that retention and expiry would have deleted by `now_ms`, milliseconds since the
    /// Unix epoch, and gives the number of messages and entries. The store does the same by itself, in small steps, while it is
    /// written to. Blocks the thread.
    pub fn prune(&self, now_ms: i64) -> Result<u64, StateError> {
        Ok(self.shared.writer.submit_blocking(Prune { now_ms })?)
    }

    /// Reads the whole file and says what is damaged; nothing, if all is well.
    pub fn verify(&self) -> Result<Vec<String>, StateError> {
        let verify = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
            let mut check = connection.prepare("PRAGMA integrity_check")?;
            check.query_map((), |row| row.get(0))?.collect()
        };
        let mut found = self.shared.readers.with(verify)?;
        found.retain(|line| line != "ok");
        Ok(found)
    }

    /// Reads without holding up the runtime's threads, where there is a runtime.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let Ok(runtime) = Handle::try_current() else {
            return self.shared.readers.with(read);
        };
        let shared = Arc::clone(&self.shared);
        let read = runtime.spawn_blocking(move || shared.readers.with(read));
        read.await.map_err(|error| Fault::Away(error.to_string()))?
    }
}

impl State for EmbeddedStore {
    fn state_get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.shared.readers.with(|connection| state::get(connection, namespace, key))?)
    }

    fn state_scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        Ok(self.shared.readers.with(|connection| state::scan(connection, namespace, prefix, each))?)
    }

    fn state_apply(&self, changes: Vec<StateChange>) -> Result<(), StateError> {
        Ok(self.shared.writer.submit_blocking(Apply { changes })?)
    }

    fn meta_get(&self, key: &str) -> Result<Option<String>, StateError> {
        Ok(self.shared.readers.with(|connection| meta::get(connection, key))?)
    }

    fn meta_set(&self, key: &str, value: &str) -> Result<(), StateError> {
        Ok(self.shared.writer.submit_blocking(SetMeta { key: key.into(), value: value.into() })?)
    }
}

impl Log for EmbeddedStore {
    fn create_topic<'a>(
        &'a self,
        topic: &'a str,
        options: &'a TopicOptions,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        let create = CreateTopic { name: topic.into(), options: options.clone() };
        async { Ok(self.shared.writer.submit(create).await?) }.boxed()
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        let append = Append::new(topic, messages, self.shared.config.message_bytes_max);
        async { Ok(self.shared.writer.submit(append?).await?) }.boxed()
    }

    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        Ok(Box::new(Consumer::open(Arc::clone(&self.shared), options)?))
    }
}

impl Index for EmbeddedStore {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        async { Ok(self.shared.writer.submit(Bulk::new(documents)).await?) }.boxed()
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        let (index, id) = (index.to_owned(), id.to_owned());
        async { Ok(self.read(move |connection| index::get(connection, &index, &id)).await?) }.boxed()
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        let range = range.clone();
        async { Ok(self.read(move |connection| index::range(connection, &range)).await?) }.boxed()
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        let index = index.to_owned();
        async { Ok(self.read(move |connection| index::oldest(connection, &index)).await?) }.boxed()
    }

    fn scan<'a>(
        &'a self,
        index: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        let (index, after) = (index.to_owned(), after.map(str::to_owned));
        let scan =
            move |connection: &Connection| index::scan(connection, &index, after.as_deref(), documents_max);
        async { Ok(self.read(scan).await?) }.boxed()
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        let index = index.to_owned();
        async { Ok(self.read(move |connection| index::count(connection, &index)).await?) }.boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        async { Ok(self.read(index::revision).await?) }.boxed()
    }
}
