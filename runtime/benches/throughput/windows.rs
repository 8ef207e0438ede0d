//! Sums over the last hour, made anew every minute of event time, for each of many keys.

use std::collections::HashMap;
use std::error::Error;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use trombe::{Bolt, Emitter, Failure, KeyHasher, Topology};

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;

const MINUTES: usize = 60;
/// Each key has so many messages a minute.
const MESSAGES_PER_MINUTE: u64 = 60;

#[derive(Clone, Copy)]
struct Event {
    key: u64,
    minute: u64,
    value: u64,
}

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("windows"), Arc::default());
    let (tasks, keys) = (settings.tasks_count, settings.keys_count.max(1));
    let event = move |id: u64| Event { key: id % keys, minute: id / keys / MESSAGES_PER_MINUTE, value: id };
    let events = topology.spout("events", numbered(settings, &latencies, event));
    let sums = events.by(|event| &event.key).tasks(tasks).bolt("window", Windows::default);
    sums.global().for_each("null", drop);
    Ok(Bench::endless(topology, &latencies))
}

#[derive(Default)]
struct Windows(HashMap<u64, Window, BuildHasherDefault<KeyHasher>>);

/// One key's last hour, a pane a minute; a late message goes to the latest pane.
struct Window {
    panes: [u64; MINUTES],
    minute: u64,
    sum: u64,
}

impl Window {
    fn pane(&mut self, minute: u64) -> &mut u64 {
        &mut self.panes[usize::try_from(minute % MINUTES as u64).unwrap_or(0)]
    }

    /// Ends one minute: its oldest neighbour leaves the window.
    fn turn(&mut self) -> u64 {
        let sum = self.sum;
        self.minute += 1;
        let leaving = std::mem::take(self.pane(self.minute));
        self.sum = self.sum.wrapping_sub(leaving);
        sum
    }
}

impl Bolt for Windows {
    type In = Event;
    type Out = (u64, u64, u64);

    fn execute(&mut self, event: Event, out: &mut Emitter<Self::Out>) -> Result<(), Failure> {
        let empty = || Window { panes: [0; MINUTES], minute: event.minute, sum: 0 };
        let window = self.0.entry(event.key).or_insert_with(empty);
        while window.minute < event.minute {
            let (minute, sum) = (window.minute, window.turn());
            out.emit((event.key, minute, sum));
        }
        let minute = window.minute;
        *window.pane(minute) = window.pane(minute).wrapping_add(event.value);
        window.sum = window.sum.wrapping_add(event.value);
        Ok(())
    }
}
