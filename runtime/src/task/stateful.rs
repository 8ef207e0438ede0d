//! Running bolts whose state the engine keeps.

use std::collections::VecDeque;
use std::sync::Arc;

use super::life::Life;
use super::snapshots::{Moment, Snapshots};
use super::{BLOCKED_WAIT, Phase, Step, Task};
use crate::clock::Nanos;
use crate::component::context::TaskContext;
use crate::component::iterator::Factory;
use crate::component::stateful::{Guarantee, StatefulBolt};
use crate::config::Config;
use crate::emitter::Emitter;
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::{Lot, Root, UNTRACKED};
use crate::flow::fragment::Fragment;
use crate::flow::inbox::Inbox;
use crate::flow::lineage::Numbering;
use crate::flow::progress::{How, Place};
use crate::grouping::Keys;
use crate::metrics::site::Site;
use crate::state::lineage::{Lineage, Origin};
use crate::state::writer::Client;
use crate::state::{KeyBytes, Keyed, StateChange, StateError, StateStore, state_namespace};

pub(crate) struct StatefulTask<B: StatefulBolt> {
    life: Life<B>,
    out: Emitter<B::Out>,
    site: Arc<Site>,
    inbox: Arc<Inbox<B::In>>,
    inputs: Inputs<B::In>,
    guarantee: Guarantee,
    /// Of the tuple at work.
    key: KeyBytes,
    state: Keyed<B::State>,
    /// Of an exactly-once bolt.
    lineage: Option<Lineage>,
    /// `None` only when the task is closed.
    snapshots: Option<Snapshots>,
    /// A fragment whose bolt was lost in its midst.
    current: Option<Current<B::In>>,
}

/// The keys of each input.
pub(crate) struct Inputs<T> {
    pub(crate) numbering: Numbering,
    pub(crate) keys: Vec<Arc<dyn Keys<T>>>,
}

/// A fragment at work.
struct Current<T> {
    fragment: Fragment<T>,
    items: VecDeque<T>,
}

/// What a stateful task is made with.
pub(crate) struct StateParts {
    pub(crate) guarantee: Guarantee,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) client: Client,
}

impl<B: StatefulBolt> StatefulTask<B> {
    pub(crate) fn new(
        make: Factory<B>,
        out: Emitter<B::Out>,
        mut context: TaskContext,
        site: Arc<Site>,
        (inbox, inputs): (Arc<Inbox<B::In>>, Inputs<B::In>),
        StateParts { guarantee, store, client }: StateParts,
        limits: &Config,
    ) -> Result<Self, Failure> {
        let _first = site.own.waiting.set(inbox.waiting());
        let namespace = state_namespace(&context.topology, &context.component);
        let lineage = (guarantee == Guarantee::ExactlyOnce).then(|| {
            let components = site.books.plan.components.iter().map(|component| component.name.clone());
            Lineage::load(&*store, &namespace, components.collect(), context.key_groups())
        });
        let snapshots = Snapshots::new(client, &site, limits, context.rng.fork());
        Ok(Self {
            lineage: lineage.transpose()?,
            life: Life::new(make, B::prepare, context, limits)?,
            out,
            inbox,
            inputs,
            guarantee,
            key: KeyBytes::default(),
            state: Keyed::new(store, namespace, limits.state_entries_count_max),
            snapshots: Some(snapshots),
            site,
            current: None,
        })
    }

    /// Works off a fragment, or as much of it as the bolt lives for.
    fn run(&mut self, mut current: Current<B::In>, now: Nanos) {
        let (edge, first) = (current.fragment.edge, current.fragment.done);
        let is_held = self.guarantee != Guarantee::AtMostOnce;
        let lot = current.fragment.lot.clone();
        current.fragment.begin(now);
        self.out.begin(if is_held { lot.clone() } else { Lot::untracked(&self.site.books) });
        let mut failed = 0;
        while !current.items.is_empty() && self.life.revive(now, &self.site).is_ok() {
            let Some(item) = current.items.pop_front() else { break };
            let root = current.fragment.batch.roots[current.fragment.done];
            current.fragment.done += 1;
            self.out.set_root(if is_held { root } else { UNTRACKED });
            let at = current.fragment.done - 1;
            self.out.follow(&current.fragment.batch, at, edge);
            let origin = self.origin(&current.fragment, at);
            if let Some(failure) = self.execute(item, edge, origin) {
                self.fail(&current.fragment, [root], &failure);
                failed += 1;
            }
        }
        let done = self.site.clock.now();
        let count = current.fragment.done - first;
        if let Err(failure) = self.out.end(done) {
            let roots = current.fragment.batch.roots[first..current.fragment.done].iter().copied();
            self.fail(&current.fragment, roots, &failure);
            failed = count;
        }
        self.site.emitted(self.out.take_emitted());
        self.site.executed(count, done.saturating_sub(now));
        self.site.failed(edge, failed);
        match &mut self.snapshots {
            Some(snapshots) if is_held && failed < count => {
                let fragment = &current.fragment;
                let (task, sent, begun) = (self.site.task, fragment.sent, Some(now));
                let place = Place { edge, task, sent, begun, how: How::InHand };
                let stay = lot.stay(place, &fragment.batch.roots[first..fragment.done]);
                snapshots.hold(lot, stay, edge, count - failed);
            }
            _ => self.site.acked(edge, count - failed),
        }
        if current.items.is_empty() {
            current.fragment.batch.items = current.items.into();
            self.inbox.give_back(current.fragment.into_buffers());
        } else {
            self.site.interrupted(current.items.len());
            self.current = Some(current);
        }
    }

