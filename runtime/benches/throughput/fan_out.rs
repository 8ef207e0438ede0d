//! One stream that eight bolts read: every message is done eight times.

use std::error::Error;
use std::sync::Arc;

use trombe::Topology;

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;

const CONSUMERS: usize = 8;

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("fan-out"), Arc::default());
    let numbers = topology.spout("numbers", numbered(settings, &latencies, |number| number));
    for consumer in 0..CONSUMERS {
        numbers.clone().shuffle().for_each(&format!("null-{consumer}"), drop);
    }
    Ok(Bench::endless(topology, &latencies))
}
