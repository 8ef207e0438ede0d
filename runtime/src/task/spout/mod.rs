//! Running spouts: when they emit; `fate` has what becomes of it.

mod deadlines;
mod fate;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadlines::Deadlines;

use super::life::Life;
use super::{BLOCKED_WAIT, Phase, Step, Task};
use crate::clock::{Nanos, millis, nanos};
use crate::component::context::{TaskContext, TaskWaker};
use crate::component::dead_letter::DEAD_LETTERS;
use crate::component::iterator::Factory;
use crate::component::spout::{Next, Spout, SpoutEmitter};
use crate::config::Config;
use crate::emitter::Emitter;
use crate::failure::{Autopsy, Failure};
use crate::flow::home::{Home, News};
use crate::flow::lineage::Position;
use crate::metrics::site::Site;
use crate::retry::{Backoff, Retries};
use crate::rng::Rng;

pub(crate) struct SpoutTask<S: Spout> {
    life: Life<S>,
    out: SpoutEmitter<S::Item>,
    site: Arc<Site>,
    home: Arc<Home>,
    /// Only where an exactly-once bolt is downstream.
    floors: Option<fn(u64) -> Position>,
    news: Vec<News>,
    retries: Retries,
    deadlines: Deadlines,
    /// Somebody reads the dead letters.
    has_letters: bool,
    /// Tuples that are given up as soon as their letters are done.
    condemned: HashMap<u64, Autopsy>,
    rng: Rng,
    waker: TaskWaker,
    pending_count_max: usize,
    batch_count_max: usize,
    /// Tuples that are out: in a flight, or waiting for their next attempt.
    pending: usize,
    /// The spout has nothing before this time, unless it is woken.
    idle_until: Nanos,
    /// While it may not emit, the spout has nothing to do before this time.
    attend_from: Nanos,
    exhausted: bool,
    backoff: Backoff,
    failures: u32,
    /// The spout could not give failed tuples again, so often in a row, and is not asked before this time.
    unready: u32,
    replay_from: Nanos,
}

impl<S: Spout> SpoutTask<S> {
    pub(crate) fn new(
        make: Factory<S>,
        out: Emitter<S::Item>,
        mut context: TaskContext,
        site: Arc<Site>,
        limits: &Config,
    ) -> Result<Self, Failure> {
        let (waker, rng) = (context.waker(), context.rng.fork());
        Ok(Self {
            life: Life::new(make, S::open, context, limits)?,
            has_letters: out.has_side(DEAD_LETTERS),
            condemned: HashMap::new(),
            out: SpoutEmitter::new(out),
            home: Arc::new(Home::of_source(&site, S::positions())),
            floors: S::positions().filter(|_| site.books.plan.leads_to_exactly_once(site.component)),
            site,
            news: Vec::new(),
            retries: Retries::new(limits),
            deadlines: Deadlines::new(limits.message_timeout_ms),
            rng,
            waker,
            pending_count_max: limits.spout_pending_count_max,
            batch_count_max: limits.batch_count_max,
            pending: 0,
            idle_until: 0,
            attend_from: 0,
            exhausted: false,
            backoff: Backoff::new(limits),
            failures: 0,
            unready: 0,
            replay_from: 0,
        })
    }

    /// Calls the spout, if it is well.
    fn call<R>(&mut self, call: impl FnOnce(&mut S, &mut SpoutEmitter<S::Item>) -> R) -> Option<R> {
        let out = &mut self.out;
        match self.life.call(&self.site, |spout| call(spout, out))? {
            Ok(value) => Some(value),
            Err(failure) => {
                self.lost(&failure);
                None
            }
        }
    }

    /// Asks the spout for nothing new for a while, the longer the more often it has failed in a row.
    fn back_off(&mut self, now: Nanos) {
        self.failures = self.failures.saturating_add(1);
        let wait = self.backoff.wait(self.failures, &mut self.rng).max(millis(1));
        self.idle_until = now.saturating_add(wait);
    }

    /// Lets a spout that may not emit see to its surroundings.
    fn attend(&mut self, now: Nanos) {
        match self.call(|spout, _| spout.idle()) {
            Some(Ok(pause)) => {
                self.failures = 0;
                let pause = pause.map(|pause| nanos(pause).max(millis(1)));
                self.attend_from = pause.map_or(Nanos::MAX, |pause| now.saturating_add(pause));
            }
            Some(Err(failure)) => {
                self.site.trouble(Some("idle"), &failure);
                self.back_off(now);
                self.attend_from = self.idle_until;
            }
            None => {}
        }
    }

