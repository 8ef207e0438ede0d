//! The store's errors: one enum for opening, and the inner one that all operations share.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::{IndexError, LogError, StateError};

/// Why a store could not be opened. Every variant's message ends in what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file holds something else; it has not been touched.
    #[error("{} is not a store of this program; choose another file name", .0.display())]
    NotAStore(PathBuf),
    /// A newer version of this program has written the file; it has not been touched.
    #[error(
        "{} has schema version {found}, this program knows {known}; use a newer version of the program", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// The newest schema version this program knows.
        known: i64,
    },
    /// The file is a store but its content is broken.
    #[error("{} is damaged ({reason}); restore a copy or delete it and start anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is broken.
        reason: String,
    },
    /// The file or its folder cannot be read and written.
    #[error("cannot open {} ({reason}); check the folder, its permissions and the free space", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        reason: String,
    },
}

/// What went wrong in one operation, before it is told in the words of the trait that was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoSuchTopic(String),
    Away(String),
    Refused(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted,
            ) => Self::Away(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoSuchTopic(topic) => Self::NoSuchTopic(topic),
            Fault::Away(reason) => Self::Unavailable(reason),
            Fault::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl From<Fault> for IndexError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away(reason) => Self::Unavailable(reason),
            Fault::Refused(reason) | Fault::NoSuchTopic(reason) => Self::Refused(reason),
        }
    }
}

impl From<Fault> for StateError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away(reason) => Self::Unavailable(reason),
            Fault::Refused(reason) | Fault::NoSuchTopic(reason) => Self::Refused(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    /// What `SQLite` answers decides whether a caller tries again: a full disk may be emptied, a read-only or
    /// damaged file stays what it is.
    #[test]
    fn the_code_decides_between_trying_again_and_giving_up() {
        let fault = |code| Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_IOERR, ffi::SQLITE_NOMEM] {
            assert!(matches!(fault(code), Fault::Away(_)), "{code}");
        }
        for code in [ffi::SQLITE_READONLY, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CONSTRAINT] {
            assert!(matches!(fault(code), Fault::Refused(_)), "{code}");
        }
    }
}
