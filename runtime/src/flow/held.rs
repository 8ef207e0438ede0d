//! Tuples that a component has taken out of their fragment to answer for later.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flight::{Lot, Root, Roots, unpoisoned};
use super::fragment::Fragment;
use super::progress::{How, Place};
use crate::clock::Nanos;
use crate::failure::{Autopsy, Failure};
use crate::metrics::site::Site;
use crate::sync::{AtomicBool, AtomicU64, Mutex};

/// Two bits a tuple.
const PER_WORD: usize = 32;
/// A one in the place of each tuple of a word.
const EVERY: u64 = 0x5555_5555_5555_5555;
/// The tuple is neither acked nor failed.
const OPEN: u64 = 0b01;
/// The component itself holds the tuple: it has not been handed on as an anchor of something emitted.
const IN_HAND: u64 = 0b10;

/// The tuples of one fragment while they are held, with one share of the flight for all of them.
#[derive(Debug)]
pub(crate) struct Held {
    /// Taken when nothing is open any more although somebody still has (timed out) anchors, so that the flight can land.
    lot: Mutex<Option<Lot>>,
    roots: Roots,
    state: Box<[AtomicU64]>,
    /// Some have timed out: whoever closes the last tuple takes the lot.
    expired: AtomicBool,
    /// Nobody works on them: they wait for something that their component has to do, or has forgotten.
    rests: bool,
    pub(crate) site: Arc<Site>,
    edge: usize,
    sent: Nanos,
    since: Nanos,
}

/// A tuple that is closed and whose failure is yet to be reported: until then its flight must not land, or the tuple would count as good.
#[derive(Debug)]
#[must_use = "a failure that is not reported is a success"]
pub(crate) struct Failing {
    at: usize,
    /// `None`: the flight is none that anybody waits for any more.
    lot: Option<Lot>,
}

impl Held {
    /// The tuples of a fragment, held by a bolt that answers later.
    pub(crate) fn at_rest<T>(fragment: &Fragment<T>, site: &Arc<Site>) -> Arc<Self> {
        Self::of(&fragment.lot, &fragment.batch.roots, site, (fragment.edge, fragment.sent), true)
    }

    /// The tuples of a fragment on their way to the outside.
    pub(crate) fn in_work<T>(fragment: &Fragment<T>, site: &Arc<Site>) -> Arc<Self> {
        Self::of(&fragment.lot, &fragment.batch.roots, site, (fragment.edge, fragment.sent), false)
    }

    pub(super) fn of(
        lot: &Lot,
        roots: &Roots,
        site: &Arc<Site>,
        (edge, sent): (usize, Nanos),
        rests: bool,
    ) -> Arc<Self> {
        let words = (0..roots.len()).step_by(PER_WORD).map(|first| {
            let count = PER_WORD.min(roots.len() - first);
            let bits = (0..count).fold(0, |bits, _| bits << 2 | OPEN | IN_HAND);
            AtomicU64::new(bits)
        });
        let state = words.collect();
        site.taken_in_hand(roots.len());
        let held = Arc::new(Self {
            lot: Mutex::new(Some(lot.clone())),
            roots: roots.clone(),
            state,
            expired: AtomicBool::new(false),
            rests,
            since: site.clock.now(),
            site: Arc::clone(site),
            edge,
            sent,
        });
        lot.hold(&held);
        held
    }

    fn bits(&self, at: usize) -> u64 {
        // Sequentially consistent here and below: of two threads, one that closes the last tuple and one that lets others
        // expire, at least one must see that it is the last.
        self.state[at / PER_WORD].load(Ordering::SeqCst) >> (at % PER_WORD * 2)
    }

    /// Clears bits of a tuple and says which of all its bits were set before.
    fn clear(&self, at: usize, bits: u64) -> u64 {
        let shift = at % PER_WORD * 2;
        self.state[at / PER_WORD].fetch_and(!(bits << shift), Ordering::SeqCst) >> shift
    }

    /// Closes a tuple; false if it was closed before.
    pub(crate) fn close(&self, at: usize) -> bool {
        if self.bits(at) & OPEN == 0 {
            return false;
        }
        let before = self.clear(at, OPEN | IN_HAND);
        if before & OPEN == 0 {
            return false;
        }
        self.site.closed(1, usize::from(before & IN_HAND != 0));
        true
    }

    /// The tuple is handed on: its fate is that of what was emitted for it, and it cannot time out any more.
    pub(crate) fn hand_on(&self, at: usize) {
        if self.clear(at, IN_HAND) & IN_HAND != 0 {
            self.site.handed_on(1);
        }
    }

    pub(crate) fn ack(&self, at: usize) {
        if self.close(at) {
            self.site.acked(self.edge, 1);
            self.land_if_expired();
        }
    }

    pub(crate) fn fail(&self, at: usize, failure: &Failure) {
        if let Some(failing) = self.close_to_fail(at) {
            self.report(failing, &self.autopsy(failure));
        }
    }

    pub(crate) fn fail_with(&self, at: usize, autopsy: &Arc<Autopsy>) {
        if let Some(failing) = self.close_to_fail(at) {
            self.report(failing, autopsy);
        }
    }

    /// Closes a tuple that has failed; `None` if it was closed before.
    pub(crate) fn close_to_fail(&self, at: usize) -> Option<Failing> {
        if self.bits(at) & OPEN == 0 {
            return None;
        }
        // Before it is closed: as soon as nothing is open, whoever closed the last tuple may let the flight land.
        let lot = unpoisoned(&self.lot).clone();
        self.close(at).then_some(Failing { at, lot })
    }

