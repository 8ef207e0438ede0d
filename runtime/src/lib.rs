//! A Storm-style topology runtime: spouts, bolts, tracked tuples.
//!
//! A *topology* is wired from *spouts*, where tuples begin, and *bolts*, which make new tuples of them, joined by *streams* under
//! *groupings*. Streams are typed, so a wrong edge does not compile. Every tuple that a spout emits is tracked until everything made
//! from it is done: then the spout is told by `ack`; if any of it fails, the spout gives that one tuple again.
//!
//! ```
//! use std::collections::HashMap;
//! use trombe::{Bolt, Emitter, Topology};
//!
//! fn main() -> trombe::Result {
//!     let topology = Topology::new("word-count");
//!     let lines = topology.spout("lines", ["the cow jumped over the moon", "an apple a day"]);
//!     let words = lines.shuffle().flat_map("split", |line| line.split(' '));
//!     let counts = words.by(|word| *word).tasks(4).bolt("count", Count::default);
//!     counts.global().for_each("print", |(word, count)| println!("{word}: {count}"));
//!     topology.run_local()?;
//!     Ok(())
//! }
//!
//! #[derive(Default)]
//! struct Count(HashMap<&'static str, u64>);
//!
//! impl Bolt for Count {
//!     type In = &'static str;
//!     type Out = (&'static str, u64);
//!
//!     fn execute(&mut self, word: &'static str, out: &mut Emitter<Self::Out>) -> trombe::Result {
//!         let count = self.0.entry(word).or_default();
//!         *count += 1;
//!         out.emit((word, *count));
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # The decision
//!
//! Tuples are tracked by *flights*. The tuples that leave a spout in one step share one tracker, and every batch of their descendants
//! holds a share of it; when the last share is dropped, the flight has landed and its tuples are acked. So success costs nothing per
//! tuple, and whatever is lost on the way cannot pass for done: a batch, a held tuple or a whole task that is dropped fails what it has.
//! A failure is reported at once, names its tuple, and replays that tuple alone.
//!
//! The price: a good tuple is acked with its flight, so together with the slowest of at most `batch_count_max` neighbours. At low rates a
//! flight is a tuple or two, and there is nothing to notice.
//!
//! # What runs where
//!
//! Workers are threads, as many as there are cores; each steps its tasks in turn and sleeps when none has anything to do. Every worker
//! gets as many executors as the others, give or take one, and a bolt with a single one comes to its producer's worker as far as that
//! allows. A task never blocks: when a queue before it is full, it keeps what it could not send and is not stepped until there is
//! space, which holds up whoever feeds it, back to the spouts. Asynchronous spouts and sinks run on tokio, beside the workers.
//!
//! # What is absent
//!
//! - No cluster: one process. To scale beyond a machine, read a partitioned log with several processes.
//! - No acker tasks, no message ids in tuples, no serialisation between tasks.
//! - No timeouts of queued tuples, unless asked for: nothing gets lost inside a process, so only a tuple that a [`DeferredBolt`] holds can
//!   be forgotten. Storm's fixed [`message_timeout_ms`](Config::message_timeout_ms) is there by its name.
//! - No unbounded queue, and no queue that drops.
//!
//! # Where to begin
//!
//! [`Topology`] and [`Stream`] for the wiring; [`Spout`], [`Bolt`], [`DeferredBolt`], [`AsyncSpout`] and [`AsyncSink`] for components;
//! [`Config`] for limits; [`testing`] for tests without threads or sleeps; [`sim`] for days of faults in a second; [`Keyed`]
//! for state.

#![forbid(unsafe_code)]

// The README's program is compiled and run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod clock;
mod component;
mod config;
mod emitter;
mod error;
mod executor;
mod failure;
mod flow;
#[doc(hidden)]
pub mod fuzzing;
mod grouping;
mod key;
mod metrics;
mod order;
mod retry;
mod rng;
mod route;
pub mod sim;
mod state;
mod sync;
mod task;
pub mod testing;
mod topology;
mod tuple;

pub use clock::Clock;
pub use component::async_spout::AsyncSpout;
pub use component::bolt::{Bolt, StreamId, Streams};
pub use component::closures::Nothing;
pub use component::context::{TaskContext, TaskWaker};
pub use component::dead_letter::DeadLetter;
pub use component::deferred::DeferredBolt;
pub use component::iterator::{FromFactory, FromIterator, IntoSpout, IteratorSpout};
pub use component::sink::{AsyncSink, SinkLimits};
pub use component::spout::{Next, Spout, SpoutEmitter};
pub use component::stateful::{Guarantee, StatefulBolt};
pub use config::{Config, ConfigError};
pub use emitter::{Anchored, Emitter};
pub use error::{EndError, PlanError, RunError, StartError};
pub use executor::{Observer, Running, Summary, Unfinished};
pub use failure::{Autopsy, Failure, FailureKind, Result};
pub use flow::lineage::Position;
pub use grouping::{CustomGrouping, GroupingKind};
pub use key::{KEY_GROUPS, KeyHasher, groups_of_task, key_group, key_hash, task_of_group};
pub use metrics::snapshot::{ComponentSnapshot, EdgeSnapshot, Snapshot};
pub use metrics::state::StateSnapshot;
pub use state::{Keyed, MemoryStore, StateChange, StateError, StateErrorKind, StateStore, stored_state};
pub use topology::plan::{ComponentKind, Plan, PlanComponent, PlanInput};
pub use topology::{Input, SpoutOptions, Stream, Topology};
pub use tuple::{Anchor, Anchors, Tuple};
