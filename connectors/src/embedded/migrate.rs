//! Brings a store of an older version to this one, in place.

use std::collections::BTreeSet;

use bytes::Bytes;
use rusqlite::{Connection, Row};

use super::batch::{Batch, damaged};
use super::config::EmbeddedConfig;
use super::message::decode_headers;
use super::partition::place;
use crate::Message;

/// Makes a store of one version one of the next.
pub(super) type Migration = fn(&Connection) -> rusqlite::Result<()>;

/// The first is that of version 1.
pub(super) const MIGRATIONS: [Migration; 2] = [let_commits_tell_who, put_messages_into_batches];

fn let_commits_tell_who(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ALTER TABLE commits ADD COLUMN metadata TEXT NOT NULL DEFAULT ''")
}

/// Version 2 has a row for each message.
fn put_messages_into_batches(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE batches (
             place     INTEGER PRIMARY KEY,
             count     INTEGER NOT NULL,
             latest_ms INTEGER NOT NULL,
             messages  BLOB NOT NULL
         ) STRICT",
    )?;
    let bytes_max = EmbeddedConfig::default().record_batch_bytes_max;
    let segment_starts = segment_starts(connection)?;
    let mut batch = Batch::default();
    let mut select =
        connection.prepare("SELECT place, timestamp_ms, key, value, headers FROM messages ORDER BY place")?;
    let mut rows = select.query(())?;
    let mut next_place = None;
    while let Some(row) = rows.next()? {
        let place = row.get(0)?;
        if next_place != Some(place) || segment_starts.contains(&place) || batch.messages().len() >= bytes_max
        {
            batch.write(connection)?;
        }
        batch.push(place, &message(row)?);
        next_place = Some(place + 1);
    }
    batch.write(connection)?;
    drop(rows);
    drop(select);
    connection.execute_batch("DROP TABLE messages")
}

/// The places with which segments begin.
fn segment_starts(connection: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    connection
        .prepare(
            "SELECT partition_id, start_offset FROM segments UNION SELECT id, segment_offset FROM partitions",
        )?
        .query_map((), |row| Ok(place(row.get(0)?, row.get(1)?)))?
        .collect()
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let headers: Option<Vec<u8>> = row.get(4)?;
    let headers = decode_headers(headers.unwrap_or_default().into());
    Ok(Message {
        timestamp_ms: row.get(1)?,
        key: Bytes::from(row.get::<_, Vec<u8>>(2)?),
        value: Bytes::from(row.get::<_, Vec<u8>>(3)?),
        headers: headers.ok_or_else(damaged)?,
    })
}
