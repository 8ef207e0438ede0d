//! Tracking by flights.
//!
//! The root tuples that leave a spout together share one [`Flight`]. Every batch of their descendants holds a [`Lot`], a share
//! of the flight; the flight has landed when the last lot is dropped. Nothing is counted per tuple: a tuple carries the number of its
//! root within the flight, and only a failure reads it. A failure is reported at once and names its root; landing then tells
//! the spout which of the roots are good, namely all that have not failed.
//!
//! A bolt that answers later makes its own flights: their roots are the tuples it holds ([`Anchors`]), which are acked when
//! the flight lands and failed when one of their descendants fails.

use std::fmt;
use std::sync::{Arc, PoisonError};

use super::held::Held;
use super::home::{Home, News};
use super::lineage::Position;
use super::numbers::Numbers;
use super::progress::{Place, Progress, Stay};
use crate::clock::Nanos;
use crate::failure::{Autopsy, Failure};
use crate::metrics::books::Books;
use crate::sync::{self, Mutex, MutexGuard};
use crate::tuple::Anchors;

/// The number of a root tuple within its flight.
pub(crate) type Root = u32;

/// The roots of a batch's tuples.
pub(crate) type Roots = Numbers<Root>;

/// A spout's ids of the roots of a flight.
pub(crate) type Ids = Numbers<u64>;

impl Ids {
    /// All but those of the `failed` roots, which are sorted.
    pub(crate) fn good(&self, failed: &[Root]) -> impl Iterator<Item = (Root, u64)> {
        (0..).zip(self.iter()).filter(|(root, _)| failed.binary_search(root).is_err())
    }
}

/// The root of tuples that nobody waits for, such as those a bolt emits on a tick.
pub(crate) const UNTRACKED: Root = Root::MAX;

/// A share of a flight: as long as one is alive, the flight has not landed.
#[derive(Clone)]
pub(crate) struct Lot(sync::Arc<Flight>);

struct Flight {
    origin: Origin,
    log: Log,
}

enum Log {
    Own(Progress),
    /// Of a flight that may time out: its spout looks at it too.
    Watched(Arc<Progress>),
}

enum Origin {
    Spout {
        home: Arc<Home>,
        ids: Ids,
        born: Nanos,
    },
    /// One entry a root; taken when the root fails, acked on landing otherwise.
    Derived {
        anchors: Mutex<Vec<Option<Anchors>>>,
        books: Arc<Books>,
    },
    Untracked(Arc<Books>),
}

impl Lot {
    /// A flight of a spout's tuples: root `n` is `ids.get(n)`.
    pub(crate) fn of_spout(home: Arc<Home>, ids: Ids, born: Nanos) -> Self {
        Self::new(Origin::Spout { home, ids, born })
    }

    /// The same, and the spout keeps an eye on where its tuples are.
    pub(crate) fn watched(home: Arc<Home>, ids: Ids, born: Nanos, progress: &Arc<Progress>) -> Self {
        let origin = Origin::Spout { home, ids, born };
        Self(sync::Arc::new(Flight { origin, log: Log::Watched(Arc::clone(progress)) }))
    }

    /// A flight that stands for held tuples: root `n` decides over `anchors[n]`.
    pub(crate) fn derived(anchors: Vec<Option<Anchors>>, books: &Arc<Books>) -> Self {
        Self::new(Origin::Derived { anchors: Mutex::new(anchors), books: Arc::clone(books) })
    }

    /// A flight that nobody waits for.
    pub(crate) fn untracked(books: &Arc<Books>) -> Self {
        Self::new(Origin::Untracked(Arc::clone(books)))
    }

    pub(crate) fn books(&self) -> &Books {
        match &self.0.origin {
            Origin::Spout { home, .. } => &home.site().books,
            Origin::Derived { books, .. } | Origin::Untracked(books) => books,
        }
    }

    /// The source of a root, and its position there.
    pub(crate) fn position(&self, root: Root) -> Option<(usize, Position)> {
        let Origin::Spout { home, ids, .. } = &self.0.origin else { return None };
        Some((home.site().component, (home.positions?)(ids.get(root as usize)?)))
    }

