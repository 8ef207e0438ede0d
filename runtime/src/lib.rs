//! A Storm-style topology runtime: spouts, bolts, tracked tuples.
#![forbid(unsafe_code)]

mod clock;
mod component;
mod config;
mod emitter;
mod error;
mod executor;
mod failure;
mod flow;
mod grouping;
mod key;
mod metrics;
mod retry;
mod rng;
mod router;
mod state;
mod task;
pub mod testing;
mod topology;
mod tuple;

pub use clock::Clock;
pub use component::async_spout::AsyncSpout;
pub use component::bolt::{Bolt, StreamId, Streams};
pub use component::closures::Nothing;
pub use component::context::{TaskContext, TaskWaker};
pub use component::deferred::DeferredBolt;
pub use component::iterator::{FromFactory, FromIterator, IntoSpout, IteratorSpout};
pub use component::sink::{AsyncSink, SinkLimits};
pub use component::spout::{Next, Spout, SpoutEmitter};
pub use config::{Config, ConfigError};
pub use emitter::{Anchored, Emitter};
pub use error::{PlanError, StartError};
pub use executor::{Observer, Running, Summary, Unfinished};
pub use failure::{Autopsy, Failure, FailureKind, Result};
pub use grouping::{CustomGrouping, GroupingKind};
pub use key::{KEY_GROUPS, KeyHasher, groups_of_task, key_group, key_hash, task_of_group};
pub use metrics::snapshot::{ComponentSnapshot, EdgeSnapshot, Snapshot};
pub use state::{Keyed, MemoryStore, StateChange, StateError, StateStore};
pub use topology::plan::{ComponentKind, Plan, PlanComponent, PlanInput};
pub use topology::{Input, SpoutOptions, Stream, Topology};
pub use tuple::{Anchor, Anchors, Tuple};
