//! Components with faults: what the simulator puts in the place of the user's own, which know nothing of it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::world::World;
use crate::component::bolt::{Bolt, Streams};
use crate::component::context::TaskContext;
use crate::component::deferred::DeferredBolt;
use crate::component::iterator::Factory;
use crate::component::sink::{AsyncSink, SinkLimits};
use crate::component::spout::{Next, Spout, SpoutEmitter};
use crate::component::stateful::StatefulBolt;
use crate::emitter::Emitter;
use crate::failure::{Autopsy, Failure};
use crate::flow::lineage::Position;
use crate::tuple::Tuple;

/// A component to which faults happen.
pub(crate) struct Faulty<C> {
    inner: C,
    world: World,
    name: Arc<str>,
}

/// How a call goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    ErrorBefore,
    ErrorAfter,
    PanicBefore,
    PanicAfter,
}

/// The latest answer of a sink that does answer.
const ANSWER_MAX: Duration = Duration::from_mins(2);

/// Notes a panic that the simulator did not make.
struct Watch<'a>(&'a World, &'a str);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked(self.1);
        }
    }
}

impl<C: 'static> Faulty<C> {
    pub(crate) fn factory(make: &Factory<C>, world: &World, name: &str) -> Factory<Self> {
        let (make, world, name) = (Arc::clone(make), world.clone(), Arc::<str>::from(name));
        Arc::new(move || Self { inner: make(), world: world.clone(), name: Arc::clone(&name) })
    }

    fn fate(&self) -> Fate {
        let drawn = |fault: Fault, before, after| {
            let strike = self.world.strike(fault.name());
            strike.map(|mut chance| if chance.one_in(2) { before } else { after })
        };
        drawn(Fault::BOLT_ERROR, Fate::ErrorBefore, Fate::ErrorAfter)
            .or_else(|| drawn(Fault::BOLT_PANIC, Fate::PanicBefore, Fate::PanicAfter))
            .unwrap_or(Fate::Well)
    }

    /// The fate of a call between tuples.
    fn fate_between(&self) -> Fate {
        let strike = self.world.strike(Fault::TASK_CRASH.name());
        strike.map_or(
            Fate::Well,
            |mut chance| if chance.one_in(2) { Fate::PanicBefore } else { Fate::PanicAfter },
        )
    }

    fn call<R>(&mut self, fate: Fate, call: impl FnOnce(&mut C) -> Result<R, Failure>) -> Result<R, Failure> {
        match fate {
            Fate::ErrorBefore => return Err(simulated()),
            Fate::PanicBefore => panic_quietly(),
            _ => {}
        }
        let answer = {
            let _watch = Watch(&self.world, &self.name);
            call(&mut self.inner)
        };
        match fate {
            Fate::ErrorAfter => Err(simulated()),
            Fate::PanicAfter => panic_quietly(),
            _ => answer,
        }
    }
}

fn simulated() -> Failure {
    Failure::retry("simulated error")
}

/// Unwinds without a word on stderr: there are thousands of these.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("simulated panic".to_owned()))
}

impl<B: Bolt> Bolt for Faulty<B> {
    type In = B::In;
    type Out = B::Out;

    fn declare(streams: &mut Streams) {
        B::declare(streams);
    }

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.call(Fate::Well, |bolt| bolt.prepare(context))
    }

    fn execute(&mut self, tuple: B::In, out: &mut Emitter<B::Out>) -> Result<(), Failure> {
        self.call(self.fate(), |bolt| bolt.execute(tuple, out))
    }

    fn tick(&mut self, out: &mut Emitter<B::Out>) -> Result<(), Failure> {
        self.call(self.fate_between(), |bolt| bolt.tick(out))
    }

    fn cleanup(&mut self) {
        self.inner.cleanup();
    }
}

impl<B: DeferredBolt> DeferredBolt for Faulty<B> {
    type In = B::In;
    type Out = B::Out;

    fn declare(streams: &mut Streams) {
        B::declare(streams);
    }

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.call(Fate::Well, |bolt| bolt.prepare(context))
    }

    fn execute(&mut self, tuple: Tuple<B::In>, out: &mut Emitter<B::Out>) -> Result<(), Failure> {
        self.call(self.fate(), |bolt| bolt.execute(tuple, out))
    }

    fn flush(&mut self, out: &mut Emitter<B::Out>) -> Result<(), Failure> {
        self.call(self.fate_between(), |bolt| bolt.flush(out))
    }

    fn cleanup(&mut self) {
        self.inner.cleanup();
    }
}

impl<B: StatefulBolt> StatefulBolt for Faulty<B> {
    type In = B::In;
    type State = B::State;
    type Out = B::Out;

    fn declare(streams: &mut Streams) {
        B::declare(streams);
    }

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.call(Fate::Well, |bolt| bolt.prepare(context))
    }

    fn update(&mut self, state: &mut B::State, tuple: &B::In) -> Result<(), Failure> {
        self.call(self.fate(), |bolt| bolt.update(state, tuple))
    }

    fn emit(&mut self, state: &B::State, tuple: B::In, out: &mut Emitter<B::Out>) -> Result<(), Failure> {
        self.call(self.fate(), |bolt| bolt.emit(state, tuple, out))
    }

    fn cleanup(&mut self) {
        self.inner.cleanup();
    }
}

impl<S: Spout> Spout for Faulty<S> {
    type Item = S::Item;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.call(Fate::Well, |spout| spout.open(context))
    }

    fn next(&mut self, out: &mut SpoutEmitter<S::Item>) -> Result<Next, Failure> {
        self.call(self.fate_between(), |spout| spout.next(out))
    }

    fn ack(&mut self, id: u64) {
        self.inner.ack(id);
    }

    fn fail(&mut self, id: u64, autopsy: &Autopsy) {
        self.inner.fail(id, autopsy);
    }

    fn replay(&mut self, id: u64) -> Result<Option<S::Item>, Failure> {
        self.call(self.fate_between(), |spout| spout.replay(id))
    }

    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        self.inner.exhausted(id, autopsy);
    }

    fn positions() -> Option<fn(u64) -> Position> {
        S::positions()
    }

    fn replay_from(&self, partition: u32) -> u64 {
        self.inner.replay_from(partition)
    }

    fn close(&mut self) {
        self.inner.close();
    }
}

impl<S: AsyncSink> AsyncSink for Faulty<S> {
    type In = S::In;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.call(Fate::Well, |sink| sink.prepare(context))
    }

    fn limits(&self) -> SinkLimits {
        self.inner.limits()
    }

    async fn write(&self, batch: Vec<S::In>) -> Vec<Result<(), Failure>> {
        let results = {
            let _watch = Watch(&self.world, &self.name);
            self.inner.write(batch).await
        };
        if self.fate_between() != Fate::Well {
            panic_quietly();
        }
        if let Some(mut chance) = self.world.strike(Fault::ACK_DELAYED.name()) {
            tokio::time::sleep(chance.pause(ANSWER_MAX)).await;
        }
        let Some(mut chance) = self.world.strike(Fault::ACK_LOST.name()) else { return results };
        if chance.one_in(2) {
            return Vec::new();
        }
        // Whoever waits for it would wait for ever.
        tokio::time::sleep(chance.pause(ANSWER_MAX)).await;
        self.world.crash();
        std::future::pending().await
    }
}
