//! Connections to the store's file: one that writes, and a pool of those that read.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::config::{EmbeddedConfig, Synchronous};
use super::error::{Fault, OpenError};
use super::schema;

/// Of a new store. Larger pages cost a backfill less, smaller ones a trickle, as every dirty page is written whole.
const PAGE_BYTES: u32 = 8192;
const STATEMENTS_CACHED_MAX: usize = 64;

/// Opens the connection that writes, and creates the store where there is none.
pub(super) fn open_writer(path: &Path, config: &EmbeddedConfig) -> Result<Connection, OpenError> {
    let explain = |error| schema::explain(path, &error);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(explain)?;
    connection.busy_timeout(busy_timeout(config)).map_err(explain)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(explain)?;
    schema::prepare(&mut connection, path)?;
    use_wal(&connection, path)?;
    tune_writer(&connection, config).map_err(explain)?;
    if config.synchronous == Synchronous::Full {
        sync_found(path).map_err(|error| inaccessible(path, error.to_string()))?;
    }
    Ok(connection)
}

/// What a process that was killed had written but not yet forced to the disk is there to be read, and whoever reads it may act on it
/// without a write of its own: it must not be gone after a later loss of power.
fn sync_found(path: &Path) -> io::Result<()> {
    let mut log = fs::canonicalize(path)?.into_os_string();
    log.push("-wal");
    match File::open(log) {
        Ok(log) => log.sync_data(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Only a write-ahead log keeps readers and the writer out of each other's way. Some network file systems cannot have
/// one, and then `SQLite` keeps the mode it has, without an error.
fn use_wal(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| schema::explain(path, &error))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(inaccessible(path, format!("no write-ahead log is possible there, the journal mode stays `{mode}`")))
}

fn inaccessible(path: &Path, reason: String) -> OpenError {
    OpenError::Inaccessible { path: path.to_owned(), reason }
}

fn tune_writer(connection: &Connection, config: &EmbeddedConfig) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", config.synchronous.name())?;
    let page_bytes = connection.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?;
    let wal_pages = config.wal_bytes_max / u64::from(page_bytes);
    connection.pragma_update(None, "wal_autocheckpoint", wal_pages.max(1).cast_signed())?;
    connection.pragma_update(None, "journal_size_limit", config.wal_bytes_max.cast_signed())?;
    if let Some(bytes_max) = config.file_bytes_max {
        let pages_max = bytes_max / u64::from(page_bytes);
        connection.pragma_update(None, "max_page_count", pages_max.max(1).cast_signed())?;
    }
    tune(connection, config, config.cache_bytes_max)?;
    // The writer waits in its own way.
    connection.busy_timeout(Duration::ZERO)
}

fn tune(connection: &Connection, config: &EmbeddedConfig, cache_bytes_max: u64) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    connection.busy_timeout(busy_timeout(config))?;
    // A negative size is in KiB.
    connection.pragma_update(None, "cache_size", -(cache_bytes_max / 1024).cast_signed())?;
    connection.pragma_update(None, "mmap_size", config.mmap_bytes_max.cast_signed())?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

fn busy_timeout(config: &EmbeddedConfig) -> Duration {
    Duration::from_millis(u64::from(config.busy_timeout_ms))
}

/// Connections that only read. Each read takes an idle one, so that readers never wait for each other.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    config: EmbeddedConfig,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path, config: &EmbeddedConfig) -> Self {
        Self { path: path.to_owned(), config: config.clone(), idle: Mutex::default() }
    }

    /// A new connection for somebody who keeps it.
    pub(super) fn open(&self) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        tune(&connection, &self.config, self.config.reader_cache_bytes_max)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Reads with a connection of the pool.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| self.open(), Ok)?;
        let answer = read(&connection)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.config.readers_idle_max {
            idle.push(connection);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory cannot have a write-ahead log either.
    #[test]
    fn a_place_without_a_write_ahead_log_is_refused() {
        let error = open_writer(Path::new(":memory:"), &EmbeddedConfig::default()).unwrap_err();
        assert!(error.to_string().contains("write-ahead log"), "{error}");
    }
}
