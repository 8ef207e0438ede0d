//! The window, and the line that says what was seen in it.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use trombe::{Clock, Config, Running, Snapshot};

use crate::process::{cpu_s, machine_cpu_s, memory_mib};
use crate::settings::Settings;
use crate::{Bench, Finish};

/// The rest of the machine is quiet if it uses less than so many cores.
const QUIET_CORES: f64 = 0.15;
/// How long a drained topology may take.
const DRAIN: Duration = Duration::from_secs(30);

/// One run; the kit's words. Fields without a value are `null`.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    peer: &'static str,
    workload: String,
    /// Messages that were acked in the window, a second.
    tuples_per_s: f64,
    /// The process's CPU time, every thread, for a million of them.
    cpu_s_per_million: f64,
    cores_used: f64,
    /// What everybody else on the machine used meanwhile.
    others_cores: f64,
    /// Peak of the resident memory, mapped input included.
    rss_mib: f64,
    rss_anon_mib: f64,
    /// From emit to ack; of a paced run, in the window.
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: Option<f64>,
    /// Of a paced run, from the time that the schedule gives to ack: a late emission counts too.
    due_p50_ms: Option<f64>,
    due_p99_ms: Option<f64>,
    /// From the start of `main` to the first acked message.
    first_result_ms: f64,
    failed: u64,
    window_s: f64,
    settings: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

/// How long each message of a paced source took, in nanoseconds, as long as somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    from_emit: Vec<u64>,
    from_due: Vec<u64>,
}

impl Latencies {
    pub(crate) fn record(&self, from_emit: u64, from_due: u64) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.from_emit.push(from_emit);
        taken.from_due.push(from_due);
    }

    /// In order.
    fn take(&self) -> Taken {
        let mut taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken.from_emit.sort_unstable();
        taken.from_due.sort_unstable();
        taken
    }
}

/// Everything at one moment.
struct Sample {
    acked: u64,
    time_s: f64,
    cpu_s: f64,
    machine_s: f64,
}

impl Sample {
    fn now(running: &Running, clock: &Clock) -> Self {
        Self {
            acked: acked(&running.snapshot()),
            time_s: clock.elapsed().as_secs_f64(),
            cpu_s: cpu_s(),
            machine_s: machine_cpu_s(),
        }
    }

    /// Cores that others have used since.
    fn others(&self, since: &Self) -> f64 {
        let own = self.cpu_s - since.cpu_s;
        ((self.machine_s - since.machine_s - own) / (self.time_s - since.time_s)).max(0.0)
    }
}

fn acked(snapshot: &Snapshot) -> u64 {
    let spouts = snapshot.components.iter().filter(|component| component.kind.is_spout());
    spouts.map(|spout| spout.acked).sum()
}

/// Runs a workload through first result, warm-up and window.
pub(crate) fn measure(
    name: &str,
    bench: Bench,
    settings: &Settings,
    begun: &Clock,
) -> Result<Line, Box<dyn Error>> {
    let defaults = Config::default();
    let spout_pending_count_max = settings.pending_count_max.unwrap_or(defaults.spout_pending_count_max);
    let config = Config {
        workers_count: Some(settings.workers_count),
        batch_count_max: settings.batch_count_max.unwrap_or(defaults.batch_count_max),
        spout_pending_count_max,
        held_count_max: spout_pending_count_max.max(defaults.held_count_max),
        ..defaults
    };
    let running = bench.topology.start(config)?;
    while acked(&running.snapshot()) == 0 && begun.elapsed() < DRAIN {
        running.wait_for(Duration::from_micros(50));
    }
    let first_result_ms = begun.elapsed().as_secs_f64() * 1e3;
    running.wait_for(Duration::from_secs(settings.warm_s));
    bench.latencies.take();
    let (from, to) = window(&running, settings, begun);
    let Taken { from_emit, from_due } = bench.latencies.take();
    let snapshot = running.snapshot();
    let (rss_mib, rss_anon_mib) = (memory_mib("VmHWM"), memory_mib("RssAnon"));
    let checksum = if let Some(Finish { stop, checksum }) = bench.finish {
        stop();
        running.wait();
        Some(checksum())
    } else {
        running.shutdown(DRAIN);
        None
    };
    #[expect(clippy::cast_precision_loss, reason = "rates")]
    let (messages, took) = ((to.acked - from.acked) as f64, to.time_s - from.time_s);
    let cpu = to.cpu_s - from.cpu_s;
    let spout = &snapshot.components[0];
    let engine_ms = |micros: Option<u64>| micros.map_or(f64::NAN, millis_of_micros);
    Ok(Line {
        peer: "trombe",
        workload: settings.rate_per_s.map_or_else(|| name.to_owned(), |rate| format!("{name}-{rate}ps")),
        tuples_per_s: (messages / took).round(),
        cpu_s_per_million: rounded(cpu / messages * 1e6),
        cores_used: rounded(cpu / took),
        others_cores: rounded(to.others(&from)),
        rss_mib: rounded(rss_mib),
        rss_anon_mib: rounded(rss_anon_mib),
        p50_ms: quantile(&from_emit, 500).unwrap_or_else(|| engine_ms(spout.complete_us_p50)),
        p99_ms: quantile(&from_emit, 990).unwrap_or_else(|| engine_ms(spout.complete_us_p99)),
        p999_ms: quantile(&from_emit, 999),
        due_p50_ms: quantile(&from_due, 500),
        due_p99_ms: quantile(&from_due, 990),
        first_result_ms: rounded(first_result_ms),
        failed: spout.failed,
        window_s: rounded(took),
        settings: format!("workers={}, tasks={}", settings.workers_count, settings.tasks_count),
        checksum,
    })
}

/// Slides second by second until the rest of the machine was quiet in it, or takes the quietest.
fn window(running: &Running, settings: &Settings, clock: &Clock) -> (Sample, Sample) {
    let length = usize::try_from(settings.window_s.max(1)).unwrap_or(1);
    let most = usize::try_from(settings.most_s).unwrap_or(0).max(length);
    let mut samples = vec![Sample::now(running, clock)];
    let mut best = (0, f64::INFINITY);
    for end in 1..=most {
        running.wait_for(Duration::from_secs(1));
        samples.push(Sample::now(running, clock));
        let Some(start) = end.checked_sub(length) else { continue };
        let others = samples[end].others(&samples[start]);
        if others < best.1 {
            best = (start, others);
        }
        if others < QUIET_CORES {
            break;
        }
    }
    let start = best.0;
    let to = samples.swap_remove(start + length);
    (samples.swap_remove(start), to)
}

fn quantile(sorted: &[u64], per_mille: usize) -> Option<f64> {
    let nanos = sorted.get((sorted.len() * per_mille / 1000).min(sorted.len().checked_sub(1)?))?;
    Some(millis_of_micros(nanos / 1000))
}

#[expect(clippy::cast_precision_loss, reason = "a latency")]
fn millis_of_micros(micros: u64) -> f64 {
    micros as f64 / 1e3
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
