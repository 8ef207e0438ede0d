//! The log and the index, each behind one small trait.

pub mod conformance;
pub mod embedded;
mod index;
mod log;

pub use crate::embedded::{EmbeddedConfig, EmbeddedStore, OpenError, StateChange, StateError, Synchronous};
pub use crate::index::{Document, Index, IndexError, Outcome, Range, StoredDocument};
pub use crate::log::{
    ConsumerOptions, Lag, Log, LogConsumer, LogError, Message, Position, Record, TopicOptions,
};
