//! Running bolts.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::life::Life;
use super::{BLOCKED_WAIT, Phase, Step, Task, Ticker};
use crate::clock::Nanos;
use crate::component::bolt::Bolt;
use crate::component::context::TaskContext;
use crate::component::iterator::Factory;
use crate::config::Config;
use crate::emitter::Emitter;
use crate::failure::{Autopsy, Failure};
use crate::flow::flight::{Lot, Root};
use crate::flow::fragment::{Batch, Fragment};
use crate::flow::inbox::Inbox;
use crate::metrics::site::Site;
use crate::route::Sink;

/// A bolt with its outputs: works through fragments, wherever they come from.
pub(crate) struct BoltCore<B: Bolt> {
    life: Life<B>,
    out: Emitter<B::Out>,
    site: Arc<Site>,
    /// Tuples take so long that each can be timed by itself at no cost to speak of.
    is_slow: bool,
}

/// A tuple that takes longer than this on average is timed by itself: reading the clock costs a fiftieth of it at most.
const SLOW: Nanos = 2_000;

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ran {
    /// The fragment is worked off, and its results are sent.
    Done,
    /// An output is full.
    Blocked,
    /// The bolt is lost and cannot be rebuilt before this time.
    Down(Nanos),
}

/// What becomes of the tuples of one run.
struct Run<'a, T> {
    fragment: &'a mut Fragment<T>,
    /// When the tuples began that are not yet counted as executed.
    started: Nanos,
    /// Where in the fragment this run began.
    first: usize,
    /// How many tuples of this run are counted as executed.
    timed: usize,
    failed: usize,
}

impl<T> Run<'_, T> {
    /// Counts the tuple under the cursor as executed.
    fn lap(&mut self, site: &Site) {
        let now = site.clock.now();
        site.executed(1, now.saturating_sub(self.started));
        self.started = now;
        self.timed += 1;
    }

    /// Fails the tuple under the cursor.
    #[cold]
    fn fail(&mut self, site: &Site, failure: &Failure) {
        self.fail_root(site, self.fragment.batch.roots.at(self.fragment.done - 1), failure);
        self.failed += 1;
    }

    /// Fails every tuple of this run.
    #[cold]
    fn fail_all(&mut self, site: &Site, failure: &Failure) {
        for root in self.fragment.batch.roots.range(self.first..self.fragment.done) {
            self.fail_root(site, root, failure);
        }
        self.failed = self.fragment.done - self.first;
    }

    fn fail_root(&self, site: &Site, root: Root, failure: &Failure) {
        let Fragment { lot, edge, sent, .. } = &*self.fragment;
        let worked = site.clock.now().saturating_sub(self.started);
        let autopsy = site.autopsy(*edge, self.started.saturating_sub(*sent), worked, failure);
        site.trouble(None, failure);
        if !lot.fail(root, &autopsy) {
            site.books.keep(Autopsy::clone(&autopsy));
        }
    }
}

impl<B: Bolt> BoltCore<B> {
    pub(crate) fn new(
        make: Factory<B>,
        out: Emitter<B::Out>,
        context: TaskContext,
        site: Arc<Site>,
        limits: &Config,
    ) -> Result<Self, Failure> {
        let life = Life::new(make, B::prepare, context, limits)?;
        Ok(Self { life, out, site, is_slow: false })
    }