    /// Fails every root of a derived flight.
    pub(crate) fn fail_groups(&self, failure: &Failure) {
        if let Origin::Derived { anchors, .. } = &self.0.origin {
            let groups = std::mem::take(&mut *unpoisoned(anchors));
            groups.into_iter().flatten().for_each(|group| group.fail(failure.clone()));
        }
    }

    /// Fails every root of a spout's flight.
    pub(crate) fn fail_all(&self, autopsy: &Arc<Autopsy>) {
        if let Origin::Spout { ids, .. } = &self.0.origin {
            for (root, _) in (0..).zip(ids.iter()) {
                self.fail(root, autopsy);
            }
        }
    }

    fn new(origin: Origin) -> Self {
        Self(sync::Arc::new(Flight { origin, log: Log::Own(Progress::default()) }))
    }

    /// Fails a root at once; further failures of the same root change nothing. False: nobody waits for that root.
    pub(crate) fn fail(&self, root: Root, autopsy: &Arc<Autopsy>) -> bool {
        match &self.0.origin {
            Origin::Spout { home, ids, .. } => {
                let Some(id) = ids.get(root as usize) else { return false };
                if self.0.log.fail(root) {
                    home.post(News::Failed { id, autopsy: Arc::clone(autopsy) });
                }
                true
            }
            Origin::Derived { anchors, .. } => {
                // Taken out first: failing the anchors may reach further flights, and no lock is held meanwhile.
                let failed = unpoisoned(anchors).get_mut(root as usize).map(Option::take);
                let known = failed.is_some();
                if let Some(failed) = failed.flatten() {
                    failed.fail_with(autopsy);
                }
                known
            }
            Origin::Untracked(_) => false,
        }
    }
}

/// Where the tuples are.
impl Lot {
    /// A batch goes to that place; of most flights nobody wants to know.
    pub(crate) fn stay(&self, place: Place, roots: impl FnOnce() -> Roots) -> Option<Stay> {
        match &self.0.log {
            Log::Own(_) => None,
            Log::Watched(progress) => Some(Stay::new(progress, place, roots())),
        }
    }

    /// A component takes tuples in hand.
    pub(crate) fn hold(&self, held: &Arc<Held>) {
        self.0.log.hold(held);
    }

    pub(crate) fn shares(&self) -> usize {
        sync::Arc::strong_count(&self.0)
    }

    /// As [`Progress::holders`].
    pub(crate) fn holders(&self) -> (usize, Vec<Arc<Held>>) {
        self.0.log.holders()
    }

    /// Of a flight that stands for held tuples: who holds them.
    pub(crate) fn ancestors(&self) -> Vec<Arc<Held>> {
        let Origin::Derived { anchors, .. } = &self.0.origin else { return Vec::new() };
        let mut ancestors: Vec<Arc<Held>> = Vec::new();
        for held in unpoisoned(anchors).iter().flatten().flat_map(Anchors::holders) {
            // Anchors of one batch mostly come together.
            if ancestors.last().is_none_or(|last| !Arc::ptr_eq(last, held)) {
                ancestors.push(Arc::clone(held));
            }
        }
        ancestors
    }
}

impl std::ops::Deref for Log {
    type Target = Progress;

    fn deref(&self) -> &Progress {
        match self {
            Self::Own(progress) => progress,
            Self::Watched(progress) => progress,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        match &mut self.origin {
            Origin::Spout { home, ids, born } => {
                home.post(News::Landed {
                    ids: std::mem::take(ids),
                    failed: self.log.take_failed(),
                    born: *born,
                });
            }
            Origin::Derived { anchors, .. } => {
                let anchors = std::mem::take(anchors.get_mut().unwrap_or_else(PoisonError::into_inner));
                anchors.into_iter().flatten().for_each(Anchors::ack);
            }
            Origin::Untracked(_) => {}
        }
    }
}

impl fmt::Debug for Lot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lot").field("shares", &sync::Arc::strong_count(&self.0)).finish_non_exhaustive()
    }
}

/// None of the crate's locked sections can be left half done by a panic: each makes one change to one collection.
pub(crate) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_ids_are_all_but_the_failed() {
        let ids = [7, 8, 9, 11].into_iter().collect::<Ids>();
        assert_eq!(ids.good(&[0, 2]).collect::<Vec<_>>(), [(1, 8), (3, 11)]);
    }
}
