//! Groupings: which of a consumer's tasks get a tuple.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::key::key_hash;
use crate::rng::Rng;
use crate::state::KeyBytes;

/// Storm's stream groupings, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupingKind {
    /// Every task gets the same number of tuples, give or take one, from each emitting task.
    Shuffle,
    /// Shuffle among the tasks on the emitting task's thread, or among all if there are none.
    LocalOrShuffle,
    /// Fields grouping: equal keys go to the same task.
    Key,
    /// Equal keys go to one of two tasks, whichever got fewer.
    PartialKey,
    /// Every task gets every tuple.
    All,
    /// The first task gets everything.
    Global,
    /// Tuples go anywhere: a task drawn at random for each.
    None,
    /// The emitting component names the task.
    Direct,
    /// A [`CustomGrouping`] decides.
    Custom,
}

impl fmt::Display for GroupingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shuffle => "shuffle",
            Self::LocalOrShuffle => "local-or-shuffle",
            Self::Key => "key",
            Self::PartialKey => "partial-key",
            Self::All => "all",
            Self::Global => "global",
            Self::None => "none",
            Self::Direct => "direct",
            Self::Custom => "custom",
        })
    }
}

/// A grouping of one's own. Each emitting task has its own clone.
pub trait CustomGrouping<T>: Send {
    /// Called once, before any tuple, with the number of consuming tasks.
    fn prepare(&mut self, tasks: usize);

    /// Adds the tasks (below the number given to `prepare`) that get the tuple; a tuple that goes to none is done.
    fn choose(&mut self, tuple: &T, tasks: &mut Vec<usize>);
}

/// The keys of tuples.
pub(crate) trait Keys<T>: Send + Sync {
    /// Hashes keys batch by batch, so that the dynamic call is not paid per tuple.
    fn hash(&self, items: &[T], hashes: &mut Vec<u64>);

    /// Writes the key as a state store has it.
    fn write(&self, item: &T, key: &mut KeyBytes);
}

/// Keys that are part of their tuples.
pub(crate) struct Part<F, K: ?Sized>(F, PhantomData<fn(&K)>);

/// Keys that are computed.
pub(crate) struct Computed<F, K>(F, PhantomData<fn() -> K>);

impl<F, K: ?Sized> Part<F, K> {
    pub(crate) fn new(key: F) -> Self {
        Self(key, PhantomData)
    }
}

impl<F, K> Computed<F, K> {
    pub(crate) fn new(key: F) -> Self {
        Self(key, PhantomData)
    }
}

impl<T, K, F> Keys<T> for Part<F, K>
where
    K: Hash + ?Sized,
    F: Fn(&T) -> &K + Send + Sync,
{
    fn hash(&self, items: &[T], hashes: &mut Vec<u64>) {
        hashes.extend(items.iter().map(|item| key_hash((self.0)(item))));
    }

    fn write(&self, item: &T, key: &mut KeyBytes) {
        key.set((self.0)(item));
    }
}

impl<T, K, F> Keys<T> for Computed<F, K>
where
    K: Hash,
    F: Fn(&T) -> K + Send + Sync,
{
    fn hash(&self, items: &[T], hashes: &mut Vec<u64>) {
        hashes.extend(items.iter().map(|item| key_hash(&(self.0)(item))));
    }

    fn write(&self, item: &T, key: &mut KeyBytes) {
        key.set(&(self.0)(item));
    }
}

type MakeCustom<T> = Arc<dyn Fn() -> Box<dyn CustomGrouping<T>> + Send + Sync>;
pub(crate) type Clone1<T> = fn(&T) -> T;

/// A grouping as wired, from which each emitting task makes its own [`Selector`].
pub(crate) enum Grouping<T> {
    Shuffle,
    LocalOrShuffle,
    Key(Arc<dyn Keys<T>>),
    PartialKey(Arc<dyn Keys<T>>),
    All(Clone1<T>),
    Global,
    None,
    Direct,
    Custom(MakeCustom<T>, Clone1<T>),
}

impl<T> Grouping<T> {
    pub(crate) fn kind(&self) -> GroupingKind {
        match self {
            Self::Shuffle => GroupingKind::Shuffle,
            Self::LocalOrShuffle => GroupingKind::LocalOrShuffle,
            Self::Key(_) => GroupingKind::Key,
            Self::PartialKey(_) => GroupingKind::PartialKey,
            Self::All(_) => GroupingKind::All,
            Self::Global => GroupingKind::Global,
            Self::None => GroupingKind::None,
            Self::Direct => GroupingKind::Direct,
            Self::Custom(..) => GroupingKind::Custom,
        }
    }

