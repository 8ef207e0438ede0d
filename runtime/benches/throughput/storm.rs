//! const -> id -> null where one message in a hundred fails once, and is replayed alone.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;

use trombe::{Bolt, Emitter, Failure, Topology};

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;

const ONE_IN: u64 = 100;

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("storm"), Arc::default());
    let numbers = topology.spout("numbers", numbered(settings, &latencies, |number| number));
    numbers.shuffle().bolt("fail-once", FailOnce::default).shuffle().for_each("null", drop);
    Ok(Bench::endless(topology, &latencies))
}

/// Fails what is divisible by [`ONE_IN`] at its first attempt.
#[derive(Default)]
struct FailOnce {
    failed: HashSet<u64>,
}

impl Bolt for FailOnce {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, number: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        if number.is_multiple_of(ONE_IN) && !self.failed.remove(&number) {
            self.failed.insert(number);
            return Err(Failure::retry("the first attempt"));
        }
        out.emit(number);
        Ok(())
    }
}
