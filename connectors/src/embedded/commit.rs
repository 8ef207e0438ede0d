//! The offsets that consumer groups have committed.

use rusqlite::{Connection, OptionalExtension};

use super::error::Fault;
use super::transaction::Transaction;
use super::writer::Operation;

/// Where the group would go on in this partition, if it has ever committed.
pub(super) fn committed_offset(
    connection: &Connection,
    group: &str,
    partition_id: i64,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT next_offset FROM commits WHERE group_name = ?1 AND partition_id = ?2")?
        .query_row((group, partition_id), |row| row.get(0))
        .optional()
}

/// Moves a group's offsets forward; none of them moves backward.
pub(super) struct Commit {
    pub(super) group: String,
    /// Partition ids and the offsets after the last records done.
    pub(super) offsets: Vec<(i64, u64)>,
}

impl Operation for Commit {
    type Answer = ();

    fn bytes(&self) -> usize {
        self.group.len() + self.offsets.len() * size_of::<(i64, u64)>()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), Fault> {
        let mut upsert = transaction.connection.prepare_cached(
            "INSERT INTO commits (group_name, partition_id, next_offset) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset
             WHERE excluded.next_offset > next_offset",
        )?;
        for &(partition_id, offset) in &self.offsets {
            let end = transaction.partition(partition_id)?.end_offset;
            match i64::try_from(offset) {
                Ok(offset) if offset <= end => upsert.execute((&self.group, partition_id, offset))?,
                _ => {
                    let reason = format!("offset {offset} is past the end of the partition, {end}");
                    return Err(Fault::Refused(reason));
                }
            };
        }
        Ok(())
    }
}
