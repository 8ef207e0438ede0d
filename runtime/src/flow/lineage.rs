//! Telling a tuple that is given again from one that is new: where its root stands in its source, and by which way it descends from it.

use super::fragment::Batch;
use crate::grouping::GroupingKind;
use crate::key::key_hash;
use crate::topology::plan::{Plan, PlanComponent};

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
/// Every other turn (the component and the stream, or the place of the edge among a component's inputs, or which copy it is of a tuple that
/// went to several tasks) is mixed in, and the number of the emission is added, so that the paths of what is made of a tuple come in order.
/// A topology has no cycles, so the turns on a way say which way it is.
pub(crate) type Path = u64;

/// The path of the spout's own tuples.
pub(crate) const ROOT: Path = 0;

/// Adds the paths of `count` tuples that are emitted to a stream for a tuple.
pub(crate) fn emitted(parent: Path, component: u64, stream: usize, count: usize, paths: &mut Vec<Path>) {
    let mut ordinals = 0..count as u64;
    if stream == 0 && ordinals.next().is_some() {
        paths.push(parent);
    }
    if !ordinals.is_empty() {
        let first = key_hash(&(parent, component, stream));
        paths.extend(ordinals.map(|ordinal| first.wrapping_add(ordinal)));
    }
}

/// How the emissions of a task get their paths.
#[derive(Clone, Debug)]
pub(crate) struct Numbering {
    /// The hash of the component's name.
    pub(crate) component: u64,
    pub(crate) first_edge: usize,
    /// What an input mixes in; zero: nothing.
    turns: Vec<u64>,
    /// The path of the tuple at work.
    pub(crate) parent: Path,
}

impl Numbering {
    /// Of that task.
    pub(crate) fn of(plan: &Plan, component: usize, task: usize) -> Self {
        let first_edge = plan.components[..component].iter().map(|component| component.inputs.len()).sum();
        let PlanComponent { name, inputs, .. } = &plan.components[component];
        let turns = inputs.iter().enumerate().map(|(place, input)| match input.grouping {
            // Copies of a tuple come to several tasks, and what each makes of its own is something else.
            GroupingKind::All => (task as u64 + 1) << 32 | place as u64,
            _ => place as u64,
        });
        Self { component: key_hash(name), first_edge, turns: turns.collect(), parent: ROOT }
    }

    /// The path of a tuple of a batch that has come by that edge; a batch without paths is of the spout's own tuples.
    pub(crate) fn arrived<T>(&self, batch: &Batch<T>, at: usize, edge: usize) -> Path {
        let path = batch.paths.get(at).copied().unwrap_or(ROOT);
        match self.turns[edge - self.first_edge] {
            0 => path,
            turn => key_hash(&(path, self.component, turn)),
        }
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
