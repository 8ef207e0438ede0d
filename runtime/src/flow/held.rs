//! Tuples that a component has taken out of their fragment to answer for later.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::flight::{Lot, Root, unpoisoned};
use crate::clock::Nanos;
use crate::failure::{Autopsy, Failure};
use crate::metrics::site::Site;

/// The tuples of one fragment while they are held: one share of the flight for all of them, one bit each.
#[derive(Debug)]
pub(crate) struct Held {
    /// Taken when the tuples time out, so that the flight can land although somebody still has them.
    lot: Mutex<Option<Lot>>,
    roots: Box<[Root]>,
    /// A bit is set while its tuple is neither acked nor failed.
    open: Box<[AtomicU64]>,
    pub(crate) site: Arc<Site>,
    edge: usize,
    sent: Nanos,
    since: Nanos,
}

impl Held {
    pub(crate) fn new(lot: Lot, roots: &[Root], site: &Arc<Site>, edge: usize, sent: Nanos) -> Self {
        let full = roots.len() / 64;
        let open = (0..roots.len().div_ceil(64))
            .map(|word| {
                AtomicU64::new(if word < full {
                    u64::MAX
                } else {
                    (1 << (roots.len() % 64)) - 1
                })
            })
            .collect();
        site.held_add(roots.len());
        let (site, since) = (Arc::clone(site), site.clock.now());
        Self {
            lot: Mutex::new(Some(lot)),
            roots: roots.into(),
            open,
            site,
            edge,
            sent,
            since,
        }
    }

    fn is_open(&self, at: usize) -> bool {
        self.open[at / 64].load(Ordering::Acquire) & (1 << (at % 64)) != 0
    }

    /// Closes a tuple; false if it was closed before.
    pub(crate) fn close(&self, at: usize) -> bool {
        let bit = 1 << (at % 64);
        let was_open = self.is_open(at) && self.open[at / 64].fetch_and(!bit, Ordering::AcqRel) & bit != 0;
        if was_open {
            self.site.held_sub(1);
        }
        was_open
    }

    pub(crate) fn ack(&self, at: usize) {
        if self.close(at) {
            self.site.acked(self.edge, 1);
        }
    }

    pub(crate) fn fail(&self, at: usize, failure: &Failure) {
        if self.close(at) {
            self.report(at, &self.autopsy(failure));
        }
    }

    pub(crate) fn fail_with(&self, at: usize, autopsy: &Arc<Autopsy>) {
        if self.close(at) {
            self.report(at, autopsy);
        }
    }

    /// Tells the flight of a failure of a tuple that is closed already.
    pub(crate) fn report(&self, at: usize, autopsy: &Arc<Autopsy>) {
        self.site.failed(self.edge, 1);
        self.site.error(&autopsy.reason);
        let lot = unpoisoned(&self.lot).clone();
        if !lot.is_some_and(|lot| lot.fail(self.roots[at], autopsy)) {
            self.site.books.keep(Autopsy::clone(autopsy));
        }
    }

    pub(crate) fn autopsy(&self, failure: &Failure) -> Arc<Autopsy> {
        let queued = self.since.saturating_sub(self.sent);
        let worked = self.site.clock.now().saturating_sub(self.since);
        self.site.autopsy(self.edge, queued, worked, failure)
    }

    /// Fails whatever is still open, and lets go of the flight.
    pub(crate) fn expire(&self, failure: &Failure) {
        if (0..self.roots.len()).any(|at| self.is_open(at)) {
            let autopsy = self.autopsy(failure);
            (0..self.roots.len()).for_each(|at| self.fail_with(at, &autopsy));
        }
        drop(unpoisoned(&self.lot).take());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Nothing is open here unless the engine itself lost a tuple on its way to the component.
        self.expire(&Failure::retry("dropped before the component saw it"));
    }
}
