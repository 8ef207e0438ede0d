//! The log and the index, each behind one small trait.

pub mod conformance;
pub mod embedded;
mod index;
mod log;
mod partitioner;
mod wait;

pub use crate::embedded::{
    ConfigError, EmbeddedConfig, EmbeddedStore, OpenError, StateChange, StateError, Synchronous,
};
pub use crate::index::{Document, Index, IndexError, Outcome, Range, StoredDocument};
pub use crate::log::{
    ConsumerOptions, Lag, Log, LogConsumer, LogError, Message, Position, Record, TopicOptions,
};
pub use crate::partitioner::partition_of;