    /// Where a tuple comes from, if that is asked for.
    fn origin(&self, fragment: &Fragment<B::In>, at: usize) -> Option<Origin> {
        self.lineage.as_ref()?;
        let (source, position) = fragment.lot.position(fragment.batch.roots[at])?;
        let path = self.inputs.numbering.arrived(&fragment.batch, at, fragment.edge);
        Some(Origin { source, position, path })
    }

    fn resumed(&mut self) -> Option<Current<B::In>> {
        let current = self.current.take()?;
        self.site.resumed(current.items.len());
        Some(current)
    }

    /// One tuple: its effect, then what is to be said of it.
    fn execute(&mut self, tuple: B::In, edge: usize, origin: Option<Origin>) -> Option<Failure> {
        let Self { state, out, inputs, lineage, key, site, .. } = self;
        let floor = |source, partition| site.books.floors.of(source, partition);
        let failure = self.life.attempt(site, |bolt| {
            inputs.keys[edge - inputs.numbering.first_edge].write(&tuple, key);
            let mut lineage = lineage.as_mut().zip(origin.as_ref());
            if let Some((lineage, origin)) = &mut lineage
                && lineage.has(key.group(), origin, floor)
            {
                return match state.get(&key)? {
                    Some(state) => bolt.emit(state, tuple, out),
                    None => bolt.emit(&B::State::default(), tuple, out),
                };
            }
            let state = state.change(key.as_ref(), |state| bolt.update(state, &tuple))?;
            if let Some((lineage, origin)) = lineage {
                lineage.insert(key.group(), origin);
            }
            bolt.emit(state, tuple, out)
        });
        failure.or(self.out.take_misuse())
    }

    /// Fails tuples where somebody waits for them; elsewhere what is left of them is the autopsy.
    #[cold]
    fn fail(&self, fragment: &Fragment<B::In>, roots: impl IntoIterator<Item = Root>, failure: &Failure) {
        let queued = self.site.clock.now().saturating_sub(fragment.sent);
        let autopsy = self.site.autopsy(fragment.edge, queued, 0, failure);
        self.site.trouble(None, failure);
        for root in roots {
            if self.guarantee == Guarantee::AtMostOnce || !fragment.lot.fail(root, &autopsy) {
                self.site.books.keep(Autopsy::clone(&autopsy));
            }
        }
    }

    fn snapshot(&mut self, now: Nanos) {
        let changes = self.changes();
        let Some(snapshots) = &mut self.snapshots else { return };
        match changes {
            Ok(changes) => {
                self.state.write_began();
                if changes.is_empty() {
                    self.state.written();
                }
                snapshots.begin(changes, now);
            }
            Err(error) => snapshots.put_off(error, now),
        }
    }

    /// The effects and, in the same write, whose they are.
    fn changes(&mut self) -> Result<Vec<StateChange>, StateError> {
        let mut changes = self.state.changes()?;
        if let Some(lineage) = &mut self.lineage {
            let floors = &self.site.books.floors;
            changes.extend(lineage.take_changes(|source, partition| floors.of(source, partition)));
        }
        Ok(changes)
    }

    /// Hears of the write under way, and begins another when it is time.
    fn save(&mut self, now: Nanos, phase: Phase) -> bool {
        let Some(snapshots) = &mut self.snapshots else { return false };
        let heard = snapshots.hear(now);
        if heard {
            self.state.written();
        }
        let changed = self.state.dirty_count() > 0;
        let drained = phase == Phase::Draining && self.inbox.is_empty();
        let due = snapshots.is_due(Moment { now, changed, drained });
        if due {
            self.snapshot(now);
        }
        self.site.own.state.holds(self.state.entries_count());
        heard || due
    }

    fn next(&self) -> Option<Nanos> {
        self.snapshots.as_ref()?.next(self.state.dirty_count() > 0)
    }
}

impl<B: StatefulBolt> Task for StatefulTask<B> {
    fn step(&mut self, phase: Phase) -> Step {
        let now = self.site.clock.now();
        let is_free = self.out.unpark(now);
        let mut progress = false;
        let is_full = self.snapshots.as_ref().is_none_or(Snapshots::is_full);
        if is_free && !is_full {
            if let Err(until) = self.life.revive(now, &self.site) {
                let saved = self.save(now, phase);
                return if saved { Step::Progress } else { Step::Wait(Some(until)) };
            }
            let next = self.resumed().or_else(|| self.inbox.pop().map(Current::new));
            if let Some(current) = next {
                self.run(current, now);
                progress = true;
            }
        }
        progress |= self.save(now, phase);
        if progress {
            return Step::Progress;
        }
        let blocked = (!is_free).then(|| now.saturating_add(BLOCKED_WAIT));
        Step::Wait([blocked, self.next()].into_iter().flatten().min())
    }

    fn close(&mut self) {
        let _cleaned = self.life.call(&self.site, B::cleanup);
        let changes = self.changes().unwrap_or_else(|error| {
            tracing::warn!(bolt = self.site.name(), %error, "the last changes of the state are lost");
            Vec::new()
        });
        if let Some(snapshots) = self.snapshots.take() {
            snapshots.end(changes);
        }
        self.out.close();
        self.site.close();
    }
}

impl<T> Current<T> {
    fn new(mut fragment: Fragment<T>) -> Self {
        let items = std::mem::take(&mut fragment.batch.items).into();
        Self { fragment, items }
    }
}
