//! One stream of a task.

use std::sync::Arc;

use super::Router;
use crate::clock::Nanos;
use crate::failure::Autopsy;
use crate::flow::flight::{Lot, Root};
use crate::flow::fragment::Batch;
use crate::flow::lineage::{Path, emitted};
use crate::grouping::Clone1;

/// One stream of one task, with all who read it.
pub(crate) struct Port<T> {
    batch: Batch<T>,
    direct: Vec<(usize, T, Root)>,
    routers: Vec<Router<T>>,
    /// Present when there are several consumers: to have several, the stream's handle had to be cloned.
    clone: Option<Clone1<T>>,
}

impl<T> Port<T> {
    pub(crate) fn new(routers: Vec<Router<T>>, clone: Option<Clone1<T>>) -> Self {
        debug_assert!(routers.len() < 2 || clone.is_some(), "a stream of several consumers cannot be cloned");
        Self { batch: Batch::default(), direct: Vec::new(), routers, clone }
    }

    /// To how many tasks a batch may be dealt.
    pub(crate) fn lanes(&self) -> usize {
        self.routers.iter().map(Router::lanes).max().unwrap_or(1)
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T, root: Root) {
        self.batch.push(item, root);
    }

    /// Numbers what was emitted since it was last called, for a tuple of that path.
    pub(crate) fn number(&mut self, parent: Path, component: u64, stream: usize) {
        let first = self.batch.paths.len();
        let count = self.batch.roots.len() - first;
        emitted(parent, component, stream, count, &mut self.batch.paths);
    }

    pub(crate) fn push_direct(&mut self, task: usize, item: T, root: Root) {
        self.direct.push((task, item, root));
    }

    pub(crate) fn len(&self) -> usize {
        self.batch.len() + self.direct.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fails what is collected and will never be sent.
    pub(crate) fn fail_collected(&self, lot: &Lot, autopsy: &Arc<Autopsy>) {
        let direct = self.direct.iter().map(|(_, _, root)| *root);
        for root in self.batch.roots.iter().chain(direct) {
            lot.fail(root, autopsy);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.direct.clear();
        self.routers.iter_mut().for_each(Router::clear);
    }

    pub(crate) fn flush(&mut self, lot: &Lot, now: Nanos) -> bool {
        let mut open = true;
        if !self.direct.is_empty() {
            open = self.flush_direct(lot, now);
        }
        let mut plain = self.routers.iter_mut().filter(|router| !router.is_direct()).peekable();
        while let Some(router) = plain.next() {
            match (self.clone, plain.peek().is_some()) {
                (Some(clone), true) => {
                    let mut copy = Batch {
                        items: self.batch.items.iter().map(clone).collect(),
                        roots: self.batch.roots.clone(),
                        paths: self.batch.paths.clone(),
                    };
                    open &= router.push(&mut copy, lot, now);
                }
                _ => open &= router.push(&mut self.batch, lot, now),
            }
        }
        // Without a reader there is nothing to wait for: the tuples are done.
        self.batch.clear();
        open
    }

    fn flush_direct(&mut self, lot: &Lot, now: Nanos) -> bool {
        let mut open = true;
        let mut direct = self.routers.iter_mut().filter(|router| router.is_direct()).peekable();
        while let Some(router) = direct.next() {
            match (self.clone, direct.peek().is_some()) {
                (Some(clone), true) => {
                    let copy = self.direct.iter().map(|(task, item, root)| (*task, clone(item), *root));
                    open &= router.push_direct(copy, lot, now);
                }
                _ => open &= router.push_direct(self.direct.drain(..), lot, now),
            }
        }
        self.direct.clear();
        open
    }

    pub(crate) fn unpark(&mut self, now: Nanos) -> bool {
        let mut open = true;
        for router in &mut self.routers {
            open &= router.unpark(now);
        }
        open
    }

    pub(crate) fn close(&mut self) {
        self.routers.iter_mut().for_each(Router::close);
    }
}
