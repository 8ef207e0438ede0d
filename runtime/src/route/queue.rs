//! To a consumer's task over its queue.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Sink;
use crate::clock::Nanos;
use crate::flow::flight::Lot;
use crate::flow::fragment::{Batch, Fragment};
use crate::flow::inbox::Inbox;
use crate::metrics::site::Site;

/// The way over a queue to a task that is stepped by itself.
pub(crate) struct QueueSink<T> {
    inbox: Arc<Inbox<T>>,
    /// What the queue had no room for, bounded by one step's output.
    parked: VecDeque<Fragment<T>>,
    edge: usize,
    /// Of the consumer.
    task: usize,
    producer: Arc<Site>,
}

impl<T> QueueSink<T> {
    pub(crate) fn new(inbox: Arc<Inbox<T>>, edge: usize, task: usize, producer: Arc<Site>) -> Self {
        inbox.add_producer(&producer.wake);
        Self { inbox, parked: VecDeque::new(), edge, task, producer }
    }

    fn park(&mut self, fragment: Fragment<T>) {
        self.inbox.park(fragment.batch.len());
        self.parked.push_back(fragment);
    }
}

impl<T: Send> Sink<T> for QueueSink<T> {
    fn push(&mut self, batch: &mut Batch<T>, lot: Lot, now: Nanos) -> bool {
        let full = std::mem::replace(batch, self.inbox.spare());
        self.producer.sent(self.edge, full.len());
        let fragment = Fragment::new(full, lot, (self.edge, self.task), now);
        if self.parked.is_empty() {
            match self.inbox.push(fragment) {
                Ok(()) => return true,
                Err(fragment) => self.park(fragment),
            }
        } else {
            self.park(fragment);
        }
        false
    }

    fn unpark(&mut self, _now: Nanos) -> bool {
        while let Some(fragment) = self.parked.pop_front() {
            let count = fragment.batch.len();
            if let Err(fragment) = self.inbox.push(fragment) {
                self.parked.push_front(fragment);
                return false;
            }
            self.inbox.unpark(count);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topology;
    use crate::clock::Clock;
    use crate::flow::wake::Wake;
    use crate::metrics::books::Books;

    #[test]
    fn nothing_overtakes_what_is_parked() {
        let topology = Topology::new("t");
        topology.spout("numbers", 0..1).shuffle().for_each("end", |_| ());
        let books = Arc::new(Books::new(topology.plan().unwrap(), Clock::manual(), 0));
        let site = Arc::new(Site::new(&books, 0, 0, Arc::default()));
        let inbox = Arc::new(Inbox::new(1, Arc::<Wake>::default()));
        let mut sink = QueueSink::new(Arc::clone(&inbox), 0, 0, site);
        let mut push = |n: u8| {
            let mut batch = Batch::default();
            batch.push(n, 0);
            sink.push(&mut batch, Lot::untracked(&books), 0)
        };
        let pop = || inbox.pop().map(|fragment| fragment.batch.items[0]);

        assert!(push(1), "there is room for one");
        assert!(!push(2), "there is none for another");
        assert_eq!(pop(), Some(1));
        assert!(!push(3), "now there would be, but two waits for it");
        assert_eq!(pop(), None);
        assert!(!sink.unpark(0));
        assert_eq!(pop(), Some(2));
        assert!(sink.unpark(0));
        assert_eq!(pop(), Some(3));
    }
}
