//! Where a component puts what it makes of its tuples.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::clock::Nanos;
use crate::component::bolt::StreamId;
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::{Lot, Root, UNTRACKED};
use crate::flow::fragment::Batch;
use crate::flow::lineage::Numbering;
use crate::metrics::site::Site;
use crate::route::{AnyPort, Port};
use crate::tuple::Anchors;

/// The outputs of a task.
///
/// Tuples are collected and leave the task together, at the end of a step at the latest.
pub struct Emitter<T> {
    site: Arc<Site>,
    main: Port<T>,
    sides: Vec<(&'static str, Box<dyn AnyPort>)>,
    /// The root that plain emissions descend from.
    root: Root,
    anchoring: Anchoring,
    /// So many tuples are sent before the end of a step.
    full_at: usize,
    emitted: usize,
    /// Only where an exactly-once bolt is downstream.
    numbering: Option<Numbering>,
    /// An emission that could not be made; the tuple at hand fails for it.
    misuse: Option<Failure>,
}

/// Where the roots of emissions come from.
enum Anchoring {
    /// From the flight of the input, which is known from the beginning.
    Input(Option<Lot>),
    /// From a flight that is being collected.
    Derived(Collected),
}

/// The roots of a derived flight, until it is sent.
#[derive(Default)]
struct Collected {
    /// One entry a root.
    groups: Vec<Option<Anchors>>,
    /// So many of them belong to calls that have gone well.
    concluded: usize,
    /// Anchored in the present call without an emission.
    unemitted: Anchors,
}

impl<T> Emitter<T> {
    pub(crate) fn new(
        site: Arc<Site>,
        main: Port<T>,
        sides: Vec<(&'static str, Box<dyn AnyPort>)>,
        batch_count_max: usize,
    ) -> Self {
        // Dealt to many tasks, a batch falls into pieces; a larger one keeps the pieces worth their way.
        let full_at = batch_count_max.saturating_mul(main.lanes().div_ceil(2));
        let anchoring = Anchoring::Input(None);
        Self {
            site,
            main,
            sides,
            root: UNTRACKED,
            anchoring,
            full_at,
            emitted: 0,
            numbering: None,
            misuse: None,
        }
    }

    /// Makes it number what it emits.
    pub(crate) fn numbered(mut self, numbering: Option<Numbering>) -> Self {
        self.numbering = numbering;
        self
    }

    /// From here on emissions descend from the tuple that is the batch's at this place.
    #[inline]
    pub(crate) fn follow<U>(&mut self, batch: &Batch<U>, at: usize, edge: usize) {
        if self.numbering.is_some() {
            self.follow_numbered(batch, at, edge);
        }
    }

    /// Not inlined, so that what has no numbers does not carry this in its innermost loop.
    #[inline(never)]
    fn follow_numbered<U>(&mut self, batch: &Batch<U>, at: usize, edge: usize) {
        self.number();
        if let Some(numbering) = &mut self.numbering {
            numbering.parent = numbering.arrived(batch, at, edge);
        }
    }

    fn number(&mut self) {
        if let Some(Numbering { component, parent, .. }) = &self.numbering {
            let (component, parent) = (*component, *parent);
            self.main.number(parent, component, 0);
            for (stream, (_, port)) in self.sides.iter_mut().enumerate() {
                port.number(parent, component, stream + 1);
            }
        }
    }

    /// Makes it collect flights of its own, as deferred bolts do.
    pub(crate) fn derived(mut self) -> Self {
        self.anchoring = Anchoring::Derived(Collected::default());
        self
    }

    /// Emits a tuple to the main stream.
    #[inline]
    pub fn emit(&mut self, tuple: T) {
        self.emit_as(self.root, tuple);
    }

    /// Emits a tuple to a stream that the component has declared.
    pub fn emit_to<U: 'static>(&mut self, stream: &StreamId<U>, tuple: U) {
        self.emit_to_as(self.root, stream, tuple);
    }

    /// Emits a tuple to one task of every consumer that reads the main stream by direct grouping, and to no other consumer.
    pub fn emit_direct(&mut self, task: usize, tuple: T) {
        self.emitted += 1;
        self.main.push_direct(task, tuple, self.root);
    }

