//! A spout whose source gives the same messages at the same positions again, as exactly-once bolts ask for.

use std::collections::VecDeque;

use trombe::{Failure, Next, Position, Spout, SpoutEmitter, TaskContext};

use crate::source::Source;

/// The bits of an id that are the offset; those above are the partition.
const OFFSET_BITS: u32 = 48;

/// Gives out what a source has, each task as a partition, as fast as the topology takes it.
pub(crate) struct Positioned<S> {
    source: S,
    partition: u64,
    /// The source's ids of the messages from `first` on; `None`: it is done.
    open: VecDeque<Option<u64>>,
    first: u64,
}

impl<S> Positioned<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, partition: 0, open: VecDeque::new(), first: 0 }
    }

    fn at(&self, id: u64) -> usize {
        usize::try_from(position(id).offset - self.first).unwrap_or(usize::MAX)
    }
}

fn position(id: u64) -> Position {
    let partition = u32::try_from(id >> OFFSET_BITS).unwrap_or(u32::MAX);
    Position { partition, offset: id & ((1 << OFFSET_BITS) - 1) }
}

impl<S: Source> Spout for Positioned<S> {
    type Item = S::Item;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.partition = (context.task as u64) << OFFSET_BITS;
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<S::Item>) -> Result<Next, Failure> {
        for _ in 0..out.room() {
            let Some((id, item)) = self.source.next() else { return Ok(Next::Exhausted) };
            out.emit(self.partition | (self.first + self.open.len() as u64), item);
            self.open.push_back(Some(id));
        }
        Ok(Next::Emitted)
    }

    fn ack(&mut self, id: u64) {
        let at = self.at(id);
        self.open[at] = None;
        while self.open.front() == Some(&None) {
            self.open.pop_front();
            self.first += 1;
        }
    }

    fn replay(&mut self, id: u64) -> Result<Option<S::Item>, Failure> {
        let id = self.open[self.at(id)];
        Ok(id.map(|id| self.source.again(id)))
    }

    fn positions() -> Option<fn(u64) -> Position> {
        Some(position)
    }

    fn replay_from(&self, _partition: u32) -> u64 {
        self.first
    }
}
