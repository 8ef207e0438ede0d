//! Running bolts whose state the engine keeps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::vec::Drain;

use super::effects::{Effects, Inputs};
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
use crate::flow::progress::{How, Place};
use crate::metrics::site::Site;
use crate::state::lineage::Lineage;
use crate::state::writer::Client;
use crate::state::{Keyed, StateChange, StateError, StateStore, state_namespace};

pub(crate) struct StatefulTask<B: StatefulBolt> {
    life: Life<B>,
    out: Emitter<B::Out>,
    site: Arc<Site>,
    inbox: Arc<Inbox<B::In>>,
    guarantee: Guarantee,
    effects: Effects<B>,
    /// `None` only when the task is closed.
    snapshots: Option<Snapshots>,
    /// A fragment whose bolt was lost in its midst.
    current: Option<Fragment<B::In>>,
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
        let state = Keyed::new(store, namespace, limits.state_entries_count_max);
        Ok(Self {
            effects: Effects::new(inputs, state, lineage.transpose()?),
            life: Life::new(make, B::prepare, context, limits)?,
            out,
            inbox,
            guarantee,
            snapshots: Some(snapshots),
            site,
            current: None,
        })
    }

    /// Works off a fragment, or as much of it as the bolt lives for.
    fn run(&mut self, mut fragment: Fragment<B::In>, now: Nanos) {
        let (edge, first) = (fragment.edge, fragment.done);
        let is_held = self.guarantee != Guarantee::AtMostOnce;
        let lot = fragment.lot.clone();
        fragment.begin(now);
        self.out.begin(if is_held { lot.clone() } else { Lot::untracked(&self.site.books) });
        let mut items = std::mem::take(&mut fragment.batch.items);
        let mut rest = items.drain(..);
        let mut failed = 0;
        while rest.len() > 0 && self.life.revive(now, &self.site).is_ok() {
            failed += self.execute(&mut rest, &mut fragment);
        }
        let left: Vec<B::In> = rest.collect();
        fragment.batch.items = if left.is_empty() { items } else { left };
        let done = self.site.clock.now();
        let count = fragment.done - first;
        if let Err(failure) = self.out.end(done) {
            let roots = fragment.batch.roots.range(first..fragment.done);
            roots.for_each(|root| fail(&self.site, self.guarantee, &fragment, root, &failure));
            failed = count;
        }
        self.site.emitted(self.out.take_emitted());
        self.site.executed(count, done.saturating_sub(now));
        if failed > 0 {
            self.site.failed(edge, failed);
        }
        match &mut self.snapshots {
            Some(snapshots) if is_held && failed < count => {
                let (task, sent, begun) = (self.site.task, fragment.sent, Some(now));
                let place = Place { edge, task, sent, begun, how: How::InHand };
                let stay = lot.stay(place, || fragment.batch.roots.range(first..fragment.done).collect());
                snapshots.hold(lot, stay, edge, count - failed);
            }
            _ => self.site.acked(edge, count - failed),
        }
        if fragment.batch.items.is_empty() {
            self.inbox.give_back(fragment.into_buffers());
        } else {
            self.site.interrupted(fragment.batch.items.len());
            self.current = Some(fragment);
        }
    }

    /// Executes until the tuples are worked off or the bolt panics. Says how many have failed.
    fn execute(&mut self, rest: &mut Drain<'_, B::In>, fragment: &mut Fragment<B::In>) -> usize {
        let Self { life, out, effects, guarantee, site, .. } = self;
        let Some(bolt) = life.get() else { return 0 };
        let is_held = *guarantee != Guarantee::AtMostOnce;
        let mut failed = 0;
        let ran = catch_unwind(AssertUnwindSafe(|| {
            for tuple in rest {
                let (at, root) = (fragment.done, fragment.batch.roots.at(fragment.done));
                fragment.done += 1;
                out.set_root(if is_held { root } else { UNTRACKED });
                out.follow(&fragment.batch, at, fragment.edge);
                let executed = effects.execute(bolt, tuple, (fragment, at), out, &site.books.floors);
                if let Some(failure) = executed.err().or(out.take_misuse()) {
                    fail(site, *guarantee, fragment, root, &failure);
                    failed += 1;
                }
            }
        }));
        if let Err(panic) = ran {
            let failure = life.crash(&*panic, site);
            drop(out.take_misuse());
            fail(site, *guarantee, fragment, fragment.batch.roots.at(fragment.done - 1), &failure);
            failed += 1;
        }
        failed
    }

    fn resumed(&mut self) -> Option<Fragment<B::In>> {
        let current = self.current.take()?;
        self.site.resumed(current.batch.items.len());
        Some(current)
    }

    fn snapshot(&mut self, now: Nanos) {
        let changes = self.changes();
        let Some(snapshots) = &mut self.snapshots else { return };
        match changes {
            Ok(changes) => {
                self.effects.state.write_began();
                let is_nothing = changes.is_empty();
                snapshots.begin(changes, now);
                if is_nothing {
                    self.written();
                }
            }
            Err(error) => snapshots.put_off(error, now),
        }
    }

    /// The effects and, in the same write, whose they are.
    fn changes(&mut self) -> Result<Vec<StateChange>, StateError> {
        let mut changes = self.effects.contain(|state| state.changes())??;
        if let Some(lineage) = &mut self.effects.lineage {
            let floors = &self.site.books.floors;
            changes.extend(lineage.take_changes(|source, partition| floors.of(source, partition)));
        }
        Ok(changes)
    }

    /// What was being written is in the store.
    fn written(&mut self) {
        if let Err(error) = self.effects.contain(Keyed::written) {
            self.site.trouble(Some("snapshot"), &error.into());
        }
    }

    /// Hears of the write under way, and begins another when it is time.
    fn save(&mut self, now: Nanos, phase: Phase) -> bool {
        let heard = self.snapshots.as_mut().is_some_and(|snapshots| snapshots.hear(now));
        if heard {
            self.written();
        }
        let Some(snapshots) = &self.snapshots else { return false };
        let changed = self.effects.state.dirty_count() > 0;
        let drained = phase == Phase::Draining && self.inbox.is_empty();
        let due = snapshots.is_due(Moment { now, changed, drained });
        if due {
            self.snapshot(now);
        }
        self.site.own.state.holds(self.effects.state.entries_count());
        heard || due
    }

    fn next(&self) -> Option<Nanos> {
        self.snapshots.as_ref()?.next(self.effects.state.dirty_count() > 0)
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
            if let Some(fragment) = self.resumed().or_else(|| self.inbox.pop()) {
                self.run(fragment, now);
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
            self.site.trouble(Some("snapshot"), &error.into());
            Vec::new()
        });
        if let Some(snapshots) = self.snapshots.take() {
            snapshots.end(changes, self.guarantee);
        }
        if let Err(error) = self.effects.contain(Keyed::clear) {
            self.site.trouble(Some("cleanup"), &error.into());
        }
        self.out.close();
        self.site.close();
    }
}

/// Fails a tuple if somebody waits for it; otherwise what is left of it is the autopsy.
#[cold]
fn fail<T>(site: &Site, guarantee: Guarantee, fragment: &Fragment<T>, root: Root, failure: &Failure) {
    let queued = site.clock.now().saturating_sub(fragment.sent);
    let autopsy = site.autopsy(fragment.edge, queued, 0, failure);
    site.trouble(None, failure);
    if guarantee == Guarantee::AtMostOnce || !fragment.lot.fail(root, &autopsy) {
        site.books.keep(Autopsy::clone(&autopsy));
    }
}
