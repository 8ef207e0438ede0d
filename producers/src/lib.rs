//! The daemons that carry a feed into the log.
//!
//! * [`bpi()`] polls price sources, one or several, and falls over between them.
//! * [`blockchain()`] holds the websockets of the chain feeds, and fetches by HTTP what they missed.
//! * [`feed()`] runs any [`Feed`]: those two live, the generated sample, a recording, or raw blocks.
//! * [`record()`] writes the live feeds to files that `feed` can read.
//!
//! All of them write each message **as it was received**, under its natural key, through one bounded buffer
//! that stops the reading while the log is away. Understanding the messages is left to the topology, so that
//! a better parser can be run over the old log; a producer looks into a message only for its key, and into a
//! price to tell a frozen or absurd one. The cost is a second parse of a few fields.
//!
//! The topics must exist: whoever reads the log decides how it is laid out and how long it is kept.
//!
//! A feed that is not live is a pure function of its input: the sample of its seed and the minute, a recording
//! and raw blocks of their files. A second run appends equal messages under equal keys.
//!
//! # Layout
//!
//! `config` and `progress` are the face; `outbox` is the way into the log; `http`, `websocket` and `tls` are the way to the
//! providers; `bpi`, `blockchain`, `feed` and `record` are one module a daemon.

mod backoff;
mod blockchain;
mod bpi;
mod config;
mod error;
mod feed;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod live;
mod message;
mod outbox;
mod progress;
mod random;
mod record;
mod shutdown;
mod tls;

pub use config::{
    BackoffConfig, BlockchainConfig, BpiConfig, ChainProvider, ChainSource, ConfigError, HttpConfig,
    OutboxConfig, PriceProvider, PriceSource, ProducersConfig, RecordConfig, SampleConfig,
};
pub use error::ProduceError;
pub use feed::{Feed, FeedOptions, Run, Speed, feed};
pub use live::{blockchain, bpi};
pub use message::{DEAD_LETTER_RAW_BYTES_MAX, Event, FeedKind, Topic};
pub use progress::{Progress, SourceState, Summary};
pub use record::record;