    /// An emitter whose emissions stand for all of the tuples in `anchors`: when everything made from all of the emissions is done,
    /// the tuples are acked; when any of it fails, they all fail at once. Without an emission they are acked when the call that
    /// anchored them returns. A call that returns an error or panics fails everything it has anchored.
    ///
    /// For deferred bolts; elsewhere there are no anchors to be had.
    pub fn anchored(&mut self, anchors: Anchors) -> Anchored<'_, T> {
        let root = match &mut self.anchoring {
            Anchoring::Derived(Collected { groups, .. }) => {
                anchors.hand_on();
                groups.push(Some(anchors));
                // Groups are bounded by the tuples held, far fewer than 2^32.
                Root::try_from(groups.len() - 1).unwrap_or(UNTRACKED)
            }
            Anchoring::Input(_) => {
                anchors.fail(Failure::retry("anchored in the emitter of another component"));
                self.root
            }
        };
        Anchored { emitted_before: self.emitted, emitter: self, root }
    }

    #[inline]
    pub(crate) fn emit_as(&mut self, root: Root, tuple: T) {
        self.emitted += 1;
        self.main.push(tuple, root);
    }

    pub(crate) fn emit_to_as<U: 'static>(&mut self, root: Root, stream: &StreamId<U>, tuple: U) {
        let side = self.sides.iter_mut().find(|(name, _)| *name == stream.name());
        if let Some(port) = side.and_then(|(_, port)| port.as_any().downcast_mut::<Port<U>>()) {
            self.emitted += 1;
            port.push(tuple, root);
        } else {
            let reason = format!("stream `{}` is not declared; name it in `declare`", stream.name());
            self.misuse = Some(Failure::reject(reason));
        }
    }

    /// Whether there is a stream of that name beside the main one.
    pub(crate) fn has_side(&self, name: &str) -> bool {
        self.sides.iter().any(|(side, _)| *side == name)
    }

    /// From here on emissions belong to this flight.
    pub(crate) fn begin(&mut self, lot: Lot) {
        self.anchoring = Anchoring::Input(Some(lot));
    }

    /// From here on emissions descend from this root of the flight.
    #[inline]
    pub(crate) fn set_root(&mut self, root: Root) {
        self.root = root;
    }

    /// An emission that could not be made since the last look.
    #[inline]
    pub(crate) fn take_misuse(&mut self) -> Option<Failure> {
        // There hardly ever is one, and taking it writes where looking only reads.
        if self.misuse.is_none() { None } else { self.misuse.take() }
    }

    /// Whether enough is collected to be worth sending before the end of the step.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.main.len() >= self.full_at
    }

    /// Sends what is collected. False: some of it is parked, and the task should stop.
    ///
    /// Keys and mappings are the user's code and may panic: then nothing of this batch can be relied on, and the caller
    /// fails all of its roots.
    pub(crate) fn flush(&mut self, now: Nanos) -> Result<bool, Failure> {
        if self.is_empty() {
            if let Anchoring::Derived(Collected { groups, concluded, .. }) = &mut self.anchoring {
                groups.clear();
                *concluded = 0;
            }
            return Ok(true);
        }
        self.number();
        let lot = match &mut self.anchoring {
            Anchoring::Input(Some(lot)) => lot.clone(),
            Anchoring::Input(None) => Lot::untracked(&self.site.books),
            Anchoring::Derived(collected) => Lot::derived(std::mem::take(collected).groups, &self.site.books),
        };
        let sent = catch_unwind(AssertUnwindSafe(|| {
            let mut open = self.main.flush(&lot, now);
            for (_, port) in &mut self.sides {
                open &= port.flush(&lot, now);
            }
            open
        }));
        sent.map_err(|panic| {
            self.discard();
            let failure = Failure::retry(format!("grouping or mapping: {}", panic_reason(&*panic)));
            // Of a derived flight only this place knows the roots.
            lot.fail_groups(&failure);
            failure
        })
    }

    /// A call of a deferred bolt is over. After an error some of what it should have emitted may be missing, so nothing that
    /// it anchored may ack.
    pub(crate) fn conclude(&mut self, failure: Option<&Failure>) {
        let Anchoring::Derived(collected) = &mut self.anchoring else {
            return;
        };
        let unemitted = collected.unemitted.take();
        let begun = std::mem::replace(&mut collected.concluded, collected.groups.len());
        let Some(failure) = failure else {
            unemitted.ack();
            return;
        };
        let groups = collected.groups[begun..].iter_mut().filter_map(Option::take);
        std::iter::once(unemitted).chain(groups).for_each(|anchors| anchors.fail(failure.clone()));
    }

    /// Sends what is collected and lets go of the flight.
    pub(crate) fn end(&mut self, now: Nanos) -> Result<bool, Failure> {
        let sent = self.flush(now);
        if let Anchoring::Input(lot) = &mut self.anchoring {
            *lot = None;
        }
        self.root = UNTRACKED;
        sent
    }

    /// Forgets what is collected.
    pub(crate) fn discard(&mut self) {
        self.main.clear();
        self.sides.iter_mut().for_each(|(_, port)| port.clear());
    }

    /// Tries to send what was parked; true if nothing is parked any more.
    pub(crate) fn unpark(&mut self, now: Nanos) -> bool {
        let mut open = self.main.unpark(now);
        for (_, port) in &mut self.sides {
            open &= port.unpark(now);
        }
        open
    }

    /// Tuples emitted since the last call.
    pub(crate) fn take_emitted(&mut self) -> usize {
        std::mem::take(&mut self.emitted)
    }

    fn is_empty(&self) -> bool {
        self.main.is_empty() && self.sides.iter().all(|(_, port)| port.is_empty())
    }

    /// Ends the components that run inside this one's outputs.
    pub(crate) fn close(&mut self) {
        self.main.close();
        self.sides.iter_mut().for_each(|(_, port)| port.close());
    }
}