    fn run(&mut self, fragment: &mut Fragment<B::In>) -> Ran {
        let started = self.site.clock.now();
        let mut run = Run { started, first: fragment.done, timed: 0, failed: 0, fragment };
        run.fragment.begin(started);
        self.out.begin(run.fragment.lot.clone());
        let mut items = std::mem::take(&mut run.fragment.batch.items);
        let mut rest = items.drain(..);
        let mut ran = Ran::Done;
        let mut lost = None;
        while ran == Ran::Done && rest.len() > 0 {
            match self.life.revive(started, &self.site) {
                Ok(()) => match self.execute(&mut rest, &mut run) {
                    Ok(open) => ran = if open { Ran::Done } else { Ran::Blocked },
                    Err(failure) => lost = Some(failure),
                },
                Err(until) => ran = Ran::Down(until),
            }
        }
        let left: Vec<B::In> = rest.collect();
        run.fragment.batch.items = if left.is_empty() { items } else { left };
        let now = self.site.clock.now();
        let sent = self.out.end(now);
        if let Some(failure) = lost.or(sent.as_ref().err().cloned()) {
            run.fail_all(&self.site, &failure);
        }
        self.book(&run, started, now);
        if sent == Ok(false) && ran == Ran::Done { Ran::Blocked } else { ran }
    }

    /// Executes until the tuples are worked off, an output is full (`Ok(false)`), or the bolt panics, which fails one tuple.
    /// `Err`: what was emitted since the run began could not be sent.
    fn execute(
        &mut self,
        rest: &mut std::vec::Drain<'_, B::In>,
        run: &mut Run<'_, B::In>,
    ) -> Result<bool, Failure> {
        let Self { life, out, site, is_slow } = self;
        let Some(bolt) = life.get() else { return Ok(true) };
        let ran = catch_unwind(AssertUnwindSafe(|| {
            for item in rest.by_ref() {
                out.set_root(run.fragment.batch.roots.at(run.fragment.done));
                out.follow(&run.fragment.batch, run.fragment.done, run.fragment.edge);
                run.fragment.done += 1;
                let executed = bolt.execute(item, out);
                if let Some(failure) = executed.err().or(out.take_misuse()) {
                    run.fail(site, &failure);
                }
                if *is_slow {
                    run.lap(site);
                }
                if out.is_full() && !out.flush(site.clock.now())? {
                    return Ok(false);
                }
            }
            Ok(true)
        }));
        ran.unwrap_or_else(|panic| {
            let failure = life.crash(&*panic, site);
            drop(out.take_misuse());
            run.fail(site, &failure);
            Ok(true)
        })
    }

    /// One addition a run for each counter, however many tuples there were.
    fn book(&mut self, run: &Run<'_, B::In>, begun: Nanos, now: Nanos) {
        let executed = run.fragment.done - run.first;
        let (edge, site) = (run.fragment.edge, &self.site);
        site.emitted(self.out.take_emitted());
        site.executed(executed - run.timed, now.saturating_sub(run.started));
        self.is_slow = now.saturating_sub(begun) > SLOW * executed as Nanos;
        site.acked(edge, executed - run.failed);
        if run.failed > 0 {
            site.failed(edge, run.failed);
        }
    }

    fn tick(&mut self, now: Nanos) {
        let Self { life, out, site, .. } = self;
        out.begin(Lot::untracked(&site.books));
        let failure = life.attempt(site, |bolt| bolt.tick(out));
        let unsent = out.end(now).err();
        if let Some(failure) = failure.or(out.take_misuse()).or(unsent) {
            site.trouble(None, &failure);
        }
        site.emitted(out.take_emitted());
    }

    fn close(&mut self) {
        let _cleaned = self.life.call(&self.site, B::cleanup);
        self.out.close();
        self.site.close();
    }
}

/// A bolt behind a queue.
pub(crate) struct BoltTask<B: Bolt> {
    core: BoltCore<B>,
    inbox: Arc<Inbox<B::In>>,
    /// A fragment that was interrupted.
    current: Option<Fragment<B::In>>,
    ticker: Option<Ticker>,
}

impl<B: Bolt> BoltTask<B> {
    pub(crate) fn new(core: BoltCore<B>, inbox: Arc<Inbox<B::In>>, tick_ms: Option<u64>) -> Self {
        let ticker = Ticker::new(tick_ms, core.site.clock.now());
        let _first = core.site.own.waiting.set(inbox.waiting());
        Self { core, inbox, current: None, ticker }
    }

