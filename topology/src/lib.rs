//! The Bitcoin topology: spouts, bolts and wiring.
//!
//! ```text
//! transactions ─► parse-transactions ─► count-transactions ─► volume ─► index
//! bpi ──────────► parse-prices ───────┬─► price-hours ─────────┘
//!                                     └──────────────────┐
//! blocks ───────► parse-blocks ─────────────────────► miners ─────────► index
//! dead-letters ─► read-dead-letters ──────────────────────────────────► index
//!                 parse-*: values and raw messages ───────────────────► index
//!                 parse-*: what was not understood ───────────────────► dead-letter, to the log
//! with a secondary index:
//!                 all documents ──────────────────────────────────────► copy, to the log
//! documents ────► read-documents ─────────────────────────────────────► secondary
//! ```
//!
//! # Decisions
//!
//! - **Every document is a pure function of the set of messages in the log.** Their order, duplicates, the number of tasks,
//!   crashes and replays change no byte of any `_id`, `_version` or `_source`. So no bolt adds increments: each keeps the *set* of
//!   distinct observations, states absolute values, and versions them by the number of observations that bear on them. The
//!   cost: state is kept for as long as a late message may correct something ([`TopologyConfig`] names how long).
//! - **An ack means durable.** A stateful bolt writes its state, then states what follows from it, and acks what it has
//!   read when all of that is in the index. After a crash the log gives the same tuples again; they change nothing
//!   but repeat the statements that may have been lost.
//! - **A bad record never stops the stream.** It becomes a dead letter with its reason, in the log and from there in the index.
//! - **A dead index pauses the spouts.** The log is the buffer, no tuple fails, [`Health`] says why. One request at a time asks
//!   whether it is back.
//! - **A secondary index is fed through the log.** Every document is appended to a topic, which a spout of its own reads: the
//!   primary never waits for the secondary, which has its own queue, its own health and its own lag.
//!
//! Architecture invariant: nothing here knows which log, index or state store it talks to; only [`StoredState`] names one.

mod archive;
mod backoff;
mod config;
mod connections;
mod dead_letter;
pub mod documents;
mod envelope;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod miners;
mod offsets;
mod oracle;
mod parse;
mod prices;
mod raw;
mod render;
mod signals;
pub mod sim;
mod sinks;
mod spout;
mod state;
#[cfg(test)]
mod testing;
mod time;
mod topics;
mod transactions;
mod volume;
mod wiring;

pub use archive::ArchiveConfig;
#[cfg(feature = "archive")]
pub use archive::{ArchiveOptions, archive, archive_engine};
pub use config::{ConfigError, TopologyConfig};
pub use connections::Connections;
pub use health::{Health, WriteCounts};
pub use signals::FeedOver;
pub use spout::{LogSpout, LogSpoutOptions, ProcessingGuarantee, SpoutAssignment};
pub use state::StoredState;
pub use topics::{
    BLOCKS, BPI, DEAD_LETTERS, DOCUMENTS, TOPICS, TRANSACTIONS, create_documents_topic, create_topics,
    topic_options,
};
pub use wiring::{SECONDARY_SPOUT, bitcoin};
