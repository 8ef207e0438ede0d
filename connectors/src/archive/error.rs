//! What can go wrong with an archive.

use object_store::Error as StoreError;

/// Why an archive was not written or read. Every message ends in what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The address names nothing that can hold an archive.
    #[error(
        "an archive cannot be at `{address}`: {why}; give a folder, file:///folder or s3://bucket/prefix"
    )]
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing to read.
    #[error("there is no archive at `{0}`; mend the address, or write one with `archive --to`")]
    Absent(String),
    /// The archive holds the records of another log, whose offsets mean something else.
    #[error(
        "the archive at `{address}` was written from another log ({found}; this is {wanted}); give each log an archive of its own"
    )]
    OtherLog {
        /// Where the archive is.
        address: String,
        /// The log and feed that the archive names.
        found: String,
        /// The log and feed at hand.
        wanted: String,
    },
    /// A file of the archive is not what its commit says, or not what this program writes.
    #[error("{path} of the archive is damaged: {why}; restore it from a copy of the archive")]
    Damaged {
        /// The file, relative to the archive.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The archive cannot be reached or is busy; the same call may succeed later.
    #[error("the archive is away ({path}: {why}); try again")]
    Away {
        /// What was to be read or written, relative to the archive.
        path: String,
        /// What the place said.
        why: String,
    },
    /// The request can never succeed as it stands.
    #[error("the archive refused {path}: {why}; mend the permissions or the settings")]
    Refused {
        /// What was to be read or written, relative to the archive.
        path: String,
        /// What the place said.
        why: String,
    },
}

impl ArchiveError {
    pub(super) fn damaged(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), why: why.into() }
    }

    pub(super) fn of_store(path: &str, error: &StoreError) -> Self {
        let (path, why) = (path.to_owned(), error.to_string());
        match error {
            StoreError::PermissionDenied { .. }
            | StoreError::Unauthenticated { .. }
            | StoreError::InvalidPath { .. }
            | StoreError::NotSupported { .. }
            | StoreError::NotImplemented { .. }
            | StoreError::UnknownConfigurationKey { .. } => Self::Refused { path, why },
            _ => Self::Away { path, why },
        }
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}
