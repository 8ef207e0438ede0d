//! Telling a tuple that is given again from one that is new: where its root stands in its source, and by which way it descends from it.

use super::fragment::Batch;
use crate::key::key_hash;

/// Where a spout's tuple stands in what the spout reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The part of the source; offsets of one part mean nothing in another.
    pub partition: u32,
    /// The place in it, counted upwards.
    pub offset: u64,
}

/// How a tuple descends from its root, as a number: the same whenever the root is given again, provided that the bolts on the way emit
/// the same tuples in the same order for the same input.
///
/// The first tuple that a bolt emits to its main stream for an input has the input's own path, and so has a tuple of a single input on its way.
/// Every other turn (the component, the stream and the number of the emission, or the place of the edge among a component's
/// inputs) is mixed in. A topology has no cycles, so the turns on a way say which way it is.
pub(crate) type Path = u64;

/// The path of the spout's own tuples.
pub(crate) const ROOT: Path = 0;

/// The path of what is emitted for a tuple.
pub(crate) fn emitted(parent: Path, component: u64, stream: usize, ordinal: usize) -> Path {
    if (stream, ordinal) == (0, 0) { parent } else { key_hash(&(parent, component, stream, ordinal)) }
}

/// The path of a tuple that has come over an edge; a batch without paths is of the spout's own tuples.
fn arrived(paths: &[Path], at: usize, component: u64, place: usize) -> Path {
    let path = paths.get(at).copied().unwrap_or(ROOT);
    if place == 0 { path } else { key_hash(&(path, component, place)) }
}

/// How the emissions of a task get their paths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    /// The hash of the component's name.
    pub(crate) component: u64,
    pub(crate) first_edge: usize,
    /// The path of the tuple at work.
    pub(crate) parent: Path,
}

impl Numbering {
    /// The path of a tuple of a batch that has come by that edge.
    pub(crate) fn arrived<T>(&self, batch: &Batch<T>, at: usize, edge: usize) -> Path {
        arrived(&batch.paths, at, self.component, edge - self.first_edge)
    }
}

/// What a batch carries of each tuple's path: nothing, where nobody asks.
pub(crate) trait Carried {
    fn carry(self, paths: &mut Vec<Path>);
}

impl Carried for () {
    #[inline]
    fn carry(self, _paths: &mut Vec<Path>) {}
}

impl Carried for Path {
    #[inline]
    fn carry(self, paths: &mut Vec<Path>) {
        paths.push(self);
    }
}
