//! Ways in for `fuzz/`, which throws bytes at whatever reads an archive. No part of what the crate promises.

use bytes::Bytes;

use super::catalogue::Manifest;
use super::columns;
use super::commit::Commit;
use super::names::{self, DataName};
use crate::Record;

/// A manifest, written again; `None` if it is damaged.
pub fn manifest(bytes: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&Manifest::parse(bytes).ok()?).ok()
}

/// A commit that lies at `path`, written again, and how many records it has; `None` if it is damaged.
pub fn commit(path: &str, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    let commit = Commit::parse(path, bytes).ok()?;
    Some((serde_json::to_vec(&commit).ok()?, commit.runs.count()))
}

/// Where the commit of a partition with that number lies.
pub fn commit_path(topic: &str, partition: u32, sequence: u64) -> String {
    names::commit(topic, partition, sequence)
}

/// The path of a data file or of a commit, made again of what it tells; `None` if it is neither.
pub fn path(path: &str) -> Option<String> {
    let commit =
        names::parse_commit(path).map(|(topic, partition, number)| names::commit(topic, partition, number));
    commit.or_else(|| DataName::parse(path).map(|name| name.path()))
}

/// The records of a data file of the topic `t`; `None` if it is damaged.
pub fn records(file: Bytes) -> Option<Vec<Record>> {
    columns::decode("t", file).ok()
}

/// The data file of these records.
pub fn file(records: &[Record]) -> Option<Bytes> {
    columns::encode(&records.iter().collect::<Vec<_>>()).ok()
}
