//! Brings a store of an older version to this one, in place.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::batch::{Batch, Parts};
use super::config::EmbeddedConfig;
use super::partition::place;

/// Makes a store of one version one of the next.
pub(super) type Migration = fn(&Connection) -> rusqlite::Result<()>;

/// The first is that of version 1.
pub(super) const MIGRATIONS: [Migration; 2] = [let_commits_tell_who, put_messages_into_batches];

fn let_commits_tell_who(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ALTER TABLE commits ADD COLUMN metadata TEXT NOT NULL DEFAULT ''")
}

/// Messages that are read at once.
const ROWS_AT_ONCE: u32 = 4_096;

/// Version 2 has a row for each message.
fn put_messages_into_batches(connection: &Connection) -> rusqlite::Result<()> {
    tracing::info!("the store is of version 2; its log is written anew, which takes a while if it is large");
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
    let mut next_place = 0;
    loop {
        let first_place = next_place;
        let mut select = connection.prepare_cached(
            "SELECT place, timestamp_ms, key, value, coalesce(headers, x'') FROM messages
             WHERE place >= ?1 ORDER BY place LIMIT ?2",
        )?;
        let mut rows = select.query((first_place, ROWS_AT_ONCE))?;
        while let Some(row) = rows.next()? {
            let place = row.get(0)?;
            let blob = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_blob()?);
            let (key, value, headers) = (blob(2)?, blob(3)?, blob(4)?);
            let message = Parts { timestamp_ms: row.get(1)?, key, value, headers: headers.into() };
            if place != next_place || segment_starts.contains(&place) || !batch.has_room(&message, bytes_max)
            {
                batch.write(connection)?;
            }
            batch.push(place, &message);
            next_place = place + 1;
        }
        if next_place == first_place {
            break;
        }
        // Their room is used for what follows, so that the file does not grow by the whole log.
        connection.prepare_cached("DELETE FROM messages WHERE place < ?1")?.execute([next_place])?;
    }
    batch.write(connection)?;
    connection.flush_prepared_statement_cache();
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
