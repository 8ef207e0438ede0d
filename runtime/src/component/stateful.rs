//! Bolts whose state the engine keeps.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bolt::Streams;
use super::context::TaskContext;
use crate::emitter::Emitter;
use crate::failure::Failure;

/// A bolt with state by key, which the engine restores, snapshots and moves with the keys.
///
/// It reads an input grouped by key ([`Stream::by`](crate::Stream::by)); each key has a state of its own, the default for a key that never
/// came by. A tuple's work is in two parts: [`update`](Self::update) is its effect, and [`emit`](Self::emit) says what is to be known of it.
/// Each task writes what has changed every `snapshot_interval_ms` in one atomic [`apply`](crate::StateStore::apply), on another
/// thread, while it goes on; a tuple is acked when the write that holds its effect is durable (see [`Guarantee`]).
///
/// ```
/// use trombe::{Emitter, Failure, StatefulBolt, Topology};
///
/// struct Count;
///
/// impl StatefulBolt for Count {
///     type In = &'static str;
///     type State = u64;
///     type Out = (&'static str, u64);
///
///     fn update(&mut self, count: &mut u64, _word: &Self::In) -> Result<(), Failure> {
///         *count += 1;
///         Ok(())
///     }
///
///     fn emit(&mut self, count: &u64, word: Self::In, out: &mut Emitter<Self::Out>) -> Result<(), Failure> {
///         out.emit((word, *count));
///         Ok(())
///     }
/// }
///
/// let topology = Topology::new("word-count");
/// let words = topology.spout("words", ["to", "be", "or", "not", "to", "be"]);
/// let counts = words.by(|word| *word).tasks(2).stateful("count", || Count);
/// counts.global().for_each("print", |(word, count)| println!("{word}: {count}"));
/// # topology.run_local()?;
/// # Ok::<(), trombe::RunError>(())
/// ```
pub trait StatefulBolt: Send + 'static {
    /// What it reads.
    type In: Send + 'static;
    /// What is kept for a key. Stored as JSON, so a field added later reads as its default. It is cloned for each update.
    type State: Clone + Default + Serialize + DeserializeOwned + Send + 'static;
    /// What it emits.
    type Out: Send + 'static;

    /// Names the further streams that [`Emitter::emit_to`] emits to.
    fn declare(streams: &mut Streams)
    where
        Self: Sized,
    {
        let _ = streams;
    }

    /// Called once before anything else. An error keeps the topology from starting.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let _ = context;
        Ok(())
    }

    /// The effect of a tuple on the state of its key. After an error or a panic the state is what it was before.
    fn update(&mut self, state: &mut Self::State, tuple: &Self::In) -> Result<(), Failure>;

    /// Emits what others should know, anchored to the tuple; `state` is that of the tuple's key, after the update.
    ///
    /// A tuple whose effect is kept already comes here without an update when it is given again, as something made from it was
    /// lost. The state may have moved on since, so what is emitted should state how things are ("five so far") and not what
    /// has changed ("one more"). Nothing is emitted without an implementation.
    fn emit(
        &mut self,
        state: &Self::State,
        tuple: Self::In,
        out: &mut Emitter<Self::Out>,
    ) -> Result<(), Failure> {
        let _ = (state, tuple, out);
        Ok(())
    }

    /// Called once at shutdown, after the last tuple.
    fn cleanup(&mut self) {}
}

/// What is promised of a tuple's effect on the state of a stateful bolt, whatever crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// The tuple is acked at once and nothing made from it is waited for: a crash loses what was not written yet.
    ///
    /// The bolt never causes a replay, but does not refuse one either: a spout that gives a tuple twice has it counted twice.
    AtMostOnce,
    /// The tuple is acked when its effect is durable. One that is given again has its effect again.
    AtLeastOnce,
    /// Which tuples had their effect is written together with the effects; one that is given again has none.
    ///
    /// A tuple is known by the place of its root in the spout's source and by the way it descends from it. So every spout
    /// upstream must have [positions](crate::Spout::positions), and the bolts on the way must emit the same tuples in the same order for
    /// the same input. Deferred bolts, whose output descends from many tuples, at-most-once bolts, and direct and custom groupings
    /// cannot stand upstream.
    /// Tuples emitted on a tick or untracked have no source: they are never given again, and take effect each.
    ExactlyOnce,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtMostOnce => "at most once",
            Self::AtLeastOnce => "at least once",
            Self::ExactlyOnce => "exactly once",
        })
    }
}
