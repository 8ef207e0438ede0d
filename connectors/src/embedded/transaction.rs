//! One transaction of the writer, with what it has looked up so far.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::Connection;

use super::config::EmbeddedConfig;
use super::error::Fault;
use super::partition::Partition;
use super::topic::Topic;
use crate::state::now_ms;

/// An open write transaction; dropping it undoes it.
///
/// What is cached here lives no longer than the transaction, so an undone transaction and another process's
/// writes can never leave a stale entry behind.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a Connection,
    pub(super) config: &'a EmbeddedConfig,
    pub(super) now_ms: i64,
    topics: HashMap<String, Topic>,
    partitions: HashMap<i64, Partition>,
    committed: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn begin(connection: &'a Connection, config: &'a EmbeddedConfig) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        Ok(Self {
            connection,
            config,
            now_ms: now_ms(),
            topics: HashMap::new(),
            partitions: HashMap::new(),
            committed: false,
        })
    }

    /// The topic of this name.
    pub(super) fn topic(&mut self, name: &str) -> Result<Topic, Fault> {
        if let Some(topic) = self.topics.get(name) {
            return Ok(*topic);
        }
        let topic = Topic::find(self.connection, name)?.ok_or_else(|| Fault::NoSuchTopic(name.into()))?;
        self.topics.insert(name.into(), topic);
        Ok(topic)
    }

    /// The partition of this id, to be altered; it is stored at the commit.
    pub(super) fn partition(&mut self, id: i64) -> rusqlite::Result<&mut Partition> {
        Ok(match self.partitions.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Partition::load(self.connection, id)?),
        })
    }

    pub(super) fn commit(mut self) -> Result<(), Fault> {
        for partition in self.partitions.values() {
            partition.store(self.connection)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute(())?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SQLite has already undone the transaction itself after some errors, such as a full disk.
        if !self.committed
            && !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be undone");
        }
    }
}
