//! const -> id -> null: what the engine itself costs.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use trombe::Topology;

use crate::Bench;
use crate::meter::Latencies;
use crate::settings::Settings;
use crate::source::numbered;

const VALUE: &str = "some data!";

/// With a queue before each bolt.
#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn hops(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("const"), Arc::default());
    let constant = topology.spout("const", numbered(settings, &latencies, |_| black_box(VALUE)));
    constant.shuffle().map("id", |text| text).shuffle().for_each("null", |text| {
        black_box(text);
    });
    Ok(Bench::endless(topology, &latencies))
}

/// Without queues, several times side by side.
#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn fused(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies): (_, Arc<Latencies>) = (Topology::new("const-fused"), Arc::default());
    let tasks = settings.tasks_count;
    let source = numbered(settings, &latencies, |_| black_box(VALUE));
    let id =
        topology.tasks(tasks).spout("const", source).local_or_shuffle().tasks(tasks).map("id", |text| text);
    id.local_or_shuffle().tasks(tasks).for_each("null", |text| {
        black_box(text);
    });
    Ok(Bench::endless(topology, &latencies))
}
