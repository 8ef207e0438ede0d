//! Spouts over endless sources, as fast as the topology takes them or at a pace.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use trombe::{Failure, Next, Spout, SpoutEmitter, TaskContext};

use crate::meter::Latencies;
use crate::settings::Settings;

/// How often a paced spout looks at the clock.
const POLL: Duration = Duration::from_micros(200);

/// Where messages come from.
pub(crate) trait Source: Send + 'static {
    type Item: Send + 'static;

    /// The next message and an id for it; `None`: there is no more.
    fn next(&mut self) -> Option<(u64, Self::Item)>;

    /// The message of an id once more.
    fn again(&mut self, id: u64) -> Self::Item;
}

/// The messages that a function makes of 0, 1, 2 and so on.
pub(crate) struct Counted<F> {
    make: F,
    next: u64,
    end: u64,
}

impl<T: Send + 'static, F: FnMut(u64) -> T + Send + 'static> Source for Counted<F> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<(u64, T)> {
        let id = self.next;
        (id < self.end).then(|| {
            self.next += 1;
            (id, (self.make)(id))
        })
    }

    fn again(&mut self, id: u64) -> T {
        (self.make)(id)
    }
}

pub(crate) fn counted<F>(settings: &Settings, make: F) -> Counted<F> {
    Counted { make, next: 0, end: settings.count.unwrap_or(u64::MAX) }
}

/// Gives out what a source has.
pub(crate) struct Pump<S> {
    source: S,
    pace: Option<Pace>,
    context: Option<TaskContext>,
}

/// Messages at a rate, and what became of each.
struct Pace {
    period_ns: u64,
    sent: u64,
    /// When each message that is out was due and when it was emitted, in nanoseconds of uptime.
    out: HashMap<u64, (u64, u64)>,
    latencies: Arc<Latencies>,
}

impl Pace {
    fn next_due(&self) -> u64 {
        self.sent * self.period_ns
    }

    fn sent(&mut self, id: u64, now: u64) {
        self.out.insert(id, (self.next_due(), now));
        self.sent += 1;
    }

    fn acked(&mut self, id: u64, now: u64) {
        if let Some((due, emitted)) = self.out.remove(&id) {
            self.latencies.record(now.saturating_sub(emitted), now.saturating_sub(due));
        }
    }
}

impl<S: Source> Pump<S> {
    pub(crate) fn new(source: S, settings: &Settings, latencies: &Arc<Latencies>) -> Self {
        let pace = settings.rate_per_s.map(|rate| Pace {
            period_ns: 1_000_000_000 / rate.max(1),
            sent: 0,
            out: HashMap::new(),
            latencies: Arc::clone(latencies),
        });
        Self { source, pace, context: None }
    }

    fn uptime_ns(&self) -> u64 {
        let uptime = self.context.as_ref().map_or(Duration::ZERO, TaskContext::uptime);
        u64::try_from(uptime.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A spout of what `make` makes of numbers; each of its tasks begins with zero.
pub(crate) fn numbered<T: Send + 'static, F: FnMut(u64) -> T + Clone + Send + Sync + 'static>(
    settings: &Settings,
    latencies: &Arc<Latencies>,
    make: F,
) -> impl Fn() -> Pump<Counted<F>> + Send + Sync + 'static {
    let (settings, latencies) = (settings.clone(), Arc::clone(latencies));
    move || Pump::new(counted(&settings, make.clone()), &settings, &latencies)
}

impl<S: Source> Spout for Pump<S> {
    type Item = S::Item;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        // The rate is that of all tasks together.
        self.pace.iter_mut().for_each(|pace| pace.period_ns *= context.tasks as u64);
        self.context = Some(context.clone());
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<S::Item>) -> Result<Next, Failure> {
        let now = if self.pace.is_some() { self.uptime_ns() } else { 0 };
        for _ in 0..out.room() {
            if self.pace.as_ref().is_some_and(|pace| pace.next_due() > now) {
                return Ok(Next::Idle(POLL));
            }
            let Some((id, item)) = self.source.next() else { return Ok(Next::Exhausted) };
            if let Some(pace) = &mut self.pace {
                pace.sent(id, now);
            }
            out.emit(id, item);
        }
        Ok(Next::Emitted)
    }

    #[inline]
    fn ack(&mut self, id: u64) {
        if self.pace.is_some() {
            let now = self.uptime_ns();
            self.pace.iter_mut().for_each(|pace| pace.acked(id, now));
        }
    }

    fn replay(&mut self, id: u64) -> Result<Option<S::Item>, Failure> {
        Ok(Some(self.source.again(id)))
    }
}
