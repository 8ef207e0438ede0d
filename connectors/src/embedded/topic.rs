//! Topics: their names, partitions and retention.

use rusqlite::{Connection, OptionalExtension};

use super::error::Fault;
use super::partition;
use super::transaction::Transaction;
use super::writer::Operation;
use crate::TopicOptions;

const NAME_BYTES_MAX: usize = 249;
const PARTITIONS_MAX: u32 = 1 << 16;

/// Where a topic's partitions are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Topic {
    pub(super) first_partition: i64,
    pub(super) partitions: u32,
}

impl Topic {
    pub(super) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached("SELECT first_partition, partitions FROM topics WHERE name = ?1")?
            .query_row([name], |row| Ok(Self { first_partition: row.get(0)?, partitions: row.get(1)? }))
            .optional()
    }
}

/// Creates a topic, or gives an existing one a new retention.
pub(super) struct CreateTopic {
    pub(super) name: String,
    pub(super) options: TopicOptions,
}

impl Operation for CreateTopic {
    type Answer = ();

    fn bytes(&self) -> usize {
        self.name.len()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), Fault> {
        self.check().map_err(Fault::Refused)?;
        let connection = transaction.connection;
        let altered = connection
            .prepare_cached("UPDATE topics SET retention_ms = ?2 WHERE name = ?1")?
            .execute((&self.name, self.options.retention_ms))?;
        if altered > 0 {
            return Ok(());
        }
        let first: i64 =
            connection.query_row("SELECT coalesce(max(id) + 1, 0) FROM partitions", (), |row| row.get(0))?;
        let end = first + i64::from(self.options.partitions);
        if end > partition::IDS_MAX {
            return Err(Fault::Refused(format!("the store holds at most {} partitions", partition::IDS_MAX)));
        }
        let mut insert = connection.prepare_cached("INSERT INTO partitions (id) VALUES (?1)")?;
        for id in first..end {
            insert.execute([id])?;
        }
        connection
            .prepare_cached(
                "INSERT INTO topics (name, first_partition, partitions, retention_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((&self.name, first, self.options.partitions, self.options.retention_ms))?;
        Ok(())
    }
}

impl CreateTopic {
    /// The rules are Kafka's, so that a topic of the embedded log can be one of Kafka's.
    fn check(&self) -> Result<(), String> {
        let Self { name, options } = self;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || !name.bytes().all(allowed)
            || [".", ".."].contains(&&**name)
        {
            return Err(format!(
                "`{name}` is no topic name: 1 to {NAME_BYTES_MAX} of the characters a-z A-Z 0-9 . _ - are allowed"
            ));
        }
        if !(1..=PARTITIONS_MAX).contains(&options.partitions) {
            return Err(format!("{} partitions: 1 to {PARTITIONS_MAX} are allowed", options.partitions));
        }
        if options.retention_ms.is_some_and(i64::is_negative) {
            return Err("the retention is negative: 0 ms or more are allowed".into());
        }
        Ok(())
    }
}
