//! The index's writes and reads.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::error::Fault;
use super::names::Names;
use super::transaction::Transaction;
use super::writer::Operation;
use crate::{Document, Outcome, Range, StoredDocument, acceptable};

/// Stores documents.
pub(super) struct Bulk {
    /// Each document, or why it can never be stored.
    checked: Vec<Result<Document, String>>,
}

impl Bulk {
    /// Checks the documents here, on the caller's thread, which leaves the writer its time.
    pub(super) fn new(documents: Vec<Document>) -> Self {
        let check = |document| acceptable::check(&document).map(|()| document);
        Self { checked: documents.into_iter().map(check).collect() }
    }
}

impl Operation for Bulk {
    type Answer = Vec<Outcome>;

    fn bytes(&self) -> usize {
        let bytes = |document: &Document| {
            size_of::<Document>() + document.index.len() + document.id.len() + document.source.len()
        };
        self.checked.iter().flatten().map(bytes).sum()
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<Vec<Outcome>, Fault> {
        let connection = transaction.connection;
        let mut indices = Names::indices(connection);
        let mut added = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(self.checked.len());
        for checked in &self.checked {
            let document = match checked {
                Ok(document) => document,
                Err(reason) => {
                    outcomes.push(Outcome::Rejected(reason.clone()));
                    continue;
                }
            };
            let index_id = indices.id(&document.index)?;
            let change = store(connection, index_id, document)?;
            if let Some(new) = change {
                *added.entry(index_id).or_insert(0) += i64::from(new);
            }
            outcomes.push(if change.is_some() { Outcome::Indexed } else { Outcome::Stale });
        }
        let mut count = connection.prepare_cached(
            "UPDATE indices SET documents = documents + ?2, revision = revision + 1 WHERE id = ?1",
        )?;
        for change in added {
            count.execute(change)?;
        }
        Ok(outcomes)
    }
}

/// Stores one document. `None` if the stored one is as new; else whether there was none before.
fn store(connection: &Connection, index_id: i64, document: &Document) -> rusqlite::Result<Option<bool>> {
    let Document { id, version, timestamp, source, .. } = document;
    let (version, timestamp_us) = (version.cast_signed(), timestamp.timestamp_micros());
    let known: Option<(i64, i64, i64)> = connection
        .prepare_cached("SELECT place, version, timestamp_us FROM documents WHERE index_id = ?1 AND id = ?2")?
        .query_row((index_id, id), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match known {
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO documents (index_id, id, version, timestamp_us, source)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((index_id, id, version, timestamp_us, source))?;
            Ok(Some(true))
        }
        Some((_, known_version, _)) if version <= known_version => Ok(None),
        // Most documents keep their time, and then the tree by time stays untouched.
        Some((place, _, known_us)) if timestamp_us == known_us => {
            connection
                .prepare_cached("UPDATE documents SET version = ?2, source = ?3 WHERE place = ?1")?
                .execute((place, version, source))?;
            Ok(Some(false))
        }
        Some((place, ..)) => {
            connection
                .prepare_cached(
                    "UPDATE documents SET version = ?2, source = ?3, timestamp_us = ?4 WHERE place = ?1",
                )?
                .execute((place, version, source, timestamp_us))?;
            Ok(Some(false))
        }
    }
}

pub(super) fn get(
    connection: &Connection,
    index: &str,
    id: &str,
) -> rusqlite::Result<Option<StoredDocument>> {
    let sql = "SELECT id, version, source FROM documents
               WHERE index_id = (SELECT id FROM indices WHERE name = ?1) AND id = ?2";
    connection.prepare_cached(sql)?.query_row((index, id), stored).optional()
}

pub(super) fn range(connection: &Connection, range: &Range) -> rusqlite::Result<Vec<StoredDocument>> {
    let sql = "SELECT id, version, source FROM documents
               WHERE index_id = (SELECT id FROM indices WHERE name = ?1)
               AND timestamp_us >= ?2 AND timestamp_us < ?3
               ORDER BY timestamp_us DESC, id DESC LIMIT ?4";
    let (from_us, until_us) = (range.from.timestamp_micros(), range.until.timestamp_micros());
    let mut newest_first =
        select(connection, sql, (&range.index, from_us, until_us, limit(range.documents_max)))?;
    newest_first.reverse();
    Ok(newest_first)
}

pub(super) fn oldest(connection: &Connection, index: &str) -> rusqlite::Result<Option<StoredDocument>> {
    let sql = "SELECT id, version, source FROM documents
               WHERE index_id = (SELECT id FROM indices WHERE name = ?1)
               ORDER BY timestamp_us, id LIMIT 1";
    connection.prepare_cached(sql)?.query_row([index], stored).optional()
}

pub(super) fn scan(
    connection: &Connection,
    index: &str,
    after: Option<&str>,
    documents_max: usize,
) -> rusqlite::Result<Vec<StoredDocument>> {
    let sql = "SELECT id, version, source FROM documents
               WHERE index_id = (SELECT id FROM indices WHERE name = ?1) AND id > ?2
               ORDER BY id LIMIT ?3";
    select(connection, sql, (index, after.unwrap_or_default(), limit(documents_max)))
}

pub(super) fn count(connection: &Connection, index: &str) -> rusqlite::Result<u64> {
    let count: Option<i64> = connection
        .prepare_cached("SELECT documents FROM indices WHERE name = ?1")?
        .query_row([index], |row| row.get(0))
        .optional()?;
    Ok(count.unwrap_or_default().cast_unsigned())
}

pub(super) fn revision(connection: &Connection) -> rusqlite::Result<u64> {
    let revision: i64 = connection
        .prepare_cached("SELECT coalesce(sum(revision), 0) FROM indices")?
        .query_row((), |row| row.get(0))?;
    Ok(revision.cast_unsigned())
}

fn select(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> rusqlite::Result<Vec<StoredDocument>> {
    connection.prepare_cached(sql)?.query_map(parameters, stored)?.collect()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredDocument> {
    let version: i64 = row.get(1)?;
    Ok(StoredDocument { id: row.get(0)?, version: version.cast_unsigned(), source: row.get(2)? })
}

fn limit(documents_max: usize) -> i64 {
    i64::try_from(documents_max).unwrap_or(i64::MAX)
}
