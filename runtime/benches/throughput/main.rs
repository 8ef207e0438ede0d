//! Whole topologies in a process of their own: one JSON line a run, in the words of the kit that runs Storm and Flink.
//!
//! `cargo bench -p trombe --bench throughput -- [WORKLOAD] [key=value ...]`; without a workload every one that needs no file.
//! [`settings`] names the keys. Every tuple is tracked, and all that the engine counts is counted.
//!
//! Further commands: `utx out=FILE [count=N]` writes the transactions that `bitcoin` reads, `peers` runs ours and others' in turn,
//! `growth` shows what becomes of the cost as the work grows.
#![expect(clippy::print_stdout, reason = "the line is the result")]

mod bitcoin;
mod constant;
mod fan_out;
mod growth;
mod held;
mod meter;
mod peers;
mod pending;
mod positioned;
mod process;
mod settings;
mod skew;
mod source;
mod storm;
mod utx;
mod windows;
mod words;

use std::error::Error;
use std::sync::Arc;

use trombe::testing::Driver;
use trombe::{Clock, Config, Topology};

use meter::Latencies;
use settings::Settings;

/// A workload ready to run.
struct Bench {
    topology: Topology,
    /// Filled by a paced source.
    latencies: Arc<Latencies>,
    /// For a workload that has to come to an end of its own, so that its result can be compared.
    finish: Option<Finish>,
}

/// Tells the source to come to an end.
type Stop = Box<dyn Fn()>;
/// The result's checksum, when all is done.
type Checksum = Box<dyn Fn() -> String>;

struct Finish {
    stop: Stop,
    checksum: Checksum,
}

impl Bench {
    fn endless(topology: Topology, latencies: &Arc<Latencies>) -> Self {
        Self { topology, latencies: Arc::clone(latencies), finish: None }
    }
}

type Make = fn(&Settings) -> Result<Bench, Box<dyn Error>>;

const WORKLOADS: [(&str, Make); 12] = [
    ("const", constant::hops),
    ("const-fused", constant::fused),
    ("held", held::bench),
    ("pending", pending::bench),
    ("wordcount", words::bench),
    ("wordcount-once", words::once),
    ("fan-out", fan_out::bench),
    ("skew", skew::bench),
    ("storm", storm::bench),
    ("windows", windows::bench),
    ("bitcoin", bitcoin::bench),
    ("bitcoin-once", bitcoin::once),
];

fn main() -> Result<(), Box<dyn Error>> {
    let begun = Clock::system();
    // Cargo adds flags of its own to the arguments.
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).peekable();
    let command = args.next_if(|arg| !arg.contains('='));
    let settings = Settings::read(args)?;
    match command.as_deref() {
        Some("utx") => utx::write(&settings),
        Some("growth") => growth::show(&settings),
        Some("peers") => peers::compare(&settings),
        Some(chosen) => {
            let known = || WORKLOADS.map(|(name, _)| name).join(", ");
            let found = WORKLOADS.into_iter().find(|(name, _)| *name == chosen);
            let (name, make) =
                found.ok_or_else(|| format!("no workload {chosen}: choose from {}", known()))?;
            run(name, make, &settings, &begun)
        }
        None => {
            let without_file = WORKLOADS.into_iter().filter(|(name, _)| !name.starts_with("bitcoin"));
            without_file.into_iter().try_for_each(|(name, make)| run(name, make, &settings, &Clock::system()))
        }
    }
}

fn run(name: &str, make: Make, settings: &Settings, begun: &Clock) -> Result<(), Box<dyn Error>> {
    let bench = make(settings)?;
    if settings.count.is_some() {
        return counted(&bench);
    }
    println!("{}", serde_json::to_string(&meter::measure(name, bench, settings, begun)?)?);
    Ok(())
}

/// So many messages on the test driver: one thread, a clock that stands still, the same instructions in every run.
fn counted(bench: &Bench) -> Result<(), Box<dyn Error>> {
    let summary = Driver::new(&bench.topology, Config::default(), 1)?.run();
    if !summary.is_complete() {
        return Err(format!("not everything was done: {summary}").into());
    }
    println!("{}", summary.acked);
    Ok(())
}
