//! Spouts: where tuples begin.

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use super::context::TaskContext;
use super::dead_letter::{DeadLetter, dead_letters};
use crate::emitter::Emitter;
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::{Ids, Root, UNTRACKED};
use crate::flow::lineage::Position;
use crate::key::key_hash;
use crate::order::Order;

/// A source of tuples that can give a tuple again.
///
/// One task is called by one thread at a time. `open` comes first; then `next` whenever there is room for more tuples, mixed with
/// one of `ack` and `exhausted` for every id and with any number of `fail` and `replay` before it; `close` comes last. After a panic the task
/// is built anew by its factory and opened; it hears no more of what the old instance emitted.
pub trait Spout: Send + 'static {
    /// What it emits.
    type Item: Send + 'static;

    /// Called once before anything else. An error keeps the topology from starting.
    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let _ = context;
        Ok(())
    }

    /// Emits at most [`out.room()`](SpoutEmitter::room) tuples and says whether it may have more. Must not block.
    ///
    /// An error is shown as the task's last error, and `next` is called again after a backoff; what was emitted before it counts.
    fn next(&mut self, out: &mut SpoutEmitter<Self::Item>) -> Result<Next, Failure>;

    /// Called while `next` may not be, as enough tuples are out (`spout_pending_count_max`) or there is no place for more behind: for
    /// what has to go on all the same, such as a connection that is to be answered, or offsets that are to be committed. Must not
    /// block. Says after what time it is to be called again; `None`: there is no such work, ever.
    ///
    /// An error is treated as one of `next`.
    fn idle(&mut self) -> Result<Option<Duration>, Failure> {
        Ok(None)
    }

    /// The tuple and everything made from it are done.
    fn ack(&mut self, id: u64);

    /// The tuple failed, for the reason given. Unless it is [`exhausted`](Self::exhausted), it will be asked for by `replay`.
    fn fail(&mut self, id: u64, autopsy: &Autopsy) {
        let _ = (id, autopsy);
    }

    /// Gives a failed tuple again. `None`: it is gone; it is then given up, which an autopsy tells, and nothing more is called for it.
    ///
    /// An error means that it cannot be had now. It is shown as the task's last error, the tuple stays out, no attempt is counted, and
    /// after a backoff the spout is asked again.
    fn replay(&mut self, id: u64) -> Result<Option<Self::Item>, Failure>;

    /// The tuple failed for the last time: it was rejected, or `attempts_max` is reached (never, if that is not set).
    ///
    /// Where somebody reads the stream's [dead letters](crate::Stream::dead_letters), it is called when the letter is done, so when all
    /// that is made of it is as durable as it will be.
    ///
    /// Neither `ack` nor `replay` will follow: the tuple is given up. Without an own implementation `ack` is called for it, so that the
    /// spout lets go of it; the books count it as given up all the same.
    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        let _ = autopsy;
        self.ack(id);
    }

    /// How an id says where the tuple stands in the source, for a spout whose source gives the same tuples at the same positions after a
    /// restart. Exactly-once bolts need it; spouts that have no such source leave it out.
    fn positions() -> Option<fn(u64) -> Position>
    where
        Self: Sized,
    {
        None
    }

    /// The offset of a partition below which everything is done, and nothing is ever given again, not by another process either: of a log, what is
    /// durably committed after it was done. Exactly-once bolts forget what lies below it, and pass over what still comes from there. Asked after acks.
    fn replay_from(&self, partition: u32) -> u64 {
        let _ = partition;
        0
    }

    /// Called once at shutdown, when no more tuples are out or the deadline has passed.
    fn close(&mut self) {}
}

/// What a spout can say after [`Spout::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There may be more at once.
    Emitted,
    /// There is nothing now: ask again after this time, or when the [task's waker](TaskContext::waker) is called.
    Idle(Duration),
    /// There is nothing more to come, ever.
    Exhausted,
}

/// Where a spout puts its tuples.
pub struct SpoutEmitter<T> {
    pub(crate) out: Emitter<T>,
    pub(crate) ids: Ids,
    pub(crate) room: usize,
    order: Order<T>,
    /// Tuples that came to wait in `order` since the last look.
    queued: usize,
}

impl<T> SpoutEmitter<T> {
    pub(crate) fn new(out: Emitter<T>) -> Self {
        Self { out, ids: Ids::default(), room: 0, order: Order::default(), queued: 0 }
    }

    /// How many tuples may be emitted in this call of `next`.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Emits a tuple under an id that no other tuple of this task has while this one is out.
    #[inline]
    pub fn emit(&mut self, id: u64, item: T) {
        let root = self.root(id);
        self.room = self.room.saturating_sub(1);
        self.out.emit_as(root, item);
    }

    /// The root of a tuple with that id. Not inlined, so that the loops of spouts do not carry what a list of ids asks for.
    #[inline(never)]
    fn root(&mut self, id: u64) -> Root {
        // A flight holds no more tuples than a spout emits in one step, far fewer than 2^32.
        Root::try_from(self.ids.push(id)).unwrap_or(UNTRACKED)
    }

    /// Emits a tuple that does not overtake: it goes out when all tuples emitted before it under an equal key are acked or given up. One
    /// that has failed and waits for its retry so holds up the later ones of its key, and nobody else.
    ///
    /// It counts as pending from now on. Of a key one tuple is out at a time, so a key gets on no faster than its tuples, one by one, come
    /// to their end. Keys are compared by hash.
    pub fn emit_ordered<K: Hash + ?Sized>(&mut self, key: &K, id: u64, item: T) {
        if let Some(item) = self.order.admit(key_hash(key), id, item) {
            self.emit(id, item);
        } else {
            self.room = self.room.saturating_sub(1);
            self.queued += 1;
        }
    }

    /// Emits a tuple that nobody waits for: it is neither acked nor replayed.
    pub fn emit_untracked(&mut self, item: T) {
        self.out.emit_as(UNTRACKED, item);
    }

    pub(crate) fn take_queued(&mut self) -> usize {
        std::mem::take(&mut self.queued)
    }

    /// Whether some tuple that is out must not be overtaken.
    pub(crate) fn has_order(&self) -> bool {
        !self.order.is_empty()
    }

    /// A tuple is done; another one may have waited for that.
    pub(crate) fn done(&mut self, id: u64) {
        self.order.done(id);
    }

    /// Emits a tuple that has waited for its turn; false if there is none.
    pub(crate) fn emit_ready(&mut self) -> bool {
        let ready = self.order.pop_ready();
        let any = ready.is_some();
        if let Some((id, item)) = ready {
            self.emit(id, item);
        }
        any
    }

    /// The tuples that wait for others of their keys.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.order.waiting()
    }

    /// Forgets everything that is not sent.
    pub(crate) fn discard(&mut self) {
        self.ids = Ids::default();
        self.queued = 0;
        self.order.clear();
        self.out.discard();
    }
}

impl<T: Send + 'static> SpoutEmitter<T> {
    /// Emits a tuple that is given up, to whoever reads dead letters.
    pub(crate) fn emit_dead_letter(&mut self, id: u64, letter: DeadLetter<T>) {
        let root = self.root(id);
        self.out.emit_to_as(root, &dead_letters(), letter);
    }
}

impl<T> fmt::Debug for SpoutEmitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpoutEmitter").field("room", &self.room).finish_non_exhaustive()
    }
}
