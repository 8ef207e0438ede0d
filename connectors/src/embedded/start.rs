//! Where reading begins: Storm's rules.

use rusqlite::{Connection, OptionalExtension, Row};

use super::batch::{SELECT_FROM_TIME, Stored};
use super::commit::Committed;
use super::partition::{Partition, offset_of, place};
use crate::Start;

/// From where a consumer starts, and who it is.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) start: Start,
    pub(super) identity: String,
}

/// Whether this start looks past what another identity has committed.
pub(super) fn is_own_only(start: Start) -> bool {
    match start {
        Start::Earliest | Start::Latest | Start::Timestamp(_) => true,
        Start::UncommittedEarliest | Start::UncommittedLatest => false,
    }
}

impl Origin {
    /// The committed offset, if it counts for this start.
    pub(super) fn counted(&self, committed: Option<&Committed>) -> Option<i64> {
        let counts = |committed: &&Committed| !is_own_only(self.start) || committed.identity == self.identity;
        committed.filter(counts).map(|committed| committed.next_offset)
    }

    /// The offset of the first record to read. A committed one is it even if retention has deleted what was there.
    pub(super) fn first_offset(
        &self,
        connection: &Connection,
        group: &str,
        partition_id: i64,
    ) -> rusqlite::Result<i64> {
        let committed = Committed::find(connection, group, partition_id)?;
        if let Some(offset) = self.counted(committed.as_ref()) {
            return Ok(offset);
        }
        let partition = Partition::load(connection, partition_id)?;
        match self.start {
            Start::Earliest | Start::UncommittedEarliest => Ok(partition.start_offset),
            Start::Latest | Start::UncommittedLatest => Ok(partition.end_offset),
            Start::Timestamp(at_ms) => {
                let first = first_of_time(connection, partition_id, at_ms)?;
                Ok(first.unwrap_or(partition.end_offset))
            }
        }
    }
}

/// Reads the partition from its oldest message on: done once a start, and times are in no order.
fn first_of_time(connection: &Connection, partition_id: i64, at_ms: i64) -> rusqlite::Result<Option<i64>> {
    let range = (place(partition_id, 0), place(partition_id + 1, 0), at_ms);
    let messages = |row: &Row<'_>| Ok(Stored::from(row, range.0)?.messages());
    let batch = connection.prepare(SELECT_FROM_TIME)?.query_row(range, messages).optional()?;
    for message in batch.into_iter().flatten() {
        let (place, message) = message?;
        if message.timestamp_ms >= at_ms {
            return Ok(Some(offset_of(place)));
        }
    }
    Ok(None)
}