    fn emit(&mut self, now: Nanos) -> bool {
        self.out.room = self.batch_count_max.min(self.pending_count_max - self.pending);
        let next = self.call(S::next);
        let count = self.out.ids.len() + self.out.take_queued();
        self.take_off(now, count);
        match next {
            Some(Ok(next)) => {
                self.failures = 0;
                match next {
                    // A spout that says so without emitting would otherwise keep its thread spinning.
                    Next::Emitted if count == 0 => self.idle_until = now.saturating_add(millis(1)),
                    Next::Emitted => {}
                    Next::Idle(pause) => self.idle_until = now.saturating_add(nanos(pause)),
                    Next::Exhausted => self.exhausted = true,
                }
            }
            Some(Err(failure)) => {
                self.site.trouble(Some("next"), &failure);
                self.back_off(now);
            }
            None => {}
        }
        count > 0 || self.exhausted
    }

    /// Sends tuples that have waited for others of their keys, and need wait no longer.
    fn release(&mut self, now: Nanos) -> bool {
        let mut count = 0;
        while count < self.batch_count_max && self.out.emit_ready() {
            count += 1;
        }
        if count > 0 {
            self.take_off(now, 0);
        }
        count > 0
    }

    /// Sends what was emitted as one flight, of which `new` tuples were not out before.
    fn take_off(&mut self, now: Nanos, new: usize) {
        let ids = std::mem::take(&mut self.out.ids);
        self.pending += new;
        self.site.own.trees.fetch_add(new as u64, Ordering::Relaxed);
        self.show();
        if !ids.is_empty() {
            let lot = self.deadlines.flight(&self.home, ids, now);
            self.out.out.begin(lot.clone());
            if let Err(failure) = self.out.out.end(now) {
                let autopsy =
                    Autopsy { kind: failure.kind(), ..self.site.own_autopsy(failure.reason().to_owned()) };
                lot.fail_all(&Arc::new(autopsy));
            }
        } else if let Err(failure) = self.out.out.end(now) {
            self.site.error(failure.reason());
        }
        self.site.emitted(self.out.out.take_emitted());
    }

    fn show(&self) {
        self.site.own.pending.store(self.pending, Ordering::Release);
        self.site.own.exhausted.store(self.exhausted, Ordering::Release);
    }

    fn may_emit(&mut self, now: Nanos, phase: Phase) -> bool {
        let woken = self.waker.take();
        if woken {
            self.idle_until = 0;
        }
        phase == Phase::Running && !self.exhausted && !self.is_full() && now >= self.idle_until
    }

    fn is_full(&self) -> bool {
        self.pending >= self.pending_count_max
    }

    fn may_attend(&self, now: Nanos, phase: Phase) -> bool {
        phase == Phase::Running && !self.exhausted && now >= self.attend_from
    }

    fn wait(&self, phase: Phase) -> Step {
        let asked = if self.is_full() { self.attend_from } else { self.idle_until };
        let idle = (phase == Phase::Running && !self.exhausted && asked < Nanos::MAX).then_some(asked);
        let replay = self.retries.next_due().map(|due| due.max(self.replay_from));
        Step::Wait([idle, replay, self.deadlines.next()].into_iter().flatten().min())
    }
}

impl<S: Spout> Task for SpoutTask<S> {
    fn step(&mut self, phase: Phase) -> Step {
        let now = self.site.clock.now();
        if let Err(until) = self.life.revive(now, &self.site) {
            return Step::Wait(Some(until));
        }
        let mut progress = self.hear(now) | self.time_out(now);
        let is_blocked = !self.out.out.unpark(now);
        if !is_blocked {
            progress |= self.replay(now) | self.release(now);
        }
        if !is_blocked && self.may_emit(now, phase) {
            progress |= self.emit(now);
        } else if (is_blocked || self.is_full()) && self.may_attend(now, phase) {
            self.attend(now);
        }
        if is_blocked && !progress {
            return Step::Wait(Some(now.saturating_add(BLOCKED_WAIT)));
        }
        self.show();
        if progress { Step::Progress } else { self.wait(phase) }
    }

    fn close(&mut self) {
        let _closed = self.life.call(&self.site, S::close);
        self.out.out.close();
        self.site.close();
    }
}
