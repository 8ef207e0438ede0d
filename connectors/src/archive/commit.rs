//! The commit: the file whose existence makes records part of the archive.

use serde::{Deserialize, Serialize};

use super::error::ArchiveError;
use super::names::{self, DataName};
use super::runs::Runs;

/// The layout that this program writes, and the only one it reads.
pub(super) const FORMAT: u32 = 1;

/// A batch of one partition's records: which offsets, in which files.
///
/// It is created only if its number is free. So of two writers at work on one partition, one fails to commit, reads
/// what the other has committed, and goes on from there: no offset is ever committed twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commit {
    pub(super) format: u32,
    pub(super) topic: String,
    pub(super) partition: u32,
    /// Counted from 0 within the partition, without a gap.
    pub(super) sequence: u64,
    /// The offsets of the records, each in exactly one of the files.
    pub(super) runs: Runs,
    pub(super) files: Vec<DataFile>,
}

/// A data file as its commit knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataFile {
    pub(super) path: String,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Commit {
    pub(super) fn path(&self) -> String {
        names::commit(&self.topic, self.partition, self.sequence)
    }

    /// Reads a commit that lies at `path`, and checks that it says nothing that contradicts its place or itself.
    pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Self, ArchiveError> {
        let commit: Self =
            serde_json::from_slice(bytes).map_err(|error| ArchiveError::damaged(path, error.to_string()))?;
        match commit.contradiction(path) {
            Some(why) => Err(ArchiveError::damaged(path, why)),
            None => Ok(commit),
        }
    }

    fn contradiction(&self, path: &str) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!("it has format {}; this program reads {FORMAT}", self.format));
        }
        if !names::is_topic(&self.topic) || self.path() != path {
            return Some("it speaks of another partition or number".to_owned());
        }
        if !self.runs.is_sound() || self.runs.as_slice().is_empty() {
            return Some("its offsets are not ascending runs".to_owned());
        }
        let records = self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.records));
        if records != Some(self.runs.count()) {
            return Some("its files hold another number of records than its offsets".to_owned());
        }
        let stranger = self.files.iter().find(|file| {
            DataName::parse(&file.path)
                .is_none_or(|name| name.topic != self.topic || name.partition != self.partition)
        });
        stranger.map(|file| format!("it names {}, which is no file of its partition", file.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> Commit {
        Commit {
            format: FORMAT,
            topic: "t".to_owned(),
            partition: 1,
            sequence: 7,
            runs: [0, 1, 2, 5].into_iter().collect(),
            files: vec![DataFile {
                path: "topic=t/date=2024-10-19/1-0-5-00ff00ff00ff00ff.parquet".to_owned(),
                records: 4,
                bytes: 100,
                sha256: String::new(),
            }],
        }
    }

    #[test]
    fn a_commit_is_read_back() {
        let bytes = serde_json::to_vec(&commit()).unwrap();
        assert_eq!(Commit::parse(&commit().path(), &bytes).unwrap(), commit());
    }

    #[test]
    fn contradictions_are_damage() {
        type Change = fn(&mut Commit);
        let cases: [(&str, Change); 6] = [
            ("format", |c| c.format = 2),
            ("number", |c| c.sequence = 8),
            ("number of records", |c| c.files.clear()),
            ("number of records", |c| c.files[0].records = 5),
            ("ascending", |c| c.runs = Runs::default()),
            ("no file of its partition", |c| c.files[0].path = "../../etc/passwd".to_owned()),
        ];
        for (words, change) in cases {
            let mut changed = commit();
            change(&mut changed);
            let bytes = serde_json::to_vec(&changed).unwrap();
            let error = Commit::parse(&commit().path(), &bytes).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("000000000007.json"), "{error}");
        }
        assert!(Commit::parse(&commit().path(), b"{").is_err());
    }
}
