//! Typed handles of streams.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use super::input::{Edge, Input};
use super::wiring::{InputSlot, Wiring};
use crate::component::bolt::StreamId;
use crate::component::dead_letter::{DeadLetter, dead_letters};
use crate::error::PlanError;
use crate::flow::flight::unpoisoned;
use crate::grouping::{Computed, CustomGrouping, Grouping, Part};
use crate::sync::Mutex;

/// A handle of the tuples that a component emits.
///
/// A grouping takes the handle and says how the tuples are dealt to the tasks of a consumer. A stream of several consumers is one whose
/// handle is cloned, which is possible when its tuples are: each consumer gets its own.
///
/// ```
/// # use trombe::Topology;
/// # let topology = Topology::new("doc");
/// let words = topology.spout("words", ["to", "be", "or", "not"]);
/// words.clone().shuffle().for_each("print", |word| println!("{word}"));
/// words.by(|word| *word).tasks(4).for_each("count", |_| ());
/// ```
#[must_use = "a stream without a consumer is a forgotten edge; end it on purpose by `.end()`"]
pub struct Stream<T> {
    wiring: Arc<Mutex<Wiring>>,
    component: usize,
    slot: usize,
    item: PhantomData<fn() -> T>,
}

impl<T: Send + 'static> Stream<T> {
    pub(crate) fn of(wiring: &Arc<Mutex<Wiring>>, component: usize) -> Self {
        Self { wiring: Arc::clone(wiring), component, slot: 0, item: PhantomData }
    }

    /// Deals tuples evenly to all tasks.
    pub fn shuffle(self) -> Input<T> {
        self.group(Grouping::Shuffle)
    }

    /// Deals tuples evenly to the tasks on the same thread if there are any, otherwise to all.
    ///
    /// Between components of equally many tasks no queue is needed: task `n` of one runs inside task `n` of the other.
    pub fn local_or_shuffle(self) -> Input<T> {
        self.group(Grouping::LocalOrShuffle)
    }

    /// Fields grouping: tuples of equal keys go to the same task. The key is a part of the tuple; for a computed one see
    /// [`by_key`](Self::by_key).
    pub fn by<K, F>(self, key: F) -> Input<T>
    where
        K: Hash + ?Sized + 'static,
        F: Fn(&T) -> &K + Send + Sync + 'static,
    {
        self.group(Grouping::Key(Arc::new(Part::new(key))))
    }

    /// Fields grouping by a key that is computed from the tuple.
    pub fn by_key<K, F>(self, key: F) -> Input<T>
    where
        K: Hash + 'static,
        F: Fn(&T) -> K + Send + Sync + 'static,
    {
        self.group(Grouping::Key(Arc::new(Computed::new(key))))
    }

    /// Tuples of equal keys go to one of two tasks, so that a frequent key does not swamp one task.
    pub fn partial_key<K, F>(self, key: F) -> Input<T>
    where
        K: Hash + ?Sized + 'static,
        F: Fn(&T) -> &K + Send + Sync + 'static,
    {
        self.group(Grouping::PartialKey(Arc::new(Part::new(key))))
    }

    /// Every task gets every tuple.
    pub fn all(self) -> Input<T>
    where
        T: Clone,
    {
        self.group(Grouping::All(T::clone))
    }

    /// The first task gets everything.
    pub fn global(self) -> Input<T> {
        self.group(Grouping::Global)
    }

    /// Any task will do: each tuple goes to one drawn at random.
    pub fn none(self) -> Input<T> {
        self.group(Grouping::None)
    }

    /// Only tuples of [`emit_direct`](crate::Emitter::emit_direct), to the task that is named there.
    pub fn direct(self) -> Input<T> {
        self.group(Grouping::Direct)
    }

    /// A grouping of one's own; each emitting task gets a clone of it.
    pub fn custom<G>(self, grouping: G) -> Input<T>
    where
        T: Clone,
        G: CustomGrouping<T> + Clone + Sync + 'static,
    {
        self.group(Grouping::Custom(Arc::new(move || Box::new(grouping.clone())), T::clone))
    }

    /// A further stream of the same component, which the component must declare.
    pub fn side<U: Send + 'static>(&self, stream: &StreamId<U>) -> Stream<U> {
        let slot = unpoisoned(&self.wiring).side::<U>(self.component, stream.name());
        Stream { wiring: Arc::clone(&self.wiring), component: self.component, slot, item: PhantomData }
    }

    /// Of a spout's stream: its tuples that are given up, because a bolt has rejected them or they have failed
    /// [`attempts_max`](crate::Config::attempts_max) times, each with its autopsy.
    ///
    /// A letter is a tuple like any other, which is replayed until all that is made of it is done; only then is the tuple itself given
    /// up. So what stores letters loses none. A letter that is rejected in its turn is not written about again.
    ///
    /// ```
    /// # use trombe::{Emitter, Failure, Topology};
    /// # let topology = Topology::new("doc");
    /// let numbers = topology.spout("numbers", ["1", "two", "3"]);
    /// numbers.dead_letters().shuffle().for_each("graveyard", |letter| {
    ///     assert_eq!((letter.item, letter.autopsy.component.as_str()), ("two", "parse"));
    /// });
    /// let parse = |text: &str, out: &mut Emitter<u64>| {
    ///     out.emit(text.parse().map_err(|_| Failure::reject(format!("`{text}` is no number")))?);
    ///     Ok(())
    /// };
    /// numbers.shuffle().closure("parse", parse).end();
    /// let summary = topology.run_local()?;
    /// assert_eq!((summary.acked, summary.given_up), (2, 1));
    /// # Ok::<(), trombe::RunError>(())
    /// ```
    pub fn dead_letters(&self) -> Stream<DeadLetter<T>> {
        let name = unpoisoned(&self.wiring).not_a_spout(self.component);
        if let Some(name) = name {
            unpoisoned(&self.wiring).mistake(PlanError::NoDeadLetters { name });
        }
        self.side(&dead_letters())
    }

    /// Nobody reads this stream, on purpose.
    pub fn end(self) {}

    fn group(self, grouping: Grouping<T>) -> Input<T> {
        let (from, stream, kind) = (self.component, self.slot, grouping.kind());
        let slot = InputSlot { from, stream, grouping: kind, has_keys: grouping.keys().is_some() };
        Input::new(self.wiring, Edge::new(slot, grouping))
    }
}

impl<T: Clone + Send + 'static> Clone for Stream<T> {
    fn clone(&self) -> Self {
        unpoisoned(&self.wiring).set_clone::<T>(self.component, self.slot, T::clone);
        Self { wiring: Arc::clone(&self.wiring), item: PhantomData, ..*self }
    }
}

impl<T> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (component, stream) = (self.component, self.slot);
        f.debug_struct("Stream")
            .field("component", &component)
            .field("stream", &stream)
            .finish_non_exhaustive()
    }
}
