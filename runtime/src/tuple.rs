//! Tuples that a component owns and answers for.

use std::fmt;
use std::sync::Arc;

use crate::failure::{Autopsy, Failure};
use crate::flow::held::{Failing, Held};

/// A tuple owned by a [`DeferredBolt`](crate::DeferredBolt), which must end it by [`ack`](Self::ack) or [`fail`](Self::fail).
///
/// Both take the tuple, so that it cannot be acked twice:
/// ```compile_fail,E0382
/// fn twice(tuple: trombe::Tuple<u8>) {
///     tuple.ack();
///     tuple.ack();
/// }
/// ```
/// One that is dropped (forgotten, or lost to an early return or a panic) has failed and will be replayed.
#[must_use = "a tuple that is dropped has failed"]
pub struct Tuple<T> {
    value: T,
    anchor: Anchor,
}

impl<T> Tuple<T> {
    pub(crate) fn new(value: T, anchor: Anchor) -> Self {
        Self { value, anchor }
    }

    /// What the tuple carries.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The value to keep or consume, and the anchor that has yet to be ended.
    pub fn into_parts(self) -> (T, Anchor) {
        (self.value, self.anchor)
    }

    /// The tuple has been dealt with, durably.
    pub fn ack(self) {
        self.anchor.ack();
    }

    /// The tuple could not be dealt with.
    #[expect(clippy::needless_pass_by_value, reason = "a failure is given away, as in `return Err(failure)`")]
    pub fn fail(self, failure: Failure) {
        self.anchor.held.fail(self.anchor.at, &failure);
    }
}

impl<T: fmt::Debug> fmt::Debug for Tuple<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tuple").field(&self.value).finish()
    }
}

/// The obligation to end a tuple, without its value.
#[must_use = "an anchor that is dropped fails its tuple"]
pub struct Anchor {
    held: Arc<Held>,
    at: usize,
}

impl Anchor {
    pub(crate) fn new(held: Arc<Held>, at: usize) -> Self {
        Self { held, at }
    }

    /// The tuple has been dealt with, durably.
    pub fn ack(self) {
        self.held.ack(self.at);
    }

    /// The tuple could not be dealt with.
    #[expect(clippy::needless_pass_by_value, reason = "a failure is given away, as in `return Err(failure)`")]
    pub fn fail(self, failure: Failure) {
        self.held.fail(self.at, &failure);
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        // After `ack` and `fail` it is closed. If not, the reason may be an `Err` that is just being returned, so the
        // task that knows it is asked to say why.
        if let Some(failing) = self.held.close_to_fail(self.at) {
            self.held.site.orphan(Orphan { held: Arc::clone(&self.held), failing });
        }
    }
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchor").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A tuple dropped without an answer, whose failure is yet to be explained and reported.
#[derive(Debug)]
pub(crate) struct Orphan {
    held: Arc<Held>,
    failing: Failing,
}

impl Orphan {
    pub(crate) fn fail(self, failure: &Failure) {
        let autopsy = self.held.autopsy(failure);
        self.held.report(self.failing, &autopsy);
        self.held.site.resumed(1);
    }
}

/// A bag of anchors that share a fate: what is emitted for all of them together.
///
/// See [`Emitter::anchored`](crate::Emitter::anchored). Dropped, it fails all of its tuples.
#[derive(Debug, Default)]
#[must_use = "anchors that are dropped fail their tuples"]
pub struct Anchors(Vec<Anchor>);

impl Anchors {
    /// An empty bag.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a tuple's anchor.
    pub fn add(&mut self, anchor: Anchor) {
        self.0.push(anchor);
    }

    /// Takes over all anchors of another bag.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many tuples it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves an empty bag behind.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Acks every tuple.
    pub fn ack(self) {
        self.0.into_iter().for_each(Anchor::ack);
    }

    /// Fails every tuple.
    #[expect(clippy::needless_pass_by_value, reason = "a failure is given away, as in `return Err(failure)`")]
    pub fn fail(self, failure: Failure) {
        for anchor in self.0 {
            anchor.held.fail(anchor.at, &failure);
        }
    }

    /// Who holds the tuples, one entry a tuple.
    pub(crate) fn holders(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.0.iter().map(|anchor| &anchor.held)
    }

    /// From here on their fate is that of what was emitted for them.
    pub(crate) fn hand_on(&self) {
        for anchor in &self.0 {
            anchor.held.hand_on(anchor.at);
        }
    }

    pub(crate) fn fail_with(self, autopsy: &Arc<Autopsy>) {
        for anchor in self.0 {
            anchor.held.fail_with(anchor.at, autopsy);
        }
    }
}

impl Extend<Anchor> for Anchors {
    fn extend<I: IntoIterator<Item = Anchor>>(&mut self, anchors: I) {
        self.0.extend(anchors);
    }
}

impl FromIterator<Anchor> for Anchors {
    fn from_iter<I: IntoIterator<Item = Anchor>>(anchors: I) -> Self {
        Self(anchors.into_iter().collect())
    }
}

impl<T> From<Tuple<T>> for Anchor {
    fn from(tuple: Tuple<T>) -> Self {
        tuple.anchor
    }
}