impl<T> Drop for Emitter<T> {
    fn drop(&mut self) {
        // Collected and never sent: possible only if the engine itself fell over in the middle of a step.
        if let Anchoring::Input(Some(lot)) = &self.anchoring {
            let own = self.site.own_autopsy("dropped before it was sent".to_owned());
            let autopsy = Arc::new(Autopsy { spout: String::new(), ..own });
            self.main.fail_collected(lot, &autopsy);
            self.sides.iter().for_each(|(_, port)| port.fail_collected(lot, &autopsy));
        }
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("collected", &self.main.len()).finish_non_exhaustive()
    }
}

/// What [`Emitter::anchored`] returns.
pub struct Anchored<'a, T> {
    emitter: &'a mut Emitter<T>,
    root: Root,
    emitted_before: usize,
}

impl<T> Anchored<'_, T> {
    /// Emits a tuple to the main stream.
    pub fn emit(&mut self, tuple: T) {
        self.emitter.emit_as(self.root, tuple);
    }

    /// Emits a tuple to a stream that the component has declared.
    pub fn emit_to<U: 'static>(&mut self, stream: &StreamId<U>, tuple: U) {
        self.emitter.emit_to_as(self.root, stream, tuple);
    }

    /// Emits a tuple to one task of every consumer that reads the main stream by direct grouping.
    pub fn emit_direct(&mut self, task: usize, tuple: T) {
        self.emitter.emitted += 1;
        self.emitter.main.push_direct(task, tuple, self.root);
    }
}

impl<T> Drop for Anchored<'_, T> {
    fn drop(&mut self) {
        if self.emitter.emitted == self.emitted_before
            && let Anchoring::Derived(Collected { groups, unemitted, .. }) = &mut self.emitter.anchoring
            && let Some(anchors) = groups.get_mut(self.root as usize).and_then(Option::take)
        {
            unemitted.append(anchors);
        }
    }
}

impl<T> fmt::Debug for Anchored<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchored").field("root", &self.root).finish_non_exhaustive()
    }
}

/// What a panic says.
pub(crate) fn panic_reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}
