//! Where a spout's task hears of its flights.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flight::{Ids, Root, unpoisoned};
use super::wake::Wake;
use crate::clock::Nanos;
use crate::failure::Autopsy;
use crate::sync::{AtomicUsize, Mutex};

/// What becomes of a spout's tuples.
#[derive(Debug)]
pub(crate) enum News {
    /// One tuple has failed; its flight may still be under way.
    Failed { id: u64, autopsy: Arc<Autopsy> },
    /// Nothing of the flight is left anywhere: all of `ids` but the `failed` ones are good.
    Landed { ids: Ids, failed: Vec<Root>, born: Nanos },
}

/// The letter box of one spout task. Bounded by the task's pending tuples, as each posts two letters at most.
#[derive(Debug)]
pub(crate) struct Home {
    news: Mutex<Vec<News>>,
    /// Spares the reader the lock when there is nothing.
    len: AtomicUsize,
    wake: Arc<Wake>,
}

impl Home {
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self { news: Mutex::default(), len: AtomicUsize::new(0), wake }
    }

    pub(crate) fn post(&self, news: News) {
        let mut letters = unpoisoned(&self.news);
        letters.push(news);
        self.len.store(letters.len(), Ordering::Release);
        drop(letters);
        self.wake.notify();
    }

    /// Moves all news to the end of `into`, in the order they came.
    pub(crate) fn collect(&self, into: &mut Vec<News>) {
        if self.len.load(Ordering::Acquire) > 0 {
            let mut letters = unpoisoned(&self.news);
            into.append(&mut letters);
            self.len.store(0, Ordering::Release);
        }
    }
}
