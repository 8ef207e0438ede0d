//! The unit of transport: some tuples of one flight, on their way over one edge.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flight::{Lot, Root, Roots};
use super::lineage::{Carried, Path};
use super::progress::{How, Place, Stay};
use crate::clock::Nanos;
use crate::failure::{Autopsy, Failure};

/// Tuples with their roots, as arrays of equal length.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(crate) items: Vec<T>,
    pub(crate) roots: Roots,
    /// Empty, or as long as the others: only where an exactly-once bolt is downstream.
    pub(crate) paths: Vec<Path>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { items: Vec::new(), roots: Roots::default(), paths: Vec::new() }
    }
}

impl<T> Batch<T> {
    #[inline]
    pub(crate) fn push(&mut self, item: T, root: Root) {
        self.items.push(item);
        self.roots.push(root);
    }

    /// As [`push`](Self::push), with what is carried of the tuple's path.
    #[inline]
    pub(crate) fn push_with(&mut self, item: T, (root, path): (Root, impl Carried)) {
        self.push(item, root);
        path.carry(&mut self.paths);
    }

    pub(crate) fn len(&self) -> usize {
        self.roots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.roots.clear();
        self.paths.clear();
    }
}

/// A batch with its share of the flight.
///
/// Dropped with tuples in it that nobody has worked on, it fails them: nothing can get lost in silence.
#[derive(Debug)]
pub(crate) struct Fragment<T> {
    pub(crate) batch: Batch<T>,
    /// How many of the batch's roots have been worked on. `batch.items` holds the rest only.
    pub(crate) done: usize,
    /// Before the lot, as fields are dropped in this order: what has landed must be nowhere any more, or it could time out.
    stay: Option<Stay>,
    pub(crate) lot: Lot,
    /// Index of the edge in the books.
    pub(crate) edge: usize,
    /// The consumer's task.
    task: usize,
    pub(crate) sent: Nanos,
}

impl<T> Fragment<T> {
    pub(crate) fn new(batch: Batch<T>, lot: Lot, (edge, task): (usize, usize), sent: Nanos) -> Self {
        let stay = lot.stay(Place { edge, task, sent, begun: None, how: How::Batch }, || batch.roots.clone());
        Self { batch, done: 0, lot, edge, task, sent, stay }
    }

    /// Says that it is worked on from now on.
    #[inline]
    pub(crate) fn begin(&self, now: Nanos) {
        if let Some(stay) = &self.stay {
            stay.begin(now);
        }
    }

    /// The emptied buffers, to be used again.
    pub(crate) fn into_buffers(mut self) -> Batch<T> {
        debug_assert_eq!(self.done, self.batch.len(), "a fragment was taken apart before its end");
        let mut batch = std::mem::take(&mut self.batch);
        self.done = 0;
        batch.clear();
        batch
    }
}

impl<T> Drop for Fragment<T> {
    fn drop(&mut self) {
        if self.done < self.batch.len() {
            let left = self.batch.roots.range(self.done..self.batch.len());
            fail_dropped(&self.lot, (self.edge, self.task), self.sent, left);
        }
    }
}

/// Fails what was on its way when its queue or its buffer went away.
#[cold]
fn fail_dropped(
    lot: &Lot,
    (edge, task): (usize, usize),
    sent: Nanos,
    roots: impl ExactSizeIterator<Item = Root>,
) {
    let books = lot.books();
    let failure = Failure::retry("dropped with the queue or the buffer that it waited in");
    let queued = books.clock.now().saturating_sub(sent);
    let autopsy = Arc::new(books.autopsy(edge, task, (queued, 0), &failure));
    let count = roots.len() as u64;
    for root in roots {
        if !lot.fail(root, &autopsy) {
            books.keep(Autopsy::clone(&autopsy));
        }
    }
    books.edges[edge].failed.fetch_add(count, Ordering::AcqRel);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topology;
    use crate::clock::Clock;
    use crate::flow::flight::UNTRACKED;
    use crate::flow::home::{Home, News};
    use crate::metrics::books::Books;
    use crate::metrics::site::Site;

    /// A fragment of tuples 10, 11 and 12 on its way to the third task of `end`, and the place where news of them arrives.
    fn fragment() -> (Fragment<char>, Arc<Home>) {
        let topology = Topology::new("t");
        topology.spout("numbers", 0..1).shuffle().tasks(3).for_each("end", |_| ());
        let books = Arc::new(Books::new(topology.plan().unwrap(), Clock::manual(), 10));
        let site = Arc::new(Site::new(&books, 0, 0, Arc::default()));
        site.sent(0, 3);
        let home = Arc::new(Home::new(&site));
        let lot = Lot::of_spout(Arc::clone(&home), (10..13).collect(), 0);
        let batch = Batch { items: vec!['a', 'b', 'c'], roots: (0..3).collect(), ..Batch::default() };
        (Fragment::new(batch, lot, (0, 2), 0), home)
    }

    fn news(home: &Home) -> Vec<String> {
        let mut news = Vec::new();
        home.collect(&mut news);
        let tell = |news| match news {
            News::Failed { id, .. } => format!("{id} failed"),
            News::Landed { ids, failed, .. } => format!("{} landed, {} of them bad", ids.len(), failed.len()),
        };
        news.into_iter().map(tell).collect()
    }

    #[test]
    fn a_dropped_fragment_fails_what_nobody_worked_on() {
        let (mut fragment, home) = fragment();
        fragment.batch.items.remove(0);
        fragment.done = 1;
        drop(fragment);
        assert_eq!(news(&home), ["11 failed", "12 failed", "3 landed, 2 of them bad"]);
    }

    #[test]
    fn what_is_dropped_is_in_the_books_and_says_where_it_was_although_its_spout_is_gone() {
        let (fragment, home) = fragment();
        let site = Arc::clone(home.site());
        site.clock.advance(std::time::Duration::from_millis(7));
        drop(home);
        drop(fragment);
        let autopsies = site.books.autopsies();
        assert_eq!(autopsies.iter().map(|autopsy| autopsy.id).collect::<Vec<_>>(), [10, 11, 12].map(Some));
        for Autopsy { component, edge, task, spout, queued_us, reason, .. } in autopsies {
            assert_eq!((&*component, &*edge, task, &*spout), ("end", "numbers", 2, "numbers"));
            assert_eq!(
                (queued_us, &*reason),
                (7_000, "dropped with the queue or the buffer that it waited in")
            );
        }
        assert_eq!(site.books.edges[0].pending(), 0);
    }

    #[test]
    fn a_fragment_worked_off_lands_when_its_last_share_is_gone() {
        let (mut fragment, home) = fragment();
        let share = fragment.lot.clone();
        fragment.batch.items.clear();
        fragment.done = 3;
        assert!(fragment.into_buffers().is_empty());
        assert_eq!(news(&home), [""; 0]);
        drop(share);
        assert_eq!(news(&home), ["3 landed, 0 of them bad"]);
    }

    #[test]
    fn a_failure_is_told_before_the_flight_has_landed_and_once() {
        let (mut fragment, home) = fragment();
        let autopsy = Arc::new(home.site().own_autopsy("on purpose".to_owned()));
        assert!(fragment.lot.fail(1, &autopsy));
        assert!(fragment.lot.fail(1, &autopsy));
        assert!(!fragment.lot.fail(UNTRACKED, &autopsy), "nobody waits for it");
        assert_eq!(news(&home), ["11 failed"]);
        fragment.done = 3;
        drop(fragment);
        assert_eq!(news(&home), ["3 landed, 1 of them bad"]);
    }
}
