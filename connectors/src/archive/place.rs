//! Where an archive lies: a folder, or a prefix of a bucket.

use std::fmt;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode};

use super::error::ArchiveError;
use super::s3;

/// The place of an archive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    address: String,
    /// The folder, if it is one.
    folder: Option<PathBuf>,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) modified: DateTime<Utc>,
}

impl Place {
    /// The place at a folder's path, `file:///folder`, or `s3://bucket/prefix`. Sends no request; a folder must be there.
    ///
    /// S3 is set up by the usual variables of the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT` and so on. Credentials are not taken from the address.
    pub fn at(address: &str) -> Result<Self, ArchiveError> {
        let wrong = |why: String| ArchiveError::Address { address: address.to_owned(), why };
        let store: Arc<dyn ObjectStore> = if let Some(("s3", rest)) = address.split_once("://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| wrong(error.to_string()))?;
            Arc::new(PrefixStore::new(s3::open(bucket).map_err(wrong)?, prefix))
        } else {
            let folder = folder(address).ok_or_else(|| wrong("it is neither".to_owned()))?;
            if !folder.is_dir() {
                return Err(ArchiveError::Absent(address.to_owned()));
            }
            // What is written is synchronised to the disk before it counts.
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| wrong(error.to_string()))?;
            Arc::new(store.with_fsync(true))
        };
        Ok(Self { store, address: address.to_owned(), folder: folder(address).map(LocalPath::to_owned) })
    }

    /// Like [`Place::at`], and makes a folder that is absent.
    pub fn make(address: &str) -> Result<Self, ArchiveError> {
        if let Some(folder) = folder(address) {
            std::fs::create_dir_all(folder).map_err(|error| ArchiveError::Address {
                address: address.to_owned(),
                why: error.to_string(),
            })?;
        }
        Self::at(address)
    }

    /// The place of any other store, such as one in memory; `address` stands for it in messages.
    pub fn of(store: Arc<dyn ObjectStore>, address: &str) -> Self {
        Self { store, address: address.to_owned(), folder: None }
    }

    /// The address, for messages.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A file's content; `None` if it is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Bytes>, ArchiveError> {
        let of_store = |error: &StoreError| ArchiveError::of_store(path, error);
        match self.store.get(&Path::from(path)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(|error| of_store(&error)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(of_store(&error)),
        }
    }

    /// Writes a file, durably, whether it is there or not.
    pub(super) async fn put(&self, path: &str, content: Bytes) -> Result<(), ArchiveError> {
        let put = self.store.put(&Path::from(path), content.into()).await;
        put.map(drop).map_err(|error| ArchiveError::of_store(path, &error))
    }

    /// Writes a file, durably, unless it is there. False: it is.
    pub(super) async fn create(&self, path: &str, content: Bytes) -> Result<bool, ArchiveError> {
        match self.store.put_opts(&Path::from(path), content.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(error) => Err(ArchiveError::of_store(path, &error)),
        }
    }

    /// Removes a file, if it is there.
    pub(super) async fn remove(&self, path: &str) -> Result<(), ArchiveError> {
        match self.store.delete(&Path::from(path)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(ArchiveError::of_store(path, &error)),
        }
    }

    /// Removes what a crash has left of files that were being written into a local folder and that are of this age; says how
    /// many there were. A listing does not show them.
    pub(super) async fn remove_unfinished(&self, age_min: Duration) -> Result<u64, ArchiveError> {
        let Some(folder) = self.folder.clone() else { return Ok(0) };
        let removing = tokio::task::spawn_blocking(move || remove_unfinished(&folder, age_min)).await;
        let away = |why: String| ArchiveError::Away { path: self.address.clone(), why };
        removing.map_err(|error| away(error.to_string()))?.map_err(|error| away(error.to_string()))
    }

    /// Every file of a folder and the folders in it, by path; all of the archive's if the folder's name is empty.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<Found>, ArchiveError> {
        let prefix = Path::from(folder);
        let listed = self.store.list((!folder.is_empty()).then_some(&prefix));
        let found = listed.map_ok(|meta| Found {
            path: meta.location.to_string(),
            bytes: meta.size,
            modified: meta.last_modified,
        });
        let found: Result<Vec<_>, StoreError> = found.try_collect().await;
        let mut found = match found {
            Err(StoreError::NotFound { .. }) => Vec::new(),
            found => found.map_err(|error| ArchiveError::of_store(folder, &error))?,
        };
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// The folder that an address names, if it names one.
fn folder(address: &str) -> Option<&LocalPath> {
    match address.split_once("://") {
        Some(("file", folder)) if folder.starts_with('/') => Some(LocalPath::new(folder)),
        None if !address.is_empty() => Some(LocalPath::new(address)),
        _ => None,
    }
}

/// `LocalFileSystem` writes a file as `name#number` beside it, and then renames it.
fn remove_unfinished(folder: &LocalPath, age_min: Duration) -> std::io::Result<u64> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() {
            removed += remove_unfinished(&entry.path(), age_min)?;
            continue;
        }
        let is_unfinished =
            name.to_str().and_then(|name| name.rsplit_once('#')).is_some_and(|(name, number)| {
                let extension = LocalPath::new(name).extension();
                extension.is_some_and(|e| e == "parquet" || e == "json") && number.parse::<u32>().is_ok()
            });
        // Another writer may have finished it since.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified()?.elapsed().unwrap_or_default();
        if kind.is_file() && is_unfinished && age >= age_min {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
