//! What is committed: manifest and commits, read from their place.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use super::commit::{Commit, FORMAT};
use super::error::ArchiveError;
use super::names::{self, MANIFEST};
use super::place::Place;

/// Requests under way at the same time at most.
const REQUESTS_MAX: usize = 16;

/// Whose records an archive holds: a log and the feed that fills it.
///
/// Offsets mean something within one log only, so an archive belongs to one log for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What tells the log from any other one, for ever.
    pub log: String,
    /// The kind of feed, e.g. `live`.
    pub feed: String,
}

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Tells this archive from any other one.
    pub id: String,
    /// Whose records it holds.
    pub origin: Origin,
}

impl Manifest {
    /// The manifest of the archive at a place; `None` if there is no archive.
    pub async fn read(place: &Place) -> Result<Option<Self>, ArchiveError> {
        place.get(MANIFEST).await?.map(|bytes| Self::parse(&bytes)).transpose()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ArchiveError::damaged(MANIFEST, error.to_string()))?;
        if manifest.format != FORMAT {
            let why = format!("it has format {}; this program reads {FORMAT}", manifest.format);
            return Err(ArchiveError::damaged(MANIFEST, why));
        }
        Ok(manifest)
    }

    /// The manifest of the archive of this origin, which is begun if there is none. `id` is what a new one is told by.
    pub async fn open(place: &Place, origin: &Origin, id: &str) -> Result<Self, ArchiveError> {
        let new = Self { format: FORMAT, id: id.to_owned(), origin: origin.clone() };
        let text = serde_json::to_vec_pretty(&new)
            .map_err(|error| ArchiveError::damaged(MANIFEST, error.to_string()))?;
        let manifest = match Self::read(place).await? {
            Some(manifest) => manifest,
            None if place.create(MANIFEST, text.into()).await? => new,
            // Another process was faster.
            None => Self::read(place).await?.ok_or_else(|| ArchiveError::Absent(place.to_string()))?,
        };
        if manifest.origin == *origin {
            return Ok(manifest);
        }
        let told = |origin: &Origin| format!("feed {}, log {}", origin.feed, origin.log);
        Err(ArchiveError::OtherLog {
            address: place.address().to_owned(),
            found: told(&manifest.origin),
            wanted: told(origin),
        })
    }
}

/// The commits in a folder, by partition and number. A missing or damaged one is an error.
pub(super) async fn commits(place: &Place, folder: &str) -> Result<Vec<Commit>, ArchiveError> {
    let found = place.list(folder).await?;
    let paths = found.into_iter().map(|found| found.path);
    let reads =
        paths.filter(|path| names::parse_commit(path).is_some()).map(|path| read(place.clone(), path));
    let mut commits: Vec<Commit> = stream::iter(reads).buffered(REQUESTS_MAX).try_collect().await?;
    commits.sort_unstable_by(|a, b| {
        (&a.topic, a.partition, a.sequence).cmp(&(&b.topic, b.partition, b.sequence))
    });
    for (at, commit) in commits.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &commits[before]);
        let before =
            before.filter(|before| (&before.topic, before.partition) == (&commit.topic, commit.partition));
        let expected = before.map_or(0, |before| before.sequence + 1);
        if commit.sequence != expected {
            let path = names::commit(&commit.topic, commit.partition, expected);
            return Err(ArchiveError::damaged(
                path,
                format!("it is missing, and {} is there", commit.path()),
            ));
        }
    }
    Ok(commits)
}

async fn read(place: Place, path: String) -> Result<Commit, ArchiveError> {
    match place.get(&path).await? {
        Some(bytes) => Commit::parse(&path, &bytes),
        None => Err(ArchiveError::damaged(path, "it was there a moment ago")),
    }
}
