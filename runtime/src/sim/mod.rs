//! Simulation: one's own topology in a made-up world, in which everything goes wrong, again and again, from a seed.
//!
//! A [`Simulation`] runs the very tasks that the threaded executor runs, on one thread, in an order drawn from the seed, in a time of its
//! own: hours pass in milliseconds. [`Fault`]s strike: bolts fail and panic, tasks are slow, answers are late or lost, the
//! process dies and comes back with another number of tasks and with just the state that it was promised. In the end the check
//! says whether what the topology has left behind is right. A seed that fails is printed, fails again whenever it is run, and is made
//! small: fewer messages, fewer faults.
//!
//! ```
//! use std::sync::Arc;
//! use trombe::sim::{Simulation, World};
//! use trombe::{Anchors, DeferredBolt, Emitter, Failure, Keyed, Nothing, Topology, Tuple};
//!
//! const WORDS: [&str; 6] = ["to", "be", "or", "not", "to", "be"];
//!
//! /// Counts each word of the text once, however often it comes by, and acks it when the count is durable.
//! struct Count { seen: Keyed<bool>, waiting: Anchors }
//!
//! impl DeferredBolt for Count {
//!     type In = (usize, &'static str);
//!     type Out = Nothing;
//!
//!     fn execute(&mut self, tuple: Tuple<Self::In>, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
//!         let (place, word) = *tuple.value();
//!         self.seen.put(format!("{word}:{place}"), true);
//!         self.waiting.add(tuple.into());
//!         Ok(())
//!     }
//!
//!     fn flush(&mut self, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
//!         self.seen.flush()?;
//!         self.waiting.take().ack();
//!         Ok(())
//!     }
//! }
//!
//! fn word_count(world: &World) -> Topology {
//!     let topology = Topology::new("word-count");
//!     let state = world.state(); // survives the process
//!     let words = topology.spout("words", WORDS.into_iter().enumerate());
//!     let count = move || Count { seen: Keyed::new(Arc::clone(&state), "seen", 100), waiting: Anchors::new() };
//!     words.by(|(_, word)| *word).tasks(world.tasks(2)).deferred("count", count).end();
//!     topology
//! }
//!
//! let report = Simulation::new("word-count", word_count)
//!     .check(|world| {
//!         let mut counted = 0;
//!         world.state().scan("seen", b"to:", &mut |_, _| counted += 1).map_err(|error| error.to_string())?;
//!         if counted == 2 { Ok(()) } else { Err(format!("`to` was counted {counted} times")) }
//!     })
//!     .seeds(0..20)
//!     .run();
//! assert!(report.is_ok(), "{report}");
//! ```
//!
//! # What is checked
//!
//! Besides the user's check, in every run: on every edge nothing is ended that was not emitted, and what lies in queues and hands is in
//! the books; nothing panics but what was made to; and nothing starves: without a fault there is no half hour of the
//! world's time, and there are no 200,000 rounds of all tasks, in which no tuple is acked.
//!
//! # What it cannot show
//!
//! One thread steps all tasks, so a race between two threads inside a queue does not happen here: that is for model checkers. A step is not
//! interrupted, but for writes to what is outside, in which a process may die. Code that reads the machine's clock or its
//! randomness is not repeated exactly; a topology's own must take both from its [`World`].

mod fault;
mod faulty;
mod plan;
mod process;
mod report;
mod seed;
mod shrink;
mod simulation;
mod state;
mod world;

pub use fault::{Fault, StrikeId, StrikeIdError};
pub(crate) use faulty::Faulty;
pub use plan::Chance;
pub(crate) use process::{Ending, Process};
pub use report::{Report, SeedFailure, Smallest};
pub use simulation::Simulation;
pub use world::{Struck, World};

/// The simulator's own locks are never contended by the engine's threads, so they are no concern of its model checks.
fn unpoisoned<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
