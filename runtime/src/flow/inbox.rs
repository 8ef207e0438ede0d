//! The bounded queue in front of a task.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flight::unpoisoned;
use super::fragment::{Batch, Fragment};
use super::wake::Wake;
use crate::sync::{Apart, ArrayQueue, AtomicBool, AtomicUsize, Mutex, fence};

/// Many producers, one consumer. Emptied buffers go back to the producers by the same object.
pub(crate) struct Inbox<T> {
    queue: ArrayQueue<Fragment<T>>,
    spares: ArrayQueue<Batch<T>>,
    waiting: Arc<Waiting>,
    consumer: Arc<Wake>,
    producers: Mutex<Vec<Arc<Wake>>>,
    /// Some producer found the queue full and waits for space.
    starved: AtomicBool,
}

/// Tuples that wait for a task. What producers and consumer count lies apart, so that neither waits for the other's core.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pushed: Apart<AtomicUsize>,
    popped: Apart<AtomicUsize>,
    /// With their producers, until there is room in the queue.
    pub(crate) parked: AtomicUsize,
}

impl Waiting {
    /// In the queue.
    pub(crate) fn queued(&self) -> usize {
        // Counted before they are in the queue, so that what has left it is never more than came.
        let popped = self.popped.0.load(Ordering::Acquire);
        self.pushed.0.load(Ordering::Acquire).wrapping_sub(popped)
    }
}

impl<T> Inbox<T> {
    pub(crate) fn new(batches_max: usize, consumer: Arc<Wake>) -> Self {
        Self {
            queue: ArrayQueue::new(batches_max),
            spares: ArrayQueue::new(batches_max),
            waiting: Arc::default(),
            consumer,
            producers: Mutex::default(),
            starved: AtomicBool::new(false),
        }
    }

    /// Registers a worker to be woken when there is space again.
    pub(crate) fn add_producer(&self, wake: &Arc<Wake>) {
        let mut producers = unpoisoned(&self.producers);
        if !producers.iter().any(|known| Arc::ptr_eq(known, wake)) {
            producers.push(Arc::clone(wake));
        }
    }

    /// Takes a fragment in, or gives it back if the queue is full; then the producer is woken when there is space.
    #[expect(clippy::result_large_err, reason = "it is moved in whole anyway, and seldom back")]
    pub(crate) fn push(&self, fragment: Fragment<T>) -> Result<(), Fragment<T>> {
        let count = fragment.batch.len();
        self.waiting.pushed.0.fetch_add(count, Ordering::Relaxed);
        let refused = match self.queue.push(fragment) {
            Ok(()) => None,
            Err(fragment) => {
                self.starved.store(true, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                // The consumer may have emptied the queue before it could see the flag.
                self.queue.push(fragment).err()
            }
        };
        match refused {
            None => {
                self.consumer.notify();
                Ok(())
            }
            Some(fragment) => {
                self.waiting.pushed.0.fetch_sub(count, Ordering::Relaxed);
                Err(fragment)
            }
        }
    }

    pub(crate) fn pop(&self) -> Option<Fragment<T>> {
        let fragment = self.queue.pop()?;
        self.waiting.popped.0.fetch_add(fragment.batch.len(), Ordering::Release);
        fence(Ordering::SeqCst);
        if self.starved.load(Ordering::Relaxed) && self.starved.swap(false, Ordering::AcqRel) {
            unpoisoned(&self.producers).iter().for_each(|producer| producer.notify());
        }
        Some(fragment)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// An empty buffer for a producer, used before if there is one.
    pub(crate) fn spare(&self) -> Batch<T> {
        self.spares.pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, batch: Batch<T>) {
        // A buffer too many is simply freed.
        drop(self.spares.push(batch));
    }

    pub(crate) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }

    /// A producer keeps tuples until there is room.
    pub(crate) fn park(&self, count: usize) {
        self.waiting.parked.fetch_add(count, Ordering::Relaxed);
    }

    /// They are on their way again.
    pub(crate) fn unpark(&self, count: usize) {
        self.waiting.parked.fetch_sub(count, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("batches", &self.queue.len())
            .field("batches_max", &self.queue.capacity())
            .finish_non_exhaustive()
    }
}
