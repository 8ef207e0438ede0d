//! The log, the index and the state, each behind one small trait.
//!
//! A dashboard keeps three kinds of data. The [`Log`] holds messages as they were received, in topics of partitions, as
//! Kafka does: producers append, consumer groups read and commit how far they came. The [`Index`] holds documents by id
//! with external versions, as Elasticsearch does: a write says which state it describes, so that it may be repeated. The
//! [`State`] holds what a topology knows, in the embedded store's file or in a compacted topic of Kafka.
//!
//! **The decision** is that producers and topologies see only these traits, and that the words and rules are those of
//! the servers: what runs on the one file of an [`EmbeddedStore`] runs unchanged on a cluster. **Its cost** is that the
//! embedded store keeps rules it has no need of itself, such as what a topic may be called. [`conformance`] holds every
//! implementation to the same promises.
//!
//! ```
//! use trombe_connectors::{ConsumerOptions, EmbeddedStore, Log, Message, TopicOptions};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = EmbeddedStore::open_in_memory()?;
//! store.create_topic("prices", &TopicOptions { partitions: 9, retention_ms: None }).await?;
//! let message = Message { value: "63,021.44".into(), ..Message::default() };
//! store.append("prices", vec![message.clone()]).await?;
//!
//! let mut consumer = store.consumer(ConsumerOptions::member("docs", &["prices"], 0, 1))?;
//! let mut records = Vec::new();
//! consumer.poll(100, 1 << 20, &mut records)?;
//! assert_eq!(records[0].message, message);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).map_err(|error| error.to_string())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acceptable;
#[cfg(feature = "archive")]
pub mod archive;
mod backoff;
pub mod conformance;
pub mod elasticsearch;
pub mod embedded;
mod index;
pub mod kafka;
pub mod kibana;
mod log;
mod partitioner;
mod secret;
pub mod simulated;
mod state;
mod wait;

pub use crate::elasticsearch::{ElasticsearchConfig, ElasticsearchConfigError, ElasticsearchIndex};
pub use crate::embedded::{ConfigError, EmbeddedConfig, EmbeddedStore, OpenError, Synchronous};
pub use crate::index::{Document, Index, IndexError, Outcome, Range, StoredDocument};
pub use crate::kafka::{
    Compression, KafkaConfig, KafkaConfigError, KafkaLog, KafkaSecurity, KafkaState, KafkaStateConfig,
    SaslMechanism, SecurityProtocol,
};
pub use crate::kibana::{Kibana, KibanaConfig, KibanaConfigError, KibanaError, ObjectName};
pub use crate::log::{
    Assignment, ConsumerOptions, IDENTITY_BYTES_MAX, Lag, Log, LogConsumer, LogError, Message, Position,
    Record, Revoked, Start, TopicOptions,
};
pub use crate::partitioner::partition_of;
pub use crate::secret::{Secret, SecretError};
pub use crate::simulated::{SimulatedIndex, SimulatedLog};
pub use crate::state::{State, StateChange, StateError};
