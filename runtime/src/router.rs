//! From a task's outputs to its consumers' tasks.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Nanos;
use crate::flow::flight::{Lot, Root};
use crate::flow::fragment::{Batch, Fragment, fail_dropped};
use crate::flow::inbox::Inbox;
use crate::grouping::{Clone1, Selector, partial_key};
use crate::key::{key_group, task_of_group};
use crate::metrics::site::Site;

/// One end of an edge: takes batches for one task of the consumer.
pub(crate) trait Sink<T>: Send {
    /// Takes everything out of `batch` and leaves it empty (the buffers may be others). False: some of it is parked, and the
    /// producer should stop until [`unpark`](Self::unpark) says otherwise.
    fn push(&mut self, batch: &mut Batch<T>, lot: Lot, now: Nanos) -> bool;

    /// Tries again what was parked; true if nothing is parked any more.
    fn unpark(&mut self, now: Nanos) -> bool;

    /// Ends a component that runs inside.
    fn close(&mut self) {}
}

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
        debug_assert!(
            routers.len() < 2 || clone.is_some(),
            "a stream of several consumers cannot be cloned"
        );
        Self {
            batch: Batch::default(),
            direct: Vec::new(),
            routers,
            clone,
        }
    }

    /// To how many tasks a batch may be dealt.
    pub(crate) fn lanes(&self) -> usize {
        self.routers
            .iter()
            .map(|router| router.lanes.len())
            .max()
            .unwrap_or(1)
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T, root: Root) {
        self.batch.push(item, root);
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
    pub(crate) fn fail_collected(&self, lot: &Lot) {
        let direct = self.direct.iter().map(|(_, _, root)| *root);
        fail_dropped(lot, self.batch.roots.iter().copied().chain(direct));
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
        let mut plain = self
            .routers
            .iter_mut()
            .filter(|router| !router.is_direct())
            .peekable();
        while let Some(router) = plain.next() {
            match (self.clone, plain.peek().is_some()) {
                (Some(clone), true) => {
                    let mut copy = Batch {
                        items: self.batch.items.iter().map(clone).collect(),
                        roots: self.batch.roots.clone(),
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
        let mut direct = self
            .routers
            .iter_mut()
            .filter(|router| router.is_direct())
            .peekable();
        while let Some(router) = direct.next() {
            match (self.clone, direct.peek().is_some()) {
                (Some(clone), true) => {
                    let copy = self
                        .direct
                        .iter()
                        .map(|(task, item, root)| (*task, clone(item), *root));
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
        self.routers
            .iter_mut()
            .flat_map(|router| &mut router.lanes)
            .for_each(|lane| lane.sink.close());
    }
}

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
        let lanes = sinks
            .into_iter()
            .map(|sink| Lane {
                batch: Batch::default(),
                sink,
            })
            .collect();
        Self {
            selector,
            lanes,
            hashes: Vec::new(),
        }
    }

    fn is_direct(&self) -> bool {
        matches!(self.selector, Selector::Direct)
    }

    fn clear(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.batch.clear());
    }

    fn push(&mut self, batch: &mut Batch<T>, lot: &Lot, now: Nanos) -> bool {
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
        let Self {
            selector,
            lanes,
            hashes,
        } = self;
        let tasks = lanes.len();
        if let Selector::Key(keys) | Selector::PartialKey(keys, _) = selector {
            hashes.clear();
            keys.hash(&batch.items, hashes);
        }
        let count = batch.items.len();
        let mut tuples = batch.items.drain(..).zip(batch.roots.drain(..));
        match selector {
            Selector::Rotate(rotation) => {
                for (task, run) in rotation.cut(count) {
                    let lane = &mut lanes[task].batch;
                    tuples
                        .by_ref()
                        .take(run.len())
                        .for_each(|(item, root)| lane.push(item, root));
                }
            }
            Selector::Key(_) => {
                for ((item, root), hash) in tuples.zip(hashes) {
                    lanes[task_of_group(key_group(*hash), tasks)]
                        .batch
                        .push(item, root);
                }
            }
            Selector::PartialKey(_, sent) => {
                for ((item, root), hash) in tuples.zip(hashes) {
                    lanes[partial_key(*hash, sent)].batch.push(item, root);
                }
            }
            Selector::All(clone) => {
                for (item, root) in tuples {
                    lanes[1..]
                        .iter_mut()
                        .for_each(|lane| lane.batch.push(clone(&item), root));
                    lanes[0].batch.push(item, root);
                }
            }
            Selector::Random(rng) => {
                tuples.for_each(|(item, root)| lanes[rng.index(tasks)].batch.push(item, root));
            }
            Selector::Custom(custom, clone) => {
                let mut chosen = Vec::new();
                for (item, root) in tuples {
                    chosen.clear();
                    custom.choose(&item, &mut chosen);
                    if let Some((last, others)) = chosen.split_last() {
                        for task in others {
                            lanes[*task].batch.push(clone(&item), root);
                        }
                        lanes[*last].batch.push(item, root);
                    }
                }
            }
            // Both are dealt with by the callers.
            Selector::First | Selector::Direct => {}
        }
    }

    /// A task out of range panics, which fails the tuples as any mistake in a component does.
    fn push_direct(&mut self, tuples: impl Iterator<Item = (usize, T, Root)>, lot: &Lot, now: Nanos) -> bool {
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

    fn unpark(&mut self, now: Nanos) -> bool {
        let mut open = true;
        for lane in &mut self.lanes {
            open &= lane.sink.unpark(now);
        }
        open
    }
}

/// The way over a queue to a task that is stepped by itself.
pub(crate) struct QueueSink<T> {
    inbox: Arc<Inbox<T>>,
    /// What the queue had no room for, bounded by one step's output.
    parked: VecDeque<Fragment<T>>,
    edge: usize,
    producer: Arc<Site>,
}

impl<T> QueueSink<T> {
    pub(crate) fn new(inbox: Arc<Inbox<T>>, edge: usize, producer: Arc<Site>) -> Self {
        inbox.add_producer(&producer.wake);
        Self {
            inbox,
            parked: VecDeque::new(),
            edge,
            producer,
        }
    }
}

impl<T: Send> Sink<T> for QueueSink<T> {
    fn push(&mut self, batch: &mut Batch<T>, lot: Lot, now: Nanos) -> bool {
        let full = std::mem::replace(batch, self.inbox.spare());
        self.producer.sent(self.edge, full.len());
        let fragment = Fragment::new(full, lot, self.edge, now);
        if self.parked.is_empty() {
            match self.inbox.push(fragment) {
                Ok(()) => return true,
                Err(fragment) => self.parked.push_back(fragment),
            }
        } else {
            self.parked.push_back(fragment);
        }
        false
    }

    fn unpark(&mut self, _now: Nanos) -> bool {
        while let Some(fragment) = self.parked.pop_front() {
            if let Err(fragment) = self.inbox.push(fragment) {
                self.parked.push_front(fragment);
                return false;
            }
        }
        true
    }
}

/// The function that makes what the consumer reads of what the producer emits.
pub(crate) type Convert<S, T> = Arc<dyn Fn(S) -> T + Send + Sync>;

/// Converts on the way; see [`Input::into_input`](crate::Input::into_input).
pub(crate) struct ConvertSink<S, T> {
    convert: Convert<S, T>,
    converted: Batch<T>,
    inner: Box<dyn Sink<T>>,
    from: std::marker::PhantomData<fn(S)>,
}

impl<S, T> ConvertSink<S, T> {
    pub(crate) fn new(convert: Convert<S, T>, inner: Box<dyn Sink<T>>) -> Self {
        Self {
            convert,
            converted: Batch::default(),
            inner,
            from: std::marker::PhantomData,
        }
    }
}

impl<S, T: Send> Sink<S> for ConvertSink<S, T> {
    fn push(&mut self, batch: &mut Batch<S>, lot: Lot, now: Nanos) -> bool {
        self.converted.clear();
        self.converted
            .items
            .extend(batch.items.drain(..).map(&*self.convert));
        self.converted.roots.append(&mut batch.roots);
        self.inner.push(&mut self.converted, lot, now)
    }

    fn unpark(&mut self, now: Nanos) -> bool {
        self.inner.unpark(now)
    }

    fn close(&mut self) {
        self.inner.close();
    }
}
