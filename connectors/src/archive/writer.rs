//! The writer: records into files, files into the archive by a commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{NaiveDate, Utc};
use sha2::{Digest as _, Sha256};

use super::catalogue;
use super::columns;
use super::commit::{Commit, DataFile, FORMAT};
use super::error::ArchiveError;
use super::names::{self, DataName, HASH_DIGITS};
use super::place::Place;
use super::runs::Runs;
use crate::Record;

/// How often another writer may be faster with one batch before this is taken for a fault of the place.
const CONFLICTS_MAX: u32 = 16;

/// What [`Writer::write`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records that this call has made part of the archive.
    pub records: u64,
    /// Records that were part of it already.
    pub repeated: u64,
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes batches of partitions, each offset once.
///
/// A batch becomes one file for each day, and then a commit. What crashes before the commit leaves files that nobody
/// reads, and that [`sweep`] removes. What crashes after it finds its records committed when the log gives them again.
#[derive(Debug)]
pub struct Writer {
    place: Place,
    /// A commit must not come later than this after its first file, or [`sweep`] could be faster.
    commit_within: Duration,
    partitions: HashMap<(String, u32), Standing>,
}

/// What is committed of a partition.
#[derive(Debug, Default)]
struct Standing {
    next_sequence: u64,
    runs: Runs,
}

impl Writer {
    /// A writer into the archive at this place. `orphan_age_min` is the age at which [`sweep`] removes uncommitted files.
    pub fn new(place: Place, orphan_age_min: Duration) -> Self {
        // Half of it: the clocks of the two may differ.
        Self { place, commit_within: orphan_age_min / 2, partitions: HashMap::new() }
    }

    /// Makes these records of one partition part of the archive, except those that are. On `Ok` all of them are, durably.
    ///
    /// After an error some files may be there, but the records are committed all or not at all; the same call may be
    /// made again.
    pub async fn write(
        &mut self,
        topic: &str,
        partition: u32,
        records: &[Record],
    ) -> Result<Written, ArchiveError> {
        let key = (topic.to_owned(), partition);
        let mut written = Written::default();
        for _ in 0..CONFLICTS_MAX {
            // Taken out: after an error it is not known what is committed, and is read again.
            let mut standing = match self.partitions.remove(&key) {
                Some(standing) => standing,
                None => Standing::read(&self.place, topic, partition).await?,
            };
            let fresh: BTreeMap<u64, &Record> = records
                .iter()
                .map(|record| (record.position.offset, record))
                .filter(|(offset, _)| !standing.runs.contains(*offset))
                .collect();
            written.records = fresh.len() as u64;
            written.repeated = records.len() as u64 - written.records;
            if fresh.is_empty() || self.commit(topic, partition, &mut standing, &fresh, &mut written).await? {
                self.partitions.insert(key, standing);
                return Ok(written);
            }
        }
        let path = names::commits_of(topic, partition);
        Err(ArchiveError::Away { path, why: "other writers were faster again and again".to_owned() })
    }

    /// Writes the files and the commit. False: another writer has taken the commit's number.
    async fn commit(
        &self,
        topic: &str,
        partition: u32,
        standing: &mut Standing,
        fresh: &BTreeMap<u64, &Record>,
        written: &mut Written,
    ) -> Result<bool, ArchiveError> {
        let started = Instant::now();
        let mut days: BTreeMap<NaiveDate, Vec<&Record>> = BTreeMap::new();
        for record in fresh.values() {
            days.entry(names::date_of(record.message.timestamp_ms)).or_default().push(record);
        }
        let mut files = Vec::new();
        for (date, records) in days {
            let file = self.write_file(topic, partition, date, &records).await?;
            written.files += 1;
            written.bytes += file.bytes;
            files.push(file);
        }
        let commit = Commit {
            format: FORMAT,
            topic: topic.to_owned(),
            partition,
            sequence: standing.next_sequence,
            runs: fresh.keys().copied().collect(),
            files,
        };
        let path = commit.path();
        let content =
            serde_json::to_vec(&commit).map_err(|error| ArchiveError::damaged(&*path, error.to_string()))?;
        if started.elapsed() > self.commit_within {
            let why = "its files took so long to write that a sweep may have removed them".to_owned();
            return Err(ArchiveError::Away { path, why });
        }
        let is_ours = self.place.create(&path, content.into()).await?;
        if is_ours {
            standing.add(&commit)?;
        }
        Ok(is_ours)
    }

    async fn write_file(
        &self,
        topic: &str,
        partition: u32,
        date: NaiveDate,
        records: &[&Record],
    ) -> Result<DataFile, ArchiveError> {
        let first = records.first().map_or(0, |record| record.position.offset);
        let last = records.last().map_or(0, |record| record.position.offset);
        let content = columns::encode(records).map_err(|error| ArchiveError::Refused {
            path: format!("{topic}/{partition}@{first}"),
            why: error.to_string(),
        })?;
        let sha256 = digest(&content);
        let hash = sha256.chars().take(HASH_DIGITS).collect();
        let name = DataName { topic: topic.to_owned(), date, partition, first, last, hash };
        let (path, bytes) = (name.path(), content.len() as u64);
        self.place.put(&path, content).await?;
        Ok(DataFile { path, records: records.len() as u64, bytes, sha256 })
    }
}

impl Standing {
    async fn read(place: &Place, topic: &str, partition: u32) -> Result<Self, ArchiveError> {
        let mut standing = Self::default();
        for commit in catalogue::commits(place, &names::commits_of(topic, partition)).await? {
            standing.add(&commit)?;
        }
        Ok(standing)
    }

    fn add(&mut self, commit: &Commit) -> Result<(), ArchiveError> {
        for &(first, last) in commit.runs.as_slice() {
            if !self.runs.add(first, last) {
                let why =
                    format!("it commits offsets {first} to {last}, of which an earlier commit has some");
                return Err(ArchiveError::damaged(commit.path(), why));
            }
        }
        self.next_sequence = commit.sequence + 1;
        Ok(())
    }
}

/// The SHA-256 of a file in hexadecimal.
pub(super) fn digest(content: &[u8]) -> String {
    format!("{:x}", Bytes::copy_from_slice(&Sha256::digest(content)))
}

/// Removes data files that no commit names and that are older than `orphan_age_min`; returns how many.
///
/// Files that the archive has not made are left alone. A writer's files are younger than that when it commits them.
pub async fn sweep(place: &Place, orphan_age_min: Duration) -> Result<u64, ArchiveError> {
    // The files first: one that is committed between the two looks counts as committed.
    let found = place.list("").await?;
    let committed = catalogue::commits(place, names::COMMITS).await?;
    let committed: BTreeSet<&str> =
        committed.iter().flat_map(|commit| &commit.files).map(|file| &*file.path).collect();
    let now = Utc::now();
    let is_old =
        |modified: chrono::DateTime<Utc>| (now - modified).to_std().is_ok_and(|age| age >= orphan_age_min);
    let mut removed = place.remove_unfinished(orphan_age_min).await?;
    for file in found {
        let is_ours = DataName::parse(&file.path).is_some();
        if is_ours && !committed.contains(&*file.path) && is_old(file.modified) {
            place.remove(&file.path).await?;
            removed += 1;
        }
    }
    Ok(removed)
}
