//! What can stop a producer. Trouble with a feed never does: it is counted, and the feed is tried again.

use std::path::PathBuf;

use trombe_connectors::LogError;

use crate::config::ConfigError;

/// Why a producer stopped before its feed's end or its shutdown. Every message ends in what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// A configured value is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log refused for good; it is retried for ever while it is merely away.
    #[error("the feed stopped at the log: {0}")]
    Log(#[from] LogError),
    /// An input file or folder cannot be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The recording cannot be written.
    #[error("cannot write {}: {source}; free some space or choose another folder", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A feed of files was asked for, and there is none.
    #[error("no input file among {0:?}; name a file, or a folder that holds some")]
    NoInput(Vec<PathBuf>),
    /// An archive cannot be read, or is damaged.
    #[cfg(feature = "archive")]
    #[error("the feed stopped at the archive: {0}")]
    Archive(#[from] trombe_connectors::archive::ArchiveError),
    /// An archive was asked for, and this program was built without.
    #[error("this program was built without archives; build it with `--features archive`")]
    NoArchive,
    /// A replay was asked of a feed that has no end.
    #[error("the live feed has no end to replay to; use `up`, or replay a recording of it")]
    Endless,
    /// No network client could be made.
    #[error("cannot set up the network client: {0}; check the URLs and the TLS settings")]
    Client(String),
    /// The root certificates that were configured cannot be used.
    #[error(
        "cannot use {}: {reason}; name a PEM file with CERTIFICATE blocks in `http.root_certificates_file`",
        path.display()
    )]
    RootCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The log stayed away longer than the shutdown may wait.
    #[error(
        "the log took {undelivered} messages fewer than were read before the shutdown's {drain_ms_max} ms were over; bring the log back sooner or raise `outbox.drain_ms_max`"
    )]
    Undelivered {
        /// Messages that were read and not stored.
        undelivered: u64,
        /// The time that was allowed.
        drain_ms_max: u64,
    },
    /// A part of this program failed.
    #[error("a part of the producer panicked: {0}; please report it")]
    Panicked(String),
}
