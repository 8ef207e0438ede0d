//! Counts that several threads add to, each in memory of its own.

use std::sync::atomic::Ordering;

use crate::sync::{Apart, AtomicU64};

/// Parts of a count at most; with more tasks several share one.
const PARTS_MAX: usize = 32;

/// A count to which each task adds in its part: one that two cores add to in turn costs them both the way between them, each time.
#[derive(Debug)]
pub(crate) struct Count(Box<[Apart<AtomicU64>]>);

impl Count {
    pub(crate) fn new(tasks: usize) -> Self {
        Self((0..tasks.clamp(1, PARTS_MAX)).map(|_| Apart::default()).collect())
    }

    #[inline]
    pub(crate) fn add(&self, task: usize, count: usize) {
        self.0[task % self.0.len()].0.fetch_add(count as u64, Ordering::AcqRel);
    }

    /// Whatever has led to an addition that is seen here is seen by who reads on.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|part| part.0.load(Ordering::Acquire)).sum()
    }
}