    fn resumed(&mut self) -> Option<Fragment<B::In>> {
        let fragment = self.current.take()?;
        self.core.site.resumed(fragment.batch.items.len());
        Some(fragment)
    }
}

impl<B: Bolt> Task for BoltTask<B> {
    fn step(&mut self, _phase: Phase) -> Step {
        let now = self.core.site.clock.now();
        if !self.core.out.unpark(now) {
            return Step::Wait(Some(now.saturating_add(BLOCKED_WAIT)));
        }
        let ticked = self.ticker.as_mut().is_some_and(|ticker| ticker.take(now));
        if ticked {
            self.core.tick(now);
        }
        let Some(mut fragment) = self.resumed().or_else(|| self.inbox.pop()) else {
            return if ticked { Step::Progress } else { Step::Wait(self.ticker.as_ref().map(Ticker::due)) };
        };
        let ran = self.core.run(&mut fragment);
        if fragment.batch.items.is_empty() {
            self.inbox.give_back(fragment.into_buffers());
        } else {
            self.core.site.interrupted(fragment.batch.items.len());
            self.current = Some(fragment);
        }
        match ran {
            Ran::Down(until) => Step::Wait(Some(until)),
            Ran::Done | Ran::Blocked => Step::Progress,
        }
    }

    fn close(&mut self) {
        self.core.close();
    }
}

/// A bolt inside its producer's outputs: a push runs it.
pub(crate) struct FusedSink<B: Bolt> {
    /// `None` never, but for a wiring mistake of the engine; tuples pushed into it would fail.
    core: Option<BoltCore<B>>,
    edge: usize,
    producer: Arc<Site>,
    backlog: VecDeque<Fragment<B::In>>,
    /// So many tuples of the backlog are in the books as interrupted.
    interrupted: usize,
    spare: Batch<B::In>,
}

impl<B: Bolt> FusedSink<B> {
    pub(crate) fn new(core: Option<BoltCore<B>>, edge: usize, producer: Arc<Site>) -> Self {
        debug_assert!(core.is_some(), "two producers share a fused bolt");
        Self { core, edge, producer, backlog: VecDeque::new(), interrupted: 0, spare: Batch::default() }
    }

    /// Works off the backlog; false if something remains in the way.
    fn work(&mut self) -> bool {
        let open = self.work_off();
        self.note();
        open
    }

    /// Keeps the books of the backlog, if there is any.
    fn note(&mut self) {
        if let Some(core) = &self.core
            && (self.interrupted > 0 || !self.backlog.is_empty())
        {
            core.site.resumed(self.interrupted);
            self.interrupted = self.backlog.iter().map(|fragment| fragment.batch.items.len()).sum();
            core.site.interrupted(self.interrupted);
        }
    }

    fn work_off(&mut self) -> bool {
        let Some(core) = &mut self.core else { return true };
        while let Some(mut fragment) = self.backlog.pop_front() {
            let ran = core.run(&mut fragment);
            if fragment.batch.items.is_empty() {
                self.spare = fragment.into_buffers();
            } else {
                self.backlog.push_front(fragment);
            }
            if ran != Ran::Done {
                return false;
            }
        }
        true
    }
}

impl<B: Bolt> Sink<B::In> for FusedSink<B> {
    fn push(&mut self, batch: &mut Batch<B::In>, lot: Lot, now: Nanos) -> bool {
        let full = std::mem::replace(batch, std::mem::take(&mut self.spare));
        self.producer.sent(self.edge, full.len());
        let blocked = !self.backlog.is_empty();
        self.backlog.push_back(Fragment::new(full, lot, (self.edge, self.producer.task), now));
        if blocked {
            self.note();
        }
        !blocked && self.work()
    }

    fn unpark(&mut self, now: Nanos) -> bool {
        self.core.as_mut().is_none_or(|core| core.out.unpark(now)) && self.work()
    }

    fn close(&mut self) {
        if let Some(core) = &mut self.core {
            core.close();
        }
    }
}