    /// Tells the flight of a failure.
    pub(crate) fn report(&self, failing: Failing, autopsy: &Arc<Autopsy>) {
        let Failing { at, lot } = failing;
        self.site.failed(self.edge, 1);
        self.site.error(&autopsy.reason);
        self.site.heed(autopsy.kind, &autopsy.reason);
        if !lot.is_some_and(|lot| lot.fail(self.roots.at(at), autopsy)) {
            self.site.books.keep(Autopsy::clone(autopsy));
        }
        self.land_if_expired();
    }

    pub(crate) fn autopsy(&self, failure: &Failure) -> Arc<Autopsy> {
        let queued = self.since.saturating_sub(self.sent);
        let worked = self.site.clock.now().saturating_sub(self.since);
        self.site.autopsy(self.edge, queued, worked, failure)
    }

    /// Fails what the component still has in hand. True if there was anything.
    pub(crate) fn expire(&self, failure: &Failure) -> bool {
        self.expired.store(true, Ordering::SeqCst);
        let any = self.fail_where(IN_HAND, failure);
        self.land_if_expired();
        any
    }

    /// A tuple's time is over, which its spout knows already.
    pub(crate) fn expire_one(&self, at: usize, autopsy: &Arc<Autopsy>) {
        self.expired.store(true, Ordering::SeqCst);
        self.fail_with(at, autopsy);
        self.land_if_expired();
    }

    pub(crate) fn has_in_hand(&self) -> bool {
        self.state.iter().any(|word| word.load(Ordering::SeqCst) & (IN_HAND * EVERY) != 0)
    }

    /// Whether nothing else is left of the flight.
    pub(crate) fn is_alone(&self) -> bool {
        unpoisoned(&self.lot).as_ref().is_some_and(|lot| lot.shares() == 1)
    }

    /// What is not ended: its place in here, its root, and where it is.
    pub(crate) fn open(&self) -> impl Iterator<Item = (usize, Root, Place)> {
        let (edge, task, sent, begun) = (self.edge, self.site.task, self.sent, Some(self.since));
        let open = self.roots.iter().enumerate().filter(|(at, _)| self.bits(*at) & OPEN != 0);
        open.map(move |(at, root)| {
            let how = if self.bits(at) & IN_HAND == 0 { How::HandedOn } else { How::InHand };
            (at, root, Place { edge, task, sent, begun, how })
        })
    }

    /// `None`: something of the tree is queued, worked on, or was handed on and is so there. Otherwise all that is left of it is held
    /// somewhere, and the number is another one after every sign of life: a tuple of it taken, handed on, acked or failed.
    ///
    /// The tree is seen as far as the flights go that the tuples came with: what left the spout
    /// with them, or the bolt that answers later, counts as theirs.
    pub(crate) fn signs(&self) -> Option<u64> {
        let signs = self.signs_of_flight(true)?;
        self.ancestors().iter().try_fold(signs, |signs, held| Some(signs.wrapping_add(held.signs_above()?)))
    }

    /// The same of flights that wait for this one: what they have handed on is what was asked about.
    fn signs_above(&self) -> Option<u64> {
        let signs = self.signs_of_flight(false)?;
        self.ancestors().iter().try_fold(signs, |signs, held| Some(signs.wrapping_add(held.signs_above()?)))
    }

    fn ancestors(&self) -> Vec<Arc<Self>> {
        unpoisoned(&self.lot).as_ref().map(Lot::ancestors).unwrap_or_default()
    }

    fn signs_of_flight(&self, counts_handed_on: bool) -> Option<u64> {
        let flight = unpoisoned(&self.lot).as_ref().map(|lot| (lot.shares(), lot.holders()));
        // After its landing there is nothing that could move.
        let Some((shares, (taken, holders))) = flight else { return Some(0) };
        let resting = holders.iter().filter(|held| held.rests && unpoisoned(&held.lot).is_some()).count();
        let words = holders.iter().flat_map(|held| &held.state).map(|word| word.load(Ordering::SeqCst));
        let count = |bit: u64| words.clone().map(|word| u64::from((word & (bit * EVERY)).count_ones())).sum();
        let (open, in_hand): (u64, u64) = (count(OPEN), count(IN_HAND));
        let is_moving = shares > resting || counts_handed_on && open > in_hand;
        // Every sign of life makes it greater.
        (!is_moving).then(|| ((taken as u64) << 32).wrapping_sub(open + in_hand))
    }

    fn fail_where(&self, bit: u64, failure: &Failure) -> bool {
        let mut autopsy = None;
        for at in (0..self.roots.len()).filter(|at| self.bits(*at) & bit != 0) {
            let autopsy = autopsy.get_or_insert_with(|| self.autopsy(failure));
            self.fail_with(at, autopsy);
        }
        autopsy.is_some()
    }

    fn land_if_expired(&self) {
        if self.expired.load(Ordering::SeqCst)
            && self.state.iter().all(|word| word.load(Ordering::SeqCst) == 0)
        {
            // Let go of outside the lock: landing may reach far.
            let lot = unpoisoned(&self.lot).take();
            drop(lot);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Nothing is open here unless the engine itself lost a tuple on its way to the component.
        self.fail_where(OPEN, &Failure::retry("dropped before the component saw it"));
    }
}
