//! What each guarantee costs: sentences of eight words are split and counted by word, and the processor time for a million words is
//! printed in milliseconds, of every thread together. Linux only, as it reads `/proc`.
//!
//! ```sh
//! cargo run --release --package trombe --example guarantees -- 4000000
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trombe::{
    Bolt, Config, Emitter, Failure, Guarantee, Input, MemoryStore, Next, Nothing, Position, Spout,
    SpoutEmitter, StatefulBolt, Topology,
};

/// Different words.
const WORDS: u64 = 10_000;

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Anyhow<()> {
    let sentences = std::env::args().nth(1).map_or(Ok(500_000), |count| count.parse::<u64>())?;
    println!("{:<30}{:>22}{:>14}{:>10}", "", "CPU-ms a million words", "bytes a word", "writes");
    show("a bolt that keeps nothing", sentences, |words| {
        words.tasks(2).bolt("count", Untold::default).end();
    })?;
    for guarantee in [Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        show(&guarantee.to_string(), sentences, |words| {
            words.tasks(2).guarantee(guarantee).stateful("count", || Count).end();
        })?;
    }
    Ok(())
}

fn show(name: &str, sentences: u64, count: impl Fn(Input<u64>)) -> Anyhow<()> {
    let topology = Topology::new("guarantees");
    topology.state(MemoryStore::new());
    let next = Arc::new(AtomicU64::new(0));
    let lines = move || Lines { next: Arc::clone(&next), end: sentences, open: BTreeSet::new() };
    let split =
        |line: u64| (0..8).map(move |nth| (line * 8 + nth).wrapping_mul(0x9e37_79b9_7f4a_7c15) % WORDS);
    let words = topology.spout("sentences", lines).shuffle().tasks(2).flat_map("split", split);
    count(words.by(|word| word));
    let before = cpu_ms()?;
    let running = topology.start(Config::default())?;
    while !running.wait_for(Duration::from_mins(1)) {}
    let snapshot = running.snapshot();
    running.wait();
    let (words, took) = (sentences * 8, cpu_ms()? - before);
    let state = snapshot.component("count").and_then(|count| count.state.as_ref());
    let (bytes, writes) = state.map_or((0, 0), |state| (state.bytes_written / words.max(1), state.writes));
    println!("{name:<30}{:>22}{bytes:>14}{writes:>10}", took * 1_000_000 / words.max(1));
    Ok(())
}

/// Processor time of all threads so far; the kernel counts it in hundredths of a second.
fn cpu_ms() -> Anyhow<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Ok(fields.map(str::parse::<u64>).sum::<Result<u64, _>>()? * 10)
}

/// Gives numbers, and says how far all are done.
struct Lines {
    next: Arc<AtomicU64>,
    end: u64,
    open: BTreeSet<u64>,
}

impl Spout for Lines {
    type Item = u64;

    fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        let first = self.next.load(Ordering::Relaxed);
        let end = self.end.min(first + out.room() as u64);
        for number in first..end {
            self.open.insert(number);
            out.emit(number, number);
        }
        self.next.store(end, Ordering::Relaxed);
        Ok(if end == self.end { Next::Exhausted } else { Next::Emitted })
    }

    fn ack(&mut self, id: u64) {
        self.open.remove(&id);
    }

    fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
        Ok(Some(id))
    }

    fn positions() -> Option<fn(u64) -> Position> {
        Some(|offset| Position { partition: 0, offset })
    }

    fn replay_from(&self, _partition: u32) -> u64 {
        self.open.first().copied().unwrap_or(self.next.load(Ordering::Relaxed))
    }
}

struct Count;

impl StatefulBolt for Count {
    type In = u64;
    type State = u64;
    type Out = Nothing;

    fn update(&mut self, count: &mut u64, _word: &u64) -> trombe::Result {
        *count += 1;
        Ok(())
    }
}

/// The same count, kept by the bolt itself.
#[derive(Default)]
struct Untold(std::collections::HashMap<u64, u64>);

impl Bolt for Untold {
    type In = u64;
    type Out = Nothing;

    fn execute(&mut self, word: u64, _: &mut Emitter<Nothing>) -> trombe::Result {
        *self.0.entry(word).or_default() += 1;
        Ok(())
    }
}
