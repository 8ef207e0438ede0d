//! The sink of the batch layer: the raw topics, as they are, into an archive.
//!
//! ```text
//! bpi, blocks, transactions, dead-letters ─► archive (by partition)
//! ```
//!
//! It is a topology of its own beside [`bitcoin`](crate::bitcoin), with its own consumer group, so that neither waits for
//! the other. What `Feed::Archive` of the producers reads back gives the same documents, since these are a pure function
//! of the set of messages.

#[cfg(feature = "archive")]
mod batches;
#[cfg(feature = "archive")]
mod bolt;
mod config;
#[cfg(feature = "archive")]
mod wiring;

pub use config::ArchiveConfig;
#[cfg(feature = "archive")]
pub use wiring::{ArchiveOptions, archive, archive_engine};
