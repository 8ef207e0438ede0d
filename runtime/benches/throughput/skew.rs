//! Counting by key where one key takes half of all messages.

use std::error::Error;
use std::sync::Arc;

use trombe::Topology;

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;
use crate::words::Count;

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("skew"), Arc::default());
    let (tasks, keys) = (settings.tasks_count, settings.keys_count.max(1));
    let key = move |id: u64| if id.is_multiple_of(2) { 0 } else { 1 + id / 2 % keys };
    let numbers = topology.tasks(tasks).spout("keys", numbered(settings, &latencies, key));
    numbers.by(|key| key).tasks(tasks).bolt("count", Count::default).end();
    Ok(Bench::endless(topology, &latencies))
}
