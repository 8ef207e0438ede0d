//! Short numbers for names that many rows share.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

/// Looks up the numbers of names, and gives new names a number.
#[derive(Debug)]
pub(super) struct Names<'a> {
    connection: &'a Connection,
    find: &'static str,
    insert: &'static str,
    known: HashMap<&'a str, i64>,
}

impl<'a> Names<'a> {
    pub(super) fn indices(connection: &'a Connection) -> Self {
        Self {
            connection,
            find: "SELECT id FROM indices WHERE name = ?1",
            insert: "INSERT INTO indices (name) VALUES (?1)",
            known: HashMap::new(),
        }
    }

    pub(super) fn namespaces(connection: &'a Connection) -> Self {
        Self {
            connection,
            find: "SELECT id FROM namespaces WHERE name = ?1",
            insert: "INSERT INTO namespaces (name) VALUES (?1)",
            known: HashMap::new(),
        }
    }

    pub(super) fn id(&mut self, name: &'a str) -> rusqlite::Result<i64> {
        if let Some(&id) = self.known.get(name) {
            return Ok(id);
        }
        let stored =
            self.connection.prepare_cached(self.find)?.query_row([name], |row| row.get(0)).optional()?;
        let id = match stored {
            Some(id) => id,
            None => self.connection.prepare_cached(self.insert)?.insert([name])?,
        };
        self.known.insert(name, id);
        Ok(id)
    }
}
