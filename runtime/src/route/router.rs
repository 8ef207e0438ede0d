//! One edge of a task's stream.

use std::vec::Drain;

use super::Sink;
use crate::clock::Nanos;
use crate::flow::flight::{Lot, Root, Roots};
use crate::flow::fragment::Batch;
use crate::flow::lineage::Carried;
use crate::grouping::{Selector, partial_key};
use crate::key::{key_group, task_of_group};

/// One edge, seen from one emitting task.
pub(crate) struct Router<T> {
    selector: Selector<T>,
    lanes: Vec<Lane<T>>,
    hashes: Vec<u64>,
}

/// What is on its way to one task of the consumer.
struct Lane<T> {
    batch: Batch<T>,
    sink: Box<dyn Sink<T>>,
}

impl<T> Router<T> {
    /// `sinks`: one a task of the consumer.
    pub(crate) fn new(selector: Selector<T>, sinks: impl IntoIterator<Item = Box<dyn Sink<T>>>) -> Self {
        let lanes = sinks.into_iter().map(|sink| Lane { batch: Batch::default(), sink }).collect();
        Self { selector, lanes, hashes: Vec::new() }
    }

    pub(super) fn is_direct(&self) -> bool {
        matches!(self.selector, Selector::Direct)
    }

    pub(super) fn clear(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.batch.clear());
    }

    pub(super) fn push(&mut self, batch: &mut Batch<T>, lot: &Lot, now: Nanos) -> bool {
        if batch.is_empty() {
            return true;
        }
        let whole = match &mut self.selector {
            Selector::First => Some(0),
            Selector::Custom(..) => None,
            _ if self.lanes.len() == 1 => Some(0),
            _ => None,
        };
        if let Some(task) = whole {
            return self.lanes[task].sink.push(batch, lot.clone(), now);
        }
        self.deal(batch);
        self.send(lot, now)
    }

    /// Deals the batch to the lanes.
    fn deal(&mut self, batch: &mut Batch<T>) {
        let Self { selector, hashes, .. } = self;
        if let Selector::Key(keys) | Selector::PartialKey(keys, _) = selector {
            hashes.clear();
            keys.hash(&batch.items, hashes);
        }
        if batch.paths.is_empty() {
            self.deal_with(batch.items.drain(..), &batch.roots, std::iter::repeat(()));
        } else {
            self.deal_with(batch.items.drain(..), &batch.roots, batch.paths.drain(..));
        }
        batch.roots.clear();
    }

    fn deal_with<P: Carried + Copy>(
        &mut self,
        items: Drain<'_, T>,
        roots: &Roots,
        paths: impl Iterator<Item = P>,
    ) {
        let Self { selector, lanes, hashes } = self;
        let (tasks, count) = (lanes.len(), items.len());
        let mut tuples = items.zip(roots.iter().zip(paths));
        match selector {
            Selector::Rotate(rotation) => {
                for (task, run) in rotation.cut(count) {
                    let lane = &mut lanes[task].batch;
                    tuples.by_ref().take(run.len()).for_each(|(item, mark)| lane.push_with(item, mark));
                }
            }
            Selector::Key(_) => {
                for ((item, mark), hash) in tuples.zip(hashes) {
                    lanes[task_of_group(key_group(*hash), tasks)].batch.push_with(item, mark);
                }
            }
            Selector::PartialKey(_, sent) => {
                for ((item, mark), hash) in tuples.zip(hashes) {
                    lanes[partial_key(*hash, sent)].batch.push_with(item, mark);
                }
            }
            Selector::All(clone) => {
                for (item, mark) in tuples {
                    lanes[1..].iter_mut().for_each(|lane| lane.batch.push_with(clone(&item), mark));
                    lanes[0].batch.push_with(item, mark);
                }
            }
            Selector::Random(rng) => {
                tuples.for_each(|(item, mark)| lanes[rng.index(tasks)].batch.push_with(item, mark));
            }
            Selector::Custom(custom, clone) => {
                let mut chosen = Vec::new();
                for (item, mark) in tuples {
                    chosen.clear();
                    custom.choose(&item, &mut chosen);
                    if let Some((last, others)) = chosen.split_last() {
                        for task in others {
                            lanes[*task].batch.push_with(clone(&item), mark);
                        }
                        lanes[*last].batch.push_with(item, mark);
                    }
                }
            }
            // Both are dealt with by the callers.
            Selector::First | Selector::Direct => {}
        }
    }

    /// A task out of range panics, which fails the tuples as any mistake in a component does.
    pub(super) fn push_direct(
        &mut self,
        tuples: impl Iterator<Item = (usize, T, Root)>,
        lot: &Lot,
        now: Nanos,
    ) -> bool {
        tuples.for_each(|(task, item, root)| self.lanes[task].batch.push(item, root));
        self.send(lot, now)
    }

    fn send(&mut self, lot: &Lot, now: Nanos) -> bool {
        let mut open = true;
        for lane in self.lanes.iter_mut().filter(|lane| !lane.batch.is_empty()) {
            open &= lane.sink.push(&mut lane.batch, lot.clone(), now);
        }
        open
    }

    pub(super) fn unpark(&mut self, now: Nanos) -> bool {
        let mut open = true;
        for lane in &mut self.lanes {
            open &= lane.sink.unpark(now);
        }
        open
    }

    pub(super) fn close(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.sink.close());
    }

    /// How many tasks the consumer has.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }
}
