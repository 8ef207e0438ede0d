//! What a flight remembers of its tuples beside its shares: which have failed, who holds some, and, for flights that may time out, where
//! each of their batches is.

use std::sync::{Arc, Weak};

use super::flight::{Root, Roots, unpoisoned};
use super::held::Held;
use crate::clock::Nanos;
use crate::sync::Mutex;

/// Locked on failure, on landing, and whenever a component takes tuples in hand; a [`Stay`] locks it too.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failed: Vec<Root>,
    /// Everybody who has ever held tuples of the flight.
    held: Vec<Weak<Held>>,
    stays: Vec<(u64, Place, Roots)>,
    next_stay: u64,
}

/// Where some tuples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The edge that they are on; its consumer is where they are queued, worked on or held.
    pub(crate) edge: usize,
    pub(crate) task: usize,
    pub(crate) sent: Nanos,
    /// Since when they are worked on or held; `None`: they are queued.
    pub(crate) begun: Option<Nanos>,
    pub(crate) how: How,
}

/// What keeps tuples where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Batch,
    InHand,
    HandedOn,
}

/// What is left of a flight when its time is over.
#[derive(Debug, Default)]
pub(crate) struct Leftover {
    /// Roots that are not done, and that had not failed before.
    pub(crate) late: Vec<(Root, Place)>,
    /// Everything that is held, whatever became of its root: as long as it is, the flight cannot land.
    pub(crate) held: Vec<(Arc<Held>, usize, Place)>,
}

impl Progress {
    /// False if that root has failed before.
    pub(crate) fn fail(&self, root: Root) -> bool {
        let mut state = unpoisoned(&self.0);
        let first = !state.failed.contains(&root);
        if first {
            state.failed.push(root);
        }
        first
    }

    pub(crate) fn take_failed(&self) -> Vec<Root> {
        std::mem::take(&mut unpoisoned(&self.0).failed)
    }

    pub(crate) fn hold(&self, held: &Arc<Held>) {
        unpoisoned(&self.0).held.push(Arc::downgrade(held));
    }

    /// How many have ever held tuples of the flight, and those who still do. To be let go of where no lock is held: dropping one may
    /// reach far.
    pub(crate) fn holders(&self) -> (usize, Vec<Arc<Held>>) {
        let state = unpoisoned(&self.0);
        (state.held.len(), state.held.iter().filter_map(Weak::upgrade).collect())
    }

    /// Fails every one of the `count` roots that is not done, and says what is left and where.
    pub(crate) fn time_out(&self, count: usize) -> Leftover {
        let (_, holders) = self.holders();
        let mut state = unpoisoned(&self.0);
        let mut places: Vec<Option<Place>> = (0..count).map(|_| None).collect();
        let mut found = |root: Root, place: Place| {
            // Of several places it is the one that it has been in for longest.
            if let Some(known) = places.get_mut(root as usize)
                && known.is_none_or(|known| place.sent < known.sent)
            {
                *known = Some(place);
            }
        };
        let mut held = Vec::new();
        for (_, place, roots) in &state.stays {
            roots.iter().for_each(|root| found(root, *place));
        }
        for holder in &holders {
            for (at, root, place) in holder.open() {
                found(root, place);
                held.push((Arc::clone(holder), at, place));
            }
        }
        let late = (0..).zip(places).filter_map(|(root, place)| Some((root, place?)));
        let late: Vec<_> = late.filter(|(root, _)| !state.failed.contains(root)).collect();
        state.failed.extend(late.iter().map(|(root, _)| root));
        Leftover { late, held }
    }
}

/// A batch of a flight that may time out, on its way or being worked on.
#[derive(Debug)]
pub(crate) struct Stay {
    progress: Arc<Progress>,
    number: u64,
}

impl Stay {
    pub(crate) fn new(progress: &Arc<Progress>, place: Place, roots: Roots) -> Self {
        let mut state = unpoisoned(&progress.0);
        let number = state.next_stay;
        state.next_stay += 1;
        state.stays.push((number, place, roots));
        drop(state);
        Self { progress: Arc::clone(progress), number }
    }

    /// It is worked on from now on.
    pub(crate) fn begin(&self, now: Nanos) {
        let mut state = unpoisoned(&self.progress.0);
        let stay = state.stays.iter_mut().find(|(number, ..)| *number == self.number);
        if let Some((_, place, _)) = stay {
            place.begun.get_or_insert(now);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        unpoisoned(&self.progress.0).stays.retain(|(number, ..)| *number != self.number);
    }
}
