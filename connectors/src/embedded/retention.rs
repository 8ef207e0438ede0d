//! Deletes what nobody may see any more, in small steps.
//!
//! Age is counted from the moment of the append and not from the message's own timestamp: a recording of last
//! year, replayed today, is not to be deleted before it has been read.

use rusqlite::OptionalExtension;

use super::error::Fault;
use super::partition::{Partition, place};
use super::transaction::Transaction;
use super::writer::Operation;

/// A full round of retention and expiry as it would happen at `now_ms`.
pub(super) struct Prune {
    pub(super) now_ms: i64,
}

impl Operation for Prune {
    type Answer = u64;

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, Fault> {
        prune(transaction, self.now_ms, u64::MAX)
    }
}

/// One bounded step, committed. Gives the number of messages and entries of state that it deleted; 0 means that nothing is left to do.
pub(super) fn step(mut transaction: Transaction<'_>) -> Result<u64, Fault> {
    let rows_max = u64::from(transaction.config.housekeeping_rows_max);
    let now_ms = transaction.now_ms;
    let deleted = prune(&mut transaction, now_ms, rows_max)?;
    transaction.commit()?;
    Ok(deleted)
}

fn prune(transaction: &mut Transaction<'_>, now_ms: i64, rows_max: u64) -> Result<u64, Fault> {
    let mut deleted = expire_state(transaction, now_ms, rows_max)?;
    for (partition_id, retention_ms) in limited_partitions(transaction)? {
        let expired_ms = retention_ms.map(|age_ms| now_ms.saturating_sub(age_ms));
        while deleted < rows_max {
            let count = delete_segment(transaction, partition_id, expired_ms)?;
            if count == 0 {
                break;
            }
            deleted += count;
        }
    }
    Ok(deleted)
}

fn expire_state(transaction: &Transaction<'_>, now_ms: i64, rows_max: u64) -> Result<u64, Fault> {
    let deleted = transaction
        .connection
        .prepare_cached(
            "DELETE FROM state WHERE (namespace_id, key) IN
             (SELECT namespace_id, key FROM state WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
        )?
        .execute((now_ms, i64::try_from(rows_max).unwrap_or(i64::MAX)))?;
    Ok(deleted as u64)
}

/// The partitions from which something may be deleted, with the age from which it is.
fn limited_partitions(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, Option<i64>)>> {
    transaction
        .connection
        .prepare_cached(
            "SELECT partitions.id, topics.retention_ms
             FROM topics JOIN partitions
             ON partitions.id >= first_partition AND partitions.id < first_partition + topics.partitions
             WHERE start_offset < end_offset AND (retention_ms IS NOT NULL OR bytes > ?1)",
        )?
        .query_map([bytes_max(transaction)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn bytes_max(transaction: &Transaction<'_>) -> i64 {
    let bytes_max = transaction.config.partition_bytes_max.unwrap_or(u64::MAX);
    i64::try_from(bytes_max).unwrap_or(i64::MAX)
}

/// Deletes the partition's oldest segment if its last message was appended by `expired_ms`, or if the partition is too
/// large and the segment closed, and gives the number of its messages. The open segment holds the newest message, which
/// no limit of size may take from those who are still to read it.
fn delete_segment(
    transaction: &mut Transaction<'_>,
    partition_id: i64,
    expired_ms: Option<i64>,
) -> Result<u64, Fault> {
    let connection = transaction.connection;
    let bytes_max = bytes_max(transaction);
    let partition = transaction.partition(partition_id)?;
    let Some(oldest) = oldest_segment(connection, partition)? else {
        return Ok(0);
    };
    let too_old = expired_ms.is_some_and(|expired_ms| oldest.appended_ms <= expired_ms);
    let too_large = partition.bytes > bytes_max && oldest.end_offset <= partition.segment_offset;
    if !too_old && !too_large {
        return Ok(0);
    }
    connection
        .prepare_cached("DELETE FROM segments WHERE partition_id = ?1 AND start_offset = ?2")?
        .execute((partition_id, partition.start_offset))?;
    connection
        .prepare_cached("DELETE FROM batches WHERE place >= ?1 AND place < ?2")?
        .execute((place(partition_id, partition.start_offset), place(partition_id, oldest.end_offset)))?;
    let deleted = oldest.end_offset - partition.start_offset;
    partition.start_offset = oldest.end_offset;
    partition.bytes -= oldest.bytes;
    if partition.segment_offset < partition.start_offset {
        partition.segment_offset = partition.start_offset;
        partition.segment_bytes = 0;
    }
    Ok(deleted.cast_unsigned())
}

struct Segment {
    end_offset: i64,
    bytes: i64,
    appended_ms: i64,
}

/// The oldest closed segment, else the open one, else nothing.
fn oldest_segment(
    connection: &rusqlite::Connection,
    partition: &Partition,
) -> rusqlite::Result<Option<Segment>> {
    let closed = connection
        .prepare_cached(
            "SELECT end_offset, bytes, appended_ms FROM segments WHERE partition_id = ?1 AND start_offset = ?2",
        )?
        .query_row((partition.id, partition.start_offset), |row| {
            Ok(Segment { end_offset: row.get(0)?, bytes: row.get(1)?, appended_ms: row.get(2)? })
        })
        .optional()?;
    let open = || {
        (partition.segment_offset < partition.end_offset).then_some(Segment {
            end_offset: partition.end_offset,
            bytes: partition.segment_bytes,
            appended_ms: partition.appended_ms,
        })
    };
    Ok(closed.or_else(open))
}
