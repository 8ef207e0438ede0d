//! Whole-topology runs: one JSON line each, with messages a second and CPU seconds for a million messages.
//!
//! `cargo bench -p trombe --bench throughput -- [const|const-fused|held|words|paced] [seconds] [workers]`; all of them by default.
#![expect(clippy::print_stdout, reason = "the line is the result")]

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use trombe::{
    Anchors, Bolt, Clock, Config, DeferredBolt, Emitter, Failure, KeyHasher, Next, Spout, SpoutEmitter,
    TaskContext, Topology, Tuple,
};

const SENTENCES: [&str; 5] = [
    "the cow jumped over the bright full moon",
    "an apple a day keeps the doctor away",
    "four score and seven years ago our fathers",
    "snow white and the seven dwarfs went home",
    "i am at two with nature and weather",
];

fn main() {
    // Cargo adds flags of its own to the arguments.
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let chosen = args.next();
    let seconds = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(2);
    let workers = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(2);
    let workloads: [(&str, Make); 5] =
        [("const", constant), ("const-fused", fused), ("held", held), ("words", words), ("paced", paced)];
    for (name, topology) in workloads {
        if chosen.as_deref().is_none_or(|chosen| chosen == name) {
            measure(name, &topology(), Duration::from_secs(seconds), workers);
        }
    }
}

type Make = fn() -> Topology;

/// const -> id -> null, with a queue before each bolt.
fn constant() -> Topology {
    let topology = Topology::new("const");
    let constant = topology.spout("const", || Cycle { items: &["0123456789"], next: 0 });
    constant.shuffle().map("id", |text| text).shuffle().for_each("null", drop);
    topology
}

/// The same without queues, once a core.
fn fused() -> Topology {
    let topology = Topology::new("const-fused");
    let constant = topology.tasks(2).spout("const", || Cycle { items: &["0123456789"], next: 0 });
    let id = constant.local_or_shuffle().tasks(2).map("id", |text| text);
    id.local_or_shuffle().tasks(2).for_each("null", drop);
    topology
}

/// const -> hold -> null, where a deferred bolt acks what it holds by what it emits for all of it.
fn held() -> Topology {
    let topology = Topology::new("held");
    let constant = topology.spout("const", || Cycle { items: &["0123456789"], next: 0 });
    constant.shuffle().deferred("hold", Hold::default).shuffle().for_each("null", drop);
    topology
}

#[derive(Default)]
struct Hold(Anchors);

impl DeferredBolt for Hold {
    type In = &'static str;
    type Out = usize;

    fn execute(&mut self, tuple: Tuple<&'static str>, _out: &mut Emitter<usize>) -> Result<(), Failure> {
        self.0.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<usize>) -> Result<(), Failure> {
        let count = self.0.len();
        out.anchored(self.0.take()).emit(count);
        Ok(())
    }
}

fn words() -> Topology {
    let topology = Topology::new("words");
    let sentences = topology.tasks(2).spout("sentences", || Cycle { items: &SENTENCES, next: 0 });
    let words =
        sentences.local_or_shuffle().tasks(2).flat_map("split", |sentence: &'static str| sentence.split(' '));
    words.by(|word| *word).tasks(2).bolt("count", Count::default).end();
    topology
}

/// const -> id -> null at 10,000 messages a second: what counts is the time from emit to ack, and the processor time it takes.
fn paced() -> Topology {
    let topology = Topology::new("paced");
    let constant = topology.spout("const", || Paced { context: None, next: 0 });
    constant.shuffle().map("id", |text| text).shuffle().for_each("null", drop);
    topology
}

/// Emits ten messages a millisecond, and looks at the clock every 200 microseconds.
struct Paced {
    context: Option<TaskContext>,
    next: u64,
}

impl Spout for Paced {
    type Item = &'static str;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.context = Some(context.clone());
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<&'static str>) -> Result<Next, Failure> {
        let uptime = self.context.as_ref().map_or(Duration::ZERO, TaskContext::uptime);
        let due = u64::try_from(uptime.as_micros() / 100).unwrap_or(u64::MAX);
        while self.next < due && out.room() > 0 {
            out.emit(self.next, "0123456789");
            self.next += 1;
        }
        Ok(Next::Idle(Duration::from_micros(200)))
    }

    fn ack(&mut self, _id: u64) {}

    fn replay(&mut self, _id: u64) -> Result<Option<&'static str>, Failure> {
        Ok(None)
    }
}

struct Cycle {
    items: &'static [&'static str],
    next: u64,
}

impl Spout for Cycle {
    type Item = &'static str;

    fn next(&mut self, out: &mut SpoutEmitter<&'static str>) -> Result<Next, Failure> {
        let mut item = usize::try_from(self.next % self.items.len() as u64).unwrap_or(0);
        for _ in 0..out.room() {
            out.emit(self.next, self.items[item]);
            self.next += 1;
            item = if item + 1 == self.items.len() { 0 } else { item + 1 };
        }
        Ok(Next::Emitted)
    }

    fn ack(&mut self, _id: u64) {}

    fn replay(&mut self, _id: u64) -> Result<Option<&'static str>, Failure> {
        Ok(None)
    }
}

#[derive(Default)]
struct Count(HashMap<&'static str, u64, BuildHasherDefault<KeyHasher>>);

impl Bolt for Count {
    type In = &'static str;
    type Out = ();

    fn execute(&mut self, word: &'static str, _out: &mut Emitter<()>) -> Result<(), Failure> {
        *self.0.entry(word).or_default() += 1;
        Ok(())
    }
}

fn measure(name: &str, topology: &Topology, window: Duration, workers: usize) {
    let config = Config { workers_count: Some(workers), ..Config::default() };
    let running = match topology.start(config) {
        Ok(running) => running,
        Err(error) => return println!("{{\"workload\":\"{name}\",\"error\":\"{error}\"}}"),
    };
    let acked = || running.snapshot().components[0].acked;
    running.wait_for(Duration::from_millis(300));
    let (clock, acked_before, cpu_before) = (Clock::system(), acked(), cpu_seconds());
    running.wait_for(window);
    let (took, count, cpu) =
        (clock.elapsed().as_secs_f64(), acked() - acked_before, cpu_seconds() - cpu_before);
    let snapshot = running.snapshot();
    let spout = &snapshot.components[0];
    let (p50, p99) = (spout.complete_us_p50.unwrap_or(0), spout.complete_us_p99.unwrap_or(0));
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let millions = count as f64 / 1e6;
    println!(
        "{{\"workload\":\"{name}\",\"workers\":{workers},\"messages_per_s\":{:.0},\"cpu_s_per_million\":{:.4},\
         \"cores_used\":{:.2},\"complete_us_p50\":{p50},\"complete_us_p99\":{p99}}}",
        millions * 1e6 / took,
        cpu / millions,
        cpu / took,
    );
    drop(running.shutdown(Duration::from_secs(5)));
}

/// CPU time of the whole process, in steps of 10 ms; NaN where there is no procfs.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, in brackets, may contain spaces; user and system time are the 14th and 15th.
    let after_name = stat.rsplit(')').next().unwrap_or("");
    let ticks: Vec<f64> =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if ticks.len() == 2 { (ticks[0] + ticks[1]) / 100.0 } else { f64::NAN }
}
