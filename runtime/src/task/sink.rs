//! Running sinks: batches go to tokio, answers come back to the task.

use std::sync::Arc;
use std::time::Duration;

use super::life::build;
use super::{Phase, Step, Task};
use crate::clock::{Nanos, millis};
use crate::component::context::TaskContext;
use crate::component::iterator::Factory;
use crate::component::sink::{AsyncSink, SinkLimits};
use crate::failure::Failure;
use crate::flow::flight::unpoisoned;
use crate::flow::held::Held;
use crate::flow::inbox::Inbox;
use crate::metrics::site::Site;
use crate::sync::Mutex;
use crate::tuple::Anchor;

pub(crate) struct SinkTask<S: AsyncSink> {
    sink: Arc<S>,
    limits: SinkLimits,
    tokio: tokio::runtime::Handle,
    site: Arc<Site>,
    inbox: Arc<Inbox<S::In>>,
    waiting: Vec<(S::In, Anchor)>,
    /// Since when the first of them has been waiting.
    since: Nanos,
    in_flight: usize,
    answers: Arc<Mutex<Vec<Answer>>>,
}

/// A batch on its way back.
struct Answer {
    anchors: Vec<Anchor>,
    /// `None`: the sink panicked.
    results: Option<Vec<Result<(), Failure>>>,
    begun: Nanos,
}

/// Posts the answer when the write is over, however it ends.
struct Courier {
    answer: Option<Answer>,
    answers: Arc<Mutex<Vec<Answer>>>,
    site: Arc<Site>,
}

impl Drop for Courier {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            unpoisoned(&self.answers).push(answer);
            self.site.wake.notify();
        }
    }
}

impl<S: AsyncSink> SinkTask<S> {
    pub(crate) fn new(
        make: &Factory<S>,
        context: &TaskContext,
        site: Arc<Site>,
        inbox: Arc<Inbox<S::In>>,
    ) -> Result<Self, Failure> {
        let tokio = context.tokio.clone().ok_or_else(|| Failure::retry("there is no tokio runtime"))?;
        let sink = build(make, S::prepare, context)?;
        let limits = sink.limits();
        if limits.batch_count_max == 0 || limits.in_flight_max == 0 {
            return Err(Failure::reject("batch_count_max and in_flight_max must be 1 or more"));
        }
        if limits.write_timeout_ms == Some(0) {
            return Err(Failure::reject("write_timeout_ms must be 1 or more; `None` waits for ever"));
        }
        let _first = site.own.waiting.set(inbox.waiting());
        Ok(Self {
            sink: Arc::new(sink),
            limits,
            tokio,
            site,
            inbox,
            waiting: Vec::new(),
            since: 0,
            in_flight: 0,
            answers: Arc::default(),
        })
    }

    fn take_answers(&mut self, now: Nanos) -> bool {
        let answers = std::mem::take(&mut *unpoisoned(&self.answers));
        let any = !answers.is_empty();
        for Answer { anchors, results, begun } in answers {
            self.in_flight -= 1;
            self.site.executed(anchors.len(), now.saturating_sub(begun));
            let missing = match results {
                Some(_) => "the sink gave no answer for this item",
                None => "the sink panicked",
            };
            let mut results = results.unwrap_or_default().into_iter();
            for anchor in anchors {
                match results.next() {
                    Some(Ok(())) => anchor.ack(),
                    Some(Err(failure)) => anchor.fail(failure),
                    None => anchor.fail(Failure::retry(missing)),
                }
            }
        }
        any
    }

    fn receive(&mut self, now: Nanos) -> bool {
        let mut any = false;
        while self.waiting.len() < self.limits.batch_count_max
            && let Some(mut fragment) = self.inbox.pop()
        {
            any = true;
            if self.waiting.is_empty() {
                self.since = now;
            }
            let held = Held::in_work(&fragment, &self.site);
            fragment.done = fragment.batch.len();
            let anchored = fragment.batch.items.drain(..).enumerate();
            self.waiting.extend(anchored.map(|(at, item)| (item, Anchor::new(Arc::clone(&held), at))));
            self.inbox.give_back(fragment.into_buffers());
        }
        any
    }

    fn is_due(&self, now: Nanos, phase: Phase) -> bool {
        let full = self.waiting.len() >= self.limits.batch_count_max;
        let lingered = !self.waiting.is_empty() && (phase == Phase::Draining || now >= self.linger_until());
        self.in_flight < self.limits.in_flight_max && (full || lingered)
    }

    fn linger_until(&self) -> Nanos {
        self.since.saturating_add(millis(self.limits.linger_ms))
    }

    fn write(&mut self, now: Nanos) {
        let count = self.waiting.len().min(self.limits.batch_count_max);
        let (batch, anchors) = self.waiting.drain(..count).unzip();
        self.since = now;
        self.in_flight += 1;
        let answer = Some(Answer { anchors, results: None, begun: now });
        let courier = Courier { answer, answers: Arc::clone(&self.answers), site: Arc::clone(&self.site) };
        let (sink, timeout_ms) = (Arc::clone(&self.sink), self.limits.write_timeout_ms);
        drop(self.tokio.spawn(async move {
            let mut courier = courier;
            let results = within(timeout_ms, count, sink.write(batch)).await;
            if let Some(answer) = &mut courier.answer {
                answer.results = Some(results);
            }
        }));
    }
}

/// The answer of a write of `count` items, or their failure if it takes too long.
async fn within(
    timeout_ms: Option<u64>,
    count: usize,
    write: impl Future<Output = Vec<Result<(), Failure>>>,
) -> Vec<Result<(), Failure>> {
    let Some(ms) = timeout_ms else { return write.await };
    tokio::time::timeout(Duration::from_millis(ms), write).await.unwrap_or_else(|_| {
        let failure = Failure::retry(format!("the sink gave no answer within write_timeout_ms = {ms}"));
        vec![Err(failure); count]
    })
}

impl<S: AsyncSink> Task for SinkTask<S> {
    fn step(&mut self, phase: Phase) -> Step {
        let now = self.site.clock.now();
        let mut progress = self.take_answers(now) | self.receive(now);
        while self.is_due(now, phase) {
            self.write(now);
            progress = true;
        }
        if progress {
            return Step::Progress;
        }
        let lingers = !self.waiting.is_empty() && self.in_flight < self.limits.in_flight_max;
        Step::Wait(lingers.then(|| self.linger_until()))
    }

    fn close(&mut self) {
        self.site.close();
    }
}

impl<S: AsyncSink> Drop for SinkTask<S> {
    fn drop(&mut self) {
        // Also of a task that was not closed, what it holds fails now: nobody will come for it later.
        self.site.close();
    }
}
