//! Recognises a store's file, and creates its tables in a new one.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::error::OpenError;
use super::migrate::MIGRATIONS;

/// Marks the file as ours in `SQLite`'s own header; `file` shows it as "application id".
const APPLICATION_ID: i64 = 0x5472_6d62; // "Trmb"
const VERSION: i64 = 3;
const TABLES: &str = include_str!("schema.sql");

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Empty,
    Store { version: i64 },
    Foreign,
}

/// Makes sure that the connection's file is a store of this version. Nothing is written unless the file is new, or a store of
/// an older version, which is brought to this one in place.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let explain = |error| explain(path, &error);
    match identify(connection).map_err(explain)? {
        Identity::Empty => create(connection).map_err(explain)?,
        Identity::Store { version } if version < VERSION => migrate(connection).map_err(explain)?,
        Identity::Store { .. } | Identity::Foreign => {}
    }
    match identify(connection).map_err(explain)? {
        Identity::Store { version: VERSION } => Ok(()),
        Identity::Store { version } => {
            Err(OpenError::Newer { path: path.to_owned(), found: version, known: VERSION })
        }
        Identity::Empty | Identity::Foreign => Err(OpenError::NotAStore(path.to_owned())),
    }
}

/// Tells an `SQLite` error in the words of opening a store.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAStore(path),
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, reason },
        _ => OpenError::Inaccessible { path, reason },
    }
}

fn identify(connection: &Connection) -> rusqlite::Result<Identity> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id")?;
    let version = pragma("user_version")?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (APPLICATION_ID, version, _) => Identity::Store { version },
        (0, 0, 0) => Identity::Empty,
        _ => Identity::Foreign,
    })
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have created the tables while this one waited for the lock.
    if identify(&transaction)? == Identity::Empty {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited for the lock.
    if let Identity::Store { version } = identify(&transaction)? {
        for (from, migration) in (1..).zip(MIGRATIONS) {
            if from >= version {
                migration(&transaction)?;
                transaction.pragma_update(None, "user_version", from + 1)?;
            }
        }
    }
    transaction.commit()
}
