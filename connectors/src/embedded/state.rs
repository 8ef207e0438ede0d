//! Keyed state: values by namespace and key.

use rusqlite::{Connection, OptionalExtension};

use super::error::Fault;
use super::names::Names;
use super::transaction::Transaction;
use super::writer::Operation;
use crate::StateChange;
use crate::state::now_ms;

/// Applies changes in their order.
pub(super) struct Apply {
    pub(super) changes: Vec<StateChange>,
}

impl Operation for Apply {
    type Answer = ();

    fn bytes(&self) -> usize {
        let bytes = |change: &StateChange| {
            let value = change.value.as_ref().map_or(0, Vec::len);
            size_of::<StateChange>() + change.namespace.len() + change.key.len() + value
        };
        self.changes.iter().map(bytes).sum()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), Fault> {
        let connection = transaction.connection;
        let mut namespaces = Names::namespaces(connection);
        let mut upsert = connection.prepare_cached(
            "INSERT INTO state (namespace_id, key, value, expires_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms",
        )?;
        let mut delete =
            connection.prepare_cached("DELETE FROM state WHERE namespace_id = ?1 AND key = ?2")?;
        for change in &self.changes {
            let namespace = namespaces.id(&change.namespace)?;
            match &change.value {
                Some(value) => upsert.execute((namespace, &change.key, value, change.expires_ms))?,
                None => delete.execute((namespace, &change.key))?,
            };
        }
        Ok(())
    }
}

pub(super) fn get(connection: &Connection, namespace: &str, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    let found: Option<(Vec<u8>, Option<i64>)> = connection
        .prepare_cached(
            "SELECT value, expires_ms FROM state
             WHERE namespace_id = (SELECT id FROM namespaces WHERE name = ?1) AND key = ?2",
        )?
        .query_row((namespace, key), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // The clock is asked only where it matters.
    Ok(found.filter(|(_, expires_ms)| expires_ms.is_none_or(|at| at > now_ms())).map(|(value, _)| value))
}

pub(super) fn scan(
    connection: &Connection,
    namespace: &str,
    prefix: &[u8],
    each: &mut dyn FnMut(&[u8], &[u8]),
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT key, value FROM state
         WHERE namespace_id = (SELECT id FROM namespaces WHERE name = ?1) AND key >= ?2
         AND (expires_ms IS NULL OR expires_ms > ?3) ORDER BY key",
    )?;
    let mut rows = select.query((namespace, prefix, now_ms()))?;
    while let Some(row) = rows.next()? {
        let (key, value) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        if !key.starts_with(prefix) {
            break;
        }
        each(key, value);
    }
    Ok(())
}