    /// The keys by which equal tuples go to the same task.
    pub(crate) fn keys(&self) -> Option<Arc<dyn Keys<T>>> {
        match self {
            Self::Key(keys) => Some(Arc::clone(keys)),
            _ => None,
        }
    }

    /// `local`: the consuming tasks that run on the emitting task's thread.
    pub(crate) fn selector(&self, tasks: usize, local: &[usize], mut rng: Rng) -> Selector<T> {
        match self {
            Self::Shuffle => Selector::Rotate(Rotation::new((0..tasks).collect(), &mut rng)),
            Self::LocalOrShuffle if local.is_empty() => {
                Selector::Rotate(Rotation::new((0..tasks).collect(), &mut rng))
            }
            Self::LocalOrShuffle => Selector::Rotate(Rotation::new(local.to_vec(), &mut rng)),
            Self::Key(keys) => Selector::Key(Arc::clone(keys)),
            Self::PartialKey(keys) => Selector::PartialKey(Arc::clone(keys), vec![0; tasks]),
            Self::All(clone) => Selector::All(*clone),
            Self::Global => Selector::First,
            Self::None => Selector::Random(rng),
            Self::Direct => Selector::Direct,
            Self::Custom(make, clone) => {
                let mut custom = make();
                custom.prepare(tasks);
                Selector::Custom(custom, *clone)
            }
        }
    }
}

/// One emitting task's grouping over one edge.
pub(crate) enum Selector<T> {
    Rotate(Rotation),
    Key(Arc<dyn Keys<T>>),
    /// With the number of tuples sent to each task.
    PartialKey(Arc<dyn Keys<T>>, Vec<u64>),
    All(Clone1<T>),
    First,
    Random(Rng),
    Direct,
    Custom(Box<dyn CustomGrouping<T>>, Clone1<T>),
}

/// Storm's shuffle: the tasks in an order drawn once, round and round.
///
/// A batch is cut into one run a task instead of being dealt tuple by tuple: the counts are the same, the runs are cheaper to move.
#[derive(Debug)]
pub(crate) struct Rotation {
    order: Vec<usize>,
    next: usize,
}

impl Rotation {
    fn new(mut order: Vec<usize>, rng: &mut Rng) -> Self {
        rng.shuffle(&mut order);
        Self { order, next: 0 }
    }

    /// Cuts `len` tuples into runs, one a task, and turns as far as round robin would.
    pub(crate) fn cut(&mut self, len: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let (first, tasks) = (self.next, self.order.len());
        self.next = (first + len) % tasks;
        let (each, more) = (len / tasks, len % tasks);
        let mut start = 0;
        (0..tasks).map_while(move |turn| {
            let end = start + each + usize::from(turn < more);
            let run = start..end;
            start = end;
            (!run.is_empty()).then(|| (self.order[(first + turn) % tasks], run))
        })
    }
}

/// Storm's partial key grouping: the key's hash names two different tasks, and the one that got fewer tuples gets this one.
pub(crate) fn partial_key(hash: u64, sent: &mut [u64]) -> usize {
    let tasks = sent.len();
    let mut rng = Rng::new(hash);
    let first = rng.index(tasks);
    let second = if tasks > 1 { (first + 1 + rng.index(tasks - 1)) % tasks } else { first };
    let chosen = if sent[second] < sent[first] { second } else { first };
    sent[chosen] += 1;
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn shuffle_is_exactly_even(tasks in 1_usize..12, batches in prop::collection::vec(0_usize..40, 0..40), seed: u64) {
            let mut rotation = Rotation::new((0..tasks).collect(), &mut Rng::new(seed));
            let mut counts = vec![0; tasks];
            for len in &batches {
                let mut covered = 0;
                for (task, run) in rotation.cut(*len) {
                    prop_assert_eq!(run.start, covered);
                    covered = run.end;
                    counts[task] += run.len();
                }
                prop_assert_eq!(covered, *len);
                let (min, max) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(max - min <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn a_partial_key_goes_to_two_tasks_at_most(tasks in 1_usize..12, hash: u64, n in 1_usize..200) {
            let mut sent = vec![0; tasks];
            (0..n).for_each(|_| { partial_key(hash, &mut sent); });
            let used: Vec<u64> = sent.into_iter().filter(|count| *count > 0).collect();
            prop_assert!(used.len() <= 2);
            prop_assert!(used.iter().max().unwrap() - used.iter().min().unwrap() <= u64::from(used.len() == 2) || used.len() == 1);
        }
    }
}
