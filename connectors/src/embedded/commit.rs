//! The offsets that consumer groups have committed.

use rusqlite::{Connection, OptionalExtension};

use super::error::Fault;
use super::transaction::Transaction;
use super::writer::Operation;

/// What a group has committed in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) next_offset: i64,
    /// Who committed it.
    pub(super) identity: String,
}

impl Committed {
    pub(super) fn find(
        connection: &Connection,
        group: &str,
        partition_id: i64,
    ) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT next_offset, metadata FROM commits WHERE group_name = ?1 AND partition_id = ?2",
            )?
            .query_row((group, partition_id), |row| {
                Ok(Self { next_offset: row.get(0)?, identity: row.get(1)? })
            })
            .optional()
    }
}

/// Moves a group's offsets forward; none of them moves backward.
pub(super) struct Commit {
    pub(super) group: String,
    /// Who commits.
    pub(super) identity: String,
    /// Whether what another identity has committed does not count.
    pub(super) is_own_only: bool,
    /// Partition ids and the offsets after the last records done.
    pub(super) offsets: Vec<(i64, u64)>,
}

impl Operation for Commit {
    type Answer = ();

    fn bytes(&self) -> usize {
        self.group.len() + self.identity.len() + self.offsets.len() * size_of::<(i64, u64)>()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), Fault> {
        let mut upsert = transaction.connection.prepare_cached(
            "INSERT INTO commits (group_name, partition_id, next_offset, metadata) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, metadata = excluded.metadata
             WHERE excluded.next_offset > next_offset OR (?5 AND excluded.metadata <> metadata)",
        )?;
        for &(partition_id, offset) in &self.offsets {
            let end = transaction.partition(partition_id)?.end_offset;
            match i64::try_from(offset) {
                Ok(offset) if offset <= end => {
                    upsert.execute((&self.group, partition_id, offset, &self.identity, self.is_own_only))?
                }
                _ => {
                    let reason = format!("offset {offset} is past the end of the partition, {end}");
                    return Err(Fault::Refused(reason));
                }
            };
        }
        Ok(())
    }
}
