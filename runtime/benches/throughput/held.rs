//! const -> hold -> null, where a deferred bolt acks what it holds by what it emits for all of it.

use std::error::Error;
use std::sync::Arc;

use trombe::{Anchors, DeferredBolt, Emitter, Failure, Topology, Tuple};

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("held"), Arc::default());
    let numbers = topology.spout("numbers", numbered(settings, &latencies, |number| number));
    numbers.shuffle().deferred("hold", Hold::default).shuffle().for_each("null", drop);
    Ok(Bench::endless(topology, &latencies))
}

#[derive(Default)]
struct Hold(Anchors);

impl DeferredBolt for Hold {
    type In = u64;
    type Out = usize;

    fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<usize>) -> Result<(), Failure> {
        self.0.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<usize>) -> Result<(), Failure> {
        let count = self.0.len();
        out.anchored(self.0.take()).emit(count);
        Ok(())
    }
}
