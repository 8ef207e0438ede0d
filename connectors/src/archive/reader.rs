//! The reader: what is committed, as records in the order in which they came.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use super::catalogue::{self, Manifest};
use super::columns;
use super::commit::{Commit, DataFile};
use super::error::ArchiveError;
use super::names::{self, DataName};
use super::place::Place;
use super::runs::Runs;
use super::writer::digest;
use crate::Record;

/// The records of an archive: each partition's by offset, the partitions merged by time.
///
/// It reads what was committed when it was opened. In memory it has one batch of each partition.
#[derive(Debug)]
pub struct Reader {
    place: Place,
    manifest: Manifest,
    records_total: u64,
    /// What is left of each partition that has not ended.
    partitions: Vec<Partition>,
    /// The partitions by the times of their next records.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    is_begun: bool,
}

#[derive(Debug, Default)]
struct Partition {
    commits: VecDeque<Commit>,
    records: VecDeque<Record>,
}

impl Reader {
    /// Opens the archive at a place, and looks whether every committed file is there, whole in length.
    pub async fn open(place: Place) -> Result<Self, ArchiveError> {
        let manifest = Manifest::read(&place).await?;
        let manifest = manifest.ok_or_else(|| ArchiveError::Absent(place.to_string()))?;
        let commits = catalogue::commits(&place, names::COMMITS).await?;
        let found = place.list("").await?;
        let found: BTreeMap<&str, u64> = found.iter().map(|file| (&*file.path, file.bytes)).collect();
        for commit in &commits {
            for file in &commit.files {
                let why = match found.get(&*file.path) {
                    Some(bytes) if *bytes == file.bytes => continue,
                    Some(bytes) => format!("it has {bytes} bytes; {} says {}", commit.path(), file.bytes),
                    None => format!("it is missing; {} names it", commit.path()),
                };
                return Err(ArchiveError::damaged(&*file.path, why));
            }
        }
        let records_total = commits.iter().map(|commit| commit.runs.count()).sum();
        let mut partitions: BTreeMap<(String, u32), Partition> = BTreeMap::new();
        let mut runs: BTreeMap<(String, u32), Runs> = BTreeMap::new();
        for commit in commits {
            let key = (commit.topic.clone(), commit.partition);
            let runs = runs.entry(key.clone()).or_default();
            if !commit.runs.as_slice().iter().all(|&(first, last)| runs.add(first, last)) {
                let why = "it commits offsets that an earlier commit has too";
                return Err(ArchiveError::damaged(commit.path(), why));
            }
            partitions.entry(key).or_default().commits.push_back(commit);
        }
        Ok(Self {
            place,
            manifest,
            records_total,
            partitions: partitions.into_values().collect(),
            next: BinaryHeap::new(),
            is_begun: false,
        })
    }

    /// What the archive says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many records there are in all.
    pub fn records_total(&self) -> u64 {
        self.records_total
    }

    /// The next record; `None` at the end. After an error the same call may be made again.
    pub async fn next(&mut self) -> Result<Option<Record>, ArchiveError> {
        while !self.is_begun {
            let begun = self.next.len();
            // Partitions are begun in order, and each has at least one record.
            if begun == self.partitions.len() {
                self.is_begun = true;
            } else {
                self.load(begun).await?;
                self.await_next(begun);
            }
        }
        let Some(&Reverse((_, at))) = self.next.peek() else { return Ok(None) };
        if self.partitions[at].records.len() == 1 && !self.partitions[at].commits.is_empty() {
            // Before the last record is taken: an error must not lose it.
            self.load(at).await?;
        }
        self.next.pop();
        let record = self.partitions[at].records.pop_front();
        self.await_next(at);
        Ok(record)
    }

    fn await_next(&mut self, at: usize) {
        if let Some(record) = self.partitions[at].records.front() {
            self.next.push(Reverse((record.message.timestamp_ms, at)));
        }
    }

    /// Reads the partition's next commit.
    async fn load(&mut self, at: usize) -> Result<(), ArchiveError> {
        let partition = &mut self.partitions[at];
        if let Some(commit) = partition.commits.front() {
            let records = read(&self.place, commit).await?;
            partition.records.extend(records);
            partition.commits.pop_front();
        }
        Ok(())
    }
}

/// The records of a commit, by offset.
async fn read(place: &Place, commit: &Commit) -> Result<Vec<Record>, ArchiveError> {
    let mut records = Vec::new();
    for file in &commit.files {
        records.extend(read_file(place, commit, file).await?);
    }
    records.sort_by_key(|record| record.position.offset);
    let offsets: BTreeSet<u64> = records.iter().map(|record| record.position.offset).collect();
    if offsets.len() != records.len() || offsets.into_iter().collect::<Runs>() != commit.runs {
        return Err(ArchiveError::damaged(commit.path(), "its files hold other offsets than it says"));
    }
    Ok(records)
}

async fn read_file(place: &Place, commit: &Commit, file: &DataFile) -> Result<Vec<Record>, ArchiveError> {
    // It may be the commit that is damaged, so both are named.
    let damaged =
        |why: &str| ArchiveError::damaged(&*file.path, format!("{why} ({} names it)", commit.path()));
    let content = place.get(&file.path).await?.ok_or_else(|| damaged("it is missing"))?;
    if digest(&content) != file.sha256 {
        return Err(damaged("its SHA-256 is not the one that was committed"));
    }
    let records = columns::decode(&commit.topic, content).map_err(|error| damaged(&error.to_string()))?;
    let date = DataName::parse(&file.path).map(|name| name.date);
    let belongs = |record: &Record| {
        record.position.partition == commit.partition
            && Some(names::date_of(record.message.timestamp_ms)) == date
    };
    if records.len() as u64 != file.records || !records.iter().all(belongs) {
        return Err(damaged("it holds other records than its name and its commit say"));
    }
    Ok(records)
}
