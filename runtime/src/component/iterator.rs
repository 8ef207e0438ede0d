//! What `Topology::spout` accepts: factories of spouts, and plain iterators.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spout::{Next, Spout, SpoutEmitter};
use crate::failure::Failure;
use crate::flow::flight::unpoisoned;
use crate::flow::lineage::Position;
use crate::sync::Mutex;

/// Makes one instance a task.
pub(crate) type Factory<C> = Arc<dyn Fn() -> C + Send + Sync>;

/// Anything [`Topology::spout`](crate::Topology::spout) takes: a factory (`Fn() -> impl Spout`), or something to iterate over.
///
/// The marker `M` tells the two apart and is never written out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a factory of a `Spout` nor an iterator of `Clone` items",
    label = "give a function that makes a spout, or an iterator"
)]
pub trait IntoSpout<M> {
    /// The spout that it makes.
    type Spout: Spout;

    /// The factory of the spout.
    fn into_factory(self) -> Arc<dyn Fn() -> Self::Spout + Send + Sync>;
}

/// Marks factories; see [`IntoSpout`].
#[derive(Debug)]
pub struct FromFactory(());

/// Marks iterators; see [`IntoSpout`].
#[derive(Debug)]
pub struct FromIterator(());

impl<F, S> IntoSpout<FromFactory> for F
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Spout,
{
    type Spout = S;

    fn into_factory(self) -> Arc<dyn Fn() -> S + Send + Sync> {
        Arc::new(self)
    }
}

impl<I> IntoSpout<FromIterator> for I
where
    I: IntoIterator,
    I::IntoIter: Send + 'static,
    I::Item: Clone + Send + 'static,
{
    type Spout = IteratorSpout<I::IntoIter>;

    fn into_factory(self) -> Arc<dyn Fn() -> Self::Spout + Send + Sync> {
        let source = Mutex::new(Source { items: self.into_iter(), next_id: 0, orphans: Vec::new() });
        let source = Arc::new(source);
        Arc::new(move || IteratorSpout { source: Arc::clone(&source), out: BTreeMap::new() })
    }
}

/// Emits the items of an iterator that all tasks share, and keeps each until it is done.
#[derive(Debug)]
pub struct IteratorSpout<I: Iterator> {
    source: Arc<Mutex<Source<I>>>,
    out: BTreeMap<u64, I::Item>,
}

#[derive(Debug)]
struct Source<I: Iterator> {
    items: I,
    next_id: u64,
    /// Items of a task that was dropped before they were done; whoever comes next emits them again.
    orphans: Vec<(u64, I::Item)>,
}

impl<I: Iterator> Source<I> {
    fn next(&mut self) -> Option<(u64, I::Item)> {
        let item = self.items.next()?;
        self.next_id += 1;
        Some((self.next_id - 1, item))
    }
}

impl<I> Spout for IteratorSpout<I>
where
    I: Iterator + Send + 'static,
    I::Item: Clone + Send + 'static,
{
    type Item = I::Item;

    fn next(&mut self, out: &mut SpoutEmitter<I::Item>) -> Result<Next, Failure> {
        let mut source = unpoisoned(&self.source);
        while out.room() > 0 {
            let Some((id, item)) = source.orphans.pop().or_else(|| source.next()) else {
                return Ok(Next::Exhausted);
            };
            self.out.insert(id, item.clone());
            out.emit(id, item);
        }
        Ok(Next::Emitted)
    }

    fn ack(&mut self, id: u64) {
        self.out.remove(&id);
    }

    fn replay(&mut self, id: u64) -> Result<Option<I::Item>, Failure> {
        Ok(self.out.get(&id).cloned())
    }

    /// An item's place: with state that outlives the process, the iterator must be one that begins again in the same way.
    fn positions() -> Option<fn(u64) -> Position> {
        Some(|id| Position { partition: 0, offset: id })
    }
}

impl<I: Iterator> Drop for IteratorSpout<I> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.out);
        unpoisoned(&self.source).orphans.extend(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item_of<M, S: IntoSpout<M>>(_: &S) -> &'static str {
        std::any::type_name::<<S::Spout as Spout>::Item>()
    }

    #[test]
    fn iterators_and_factories_are_told_apart() {
        let factory = || vec![1_u8].into_factory_for_test();
        assert_eq!(item_of(&vec![1_u8]), "u8");
        assert_eq!(item_of(&(0..3_u64)), "u64");
        assert_eq!(item_of(&factory), "u8");
    }

    trait ForTest: Sized {
        fn into_factory_for_test(self) -> IteratorSpout<std::vec::IntoIter<u8>>;
    }

    impl ForTest for Vec<u8> {
        fn into_factory_for_test(self) -> IteratorSpout<std::vec::IntoIter<u8>> {
            (IntoSpout::<FromIterator>::into_factory(self))()
        }
    }

    #[test]
    fn a_dropped_task_leaves_its_items_to_the_next() {
        let make = vec![1, 2, 3].into_factory();
        let mut first = make();
        first.out.insert(0, 7);
        drop(first);
        assert_eq!(unpoisoned(&make().source).orphans, [(0, 7)]);
    }
}
