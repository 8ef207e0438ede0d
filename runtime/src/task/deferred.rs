//! Running bolts that answer later.

use std::sync::Arc;

use super::inactivity::Inactivity;
use super::life::Life;
use super::{BLOCKED_WAIT, Phase, Step, Task, Ticker};
use crate::clock::{Nanos, millis};
use crate::component::context::TaskContext;
use crate::component::deferred::DeferredBolt;
use crate::component::iterator::Factory;
use crate::config::Config;
use crate::emitter::Emitter;
use crate::failure::Failure;
use crate::flow::fragment::Fragment;
use crate::flow::held::Held;
use crate::flow::inbox::Inbox;
use crate::metrics::site::Site;
use crate::retry::Backoff;
use crate::rng::Rng;
use crate::tuple::{Anchor, Tuple};

/// How often a draining task is asked to flush as long as it holds tuples.
const DRAIN_FLUSH: Nanos = millis(5);

pub(crate) struct DeferredTask<B: DeferredBolt> {
    life: Life<B>,
    out: Emitter<B::Out>,
    site: Arc<Site>,
    inbox: Arc<Inbox<B::In>>,
    ticker: Option<Ticker>,
    inactivity: Inactivity,
    held_count_max: usize,
    flush: FlushState,
}

/// When the next flush is due.
struct FlushState {
    /// Tuples were executed since the last flush that went well, or a flush failed since.
    dirty: bool,
    /// After a failure, and while draining.
    not_before: Nanos,
    failures: u32,
    backoff: Backoff,
    rng: Rng,
}

impl<B: DeferredBolt> DeferredTask<B> {
    pub(crate) fn new(
        make: Factory<B>,
        out: Emitter<B::Out>,
        mut context: TaskContext,
        site: Arc<Site>,
        inbox: Arc<Inbox<B::In>>,
        tick_ms: Option<u64>,
        limits: &Config,
    ) -> Result<Self, Failure> {
        let flush = FlushState {
            dirty: false,
            not_before: 0,
            failures: 0,
            backoff: Backoff::new(limits),
            rng: context.rng.fork(),
        };
        let _first = site.own.waiting.set(inbox.waiting());
        Ok(Self {
            life: Life::new(make, B::prepare, context, limits)?,
            out,
            inbox,
            ticker: Ticker::new(tick_ms, site.clock.now()),
            site,
            inactivity: Inactivity::new(limits.inactivity_timeout_ms),
            held_count_max: limits.held_count_max,
            flush,
        })
    }

    fn run(&mut self, mut fragment: Fragment<B::In>, now: Nanos) {
        let count = fragment.batch.len();
        let held = Held::at_rest(&fragment, &self.site);
        let mut items = std::mem::take(&mut fragment.batch.items);
        fragment.done = count;
        for (at, item) in items.drain(..).enumerate() {
            if self.life.revive(now, &self.site).is_err() {
                // The rest cannot be worked on; `held` fails what nobody has taken.
                break;
            }
            let tuple = Tuple::new(item, Anchor::new(Arc::clone(&held), at));
            let out = &mut self.out;
            let failure = self.life.attempt(&self.site, |bolt| bolt.execute(tuple, out));
            let failure = failure.or(self.out.take_misuse());
            self.out.conclude(failure.as_ref());
            if let Some(failure) = failure {
                self.site.trouble(None, &failure);
                self.site.fail_orphans(Some(&failure));
            }
        }
        fragment.batch.items = items;
        self.inbox.give_back(fragment.into_buffers());
        let done = self.site.clock.now();
        self.inactivity.watch(&held, now);
        self.site.executed(count, done.saturating_sub(now));
        self.send(done);
        self.flush.dirty = true;
    }

    fn flush(&mut self, now: Nanos) {
        let out = &mut self.out;
        let failure = self.life.attempt(&self.site, |bolt| bolt.flush(out));
        let failure = failure.or(self.out.take_misuse());
        self.out.conclude(failure.as_ref());
        let state = &mut self.flush;
        if let Some(failure) = failure {
            self.site.trouble(Some("flush"), &failure);
            self.site.fail_orphans(Some(&failure));
            state.failures = state.failures.saturating_add(1);
            state.dirty = true;
            state.not_before = now.saturating_add(state.backoff.wait(state.failures, &mut state.rng));
        } else {
            state.failures = 0;
            state.dirty = false;
            state.not_before = now.saturating_add(DRAIN_FLUSH);
        }
        self.send(now);
    }

    fn send(&mut self, now: Nanos) {
        if let Err(failure) = self.out.end(now) {
            self.site.error(failure.reason());
        }
        self.site.emitted(self.out.take_emitted());
    }

    /// Whether to flush now, given what the inbox had.
    fn flush_is_due(&mut self, now: Nanos, inbox_empty: bool, phase: Phase) -> bool {
        let ticked = self.ticker.as_mut().is_some_and(|ticker| ticker.take(now));
        let (holds, full) = (self.site.in_hand() > 0, self.site.in_hand() >= self.held_count_max);
        let state = &self.flush;
        if state.failures > 0 && now < state.not_before {
            return false;
        }
        let draining = phase == Phase::Draining && holds && inbox_empty && now >= state.not_before;
        ticked || draining || (state.dirty && (inbox_empty || full))
    }

    fn wait(&self, phase: Phase) -> Step {
        let retry = (self.flush.dirty || phase == Phase::Draining && self.site.in_hand() > 0)
            .then_some(self.flush.not_before);
        let ticker = self.ticker.as_ref().map(Ticker::due);
        Step::Wait([retry, ticker, self.inactivity.next()].into_iter().flatten().min())
    }
}

impl<B: DeferredBolt> Task for DeferredTask<B> {
    fn step(&mut self, phase: Phase) -> Step {
        let now = self.site.clock.now();
        let is_free = self.out.unpark(now);
        self.inactivity.hold_up(!is_free, now);
        let mut progress = self.site.fail_orphans(None) | self.inactivity.expire(now);
        if !is_free {
            return Step::Wait(Some(now.saturating_add(BLOCKED_WAIT)));
        }
        if let Err(until) = self.life.revive(now, &self.site) {
            return Step::Wait(Some(until));
        }
        // A task that holds its fill takes no more before a flush has gone well.
        let full = self.site.in_hand() >= self.held_count_max && self.flush.failures > 0;
        if !full && let Some(fragment) = self.inbox.pop() {
            self.run(fragment, now);
            progress = true;
        }
        if self.flush_is_due(now, self.inbox.is_empty(), phase) {
            self.flush(now);
            progress = true;
        }
        if progress { Step::Progress } else { self.wait(phase) }
    }

    fn close(&mut self) {
        let _cleaned = self.life.call(&self.site, B::cleanup);
        self.out.close();
        self.site.close();
    }
}

impl<B: DeferredBolt> Drop for DeferredTask<B> {
    fn drop(&mut self) {
        // Also of a task that was not closed, what it holds fails now: nobody will come for it later.
        self.site.close();
    }
}
