//! Small facts about the store, such as the feed that fills it.

use rusqlite::{Connection, OptionalExtension};

use super::error::Fault;
use super::transaction::Transaction;
use super::writer::Operation;

pub(super) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// Sets one fact.
pub(super) struct SetMeta {
    pub(super) key: String,
    pub(super) value: String,
}

impl Operation for SetMeta {
    type Answer = ();

    fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), Fault> {
        transaction
            .connection
            .prepare_cached(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute((&self.key, &self.value))?;
        Ok(())
    }
}
