//! const -> keep, where the bolt always has so many tuples in hand, and acks the oldest for each new one.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use trombe::{DeferredBolt, Emitter, Failure, Topology, Tuple};

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;

const PENDING_COUNT: usize = 10_000;

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("pending"), Arc::default());
    let numbers = topology.spout("numbers", numbered(settings, &latencies, |number| number));
    let count = settings.pending_count_max.unwrap_or(PENDING_COUNT) / 2;
    numbers.shuffle().deferred("keep", move || Keep { count, kept: VecDeque::new() }).end();
    Ok(Bench::endless(topology, &latencies))
}

struct Keep {
    count: usize,
    kept: VecDeque<Tuple<u64>>,
}

impl DeferredBolt for Keep {
    type In = u64;
    type Out = ();

    fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
        self.kept.push_back(tuple);
        if self.kept.len() > self.count
            && let Some(oldest) = self.kept.pop_front()
        {
            oldest.ack();
        }
        Ok(())
    }

    /// At shutdown nothing comes that would push these out.
    fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
        let surplus = self.kept.len().saturating_sub(self.count);
        self.kept.drain(..surplus).for_each(Tuple::ack);
        Ok(())
    }
}
