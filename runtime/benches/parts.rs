//! The engine's parts, by criterion: `cargo bench -p trombe --bench parts`.
//!
//! All on one thread, on the test driver. A part that is none of its own outside the engine is the difference between two topologies:
//! the queue that between `fused` and `queue`, a grouping that between it and `global`, a replay that between `failures` and `queue`.
#![expect(missing_docs, reason = "criterion's macros define public items")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trombe::testing::Driver;
use trombe::{
    Bolt, Config, Emitter, Failure, Input, Next, Spout, SpoutEmitter, Stream, Topology, key_group, key_hash,
};

const TUPLES: u32 = 50_000;
const TASKS: usize = 8;

/// As many numbers as there are tuples.
#[derive(Default)]
struct Numbers(u32);

impl Spout for Numbers {
    type Item = u32;

    fn next(&mut self, out: &mut SpoutEmitter<u32>) -> Result<Next, Failure> {
        for _ in 0..out.room() {
            if self.0 == TUPLES {
                return Ok(Next::Exhausted);
            }
            out.emit(self.0.into(), self.0);
            self.0 += 1;
        }
        Ok(Next::Emitted)
    }

    fn ack(&mut self, _id: u64) {}

    fn replay(&mut self, id: u64) -> Result<Option<u32>, Failure> {
        Ok(u32::try_from(id).ok())
    }
}

type Grouped = fn(Stream<u32>) -> Input<u32>;

fn consume(number: u32) {
    black_box(number);
}

/// Runs `TUPLES` tuples through what `wire` makes of their stream.
fn run(wire: impl Fn(Stream<u32>)) {
    let topology = Topology::new("parts");
    wire(topology.spout("numbers", Numbers::default));
    let driver = Driver::new(&topology, Config::default(), 1);
    let summary = driver.expect("a topology without mistakes").run();
    assert_eq!(summary.acked, u64::from(TUPLES));
}

fn transport(c: &mut Criterion) {
    let mut group = c.benchmark_group("transport");
    group.throughput(Throughput::Elements(TUPLES.into()));
    group.bench_function("fused", |b| {
        b.iter(|| run(|numbers| numbers.local_or_shuffle().for_each("null", consume)));
    });
    group.bench_function("queue", |b| b.iter(|| run(|numbers| numbers.shuffle().for_each("null", consume))));
    group.finish();
}

fn grouping(c: &mut Criterion) {
    let mut group = c.benchmark_group("grouping");
    group.throughput(Throughput::Elements(TUPLES.into()));
    let groupings: [(&str, Grouped); 6] = [
        ("global", Stream::global),
        ("shuffle", Stream::shuffle),
        ("none", Stream::none),
        ("key", |numbers| numbers.by(|number| number)),
        ("partial key", |numbers| numbers.partial_key(|number| number)),
        ("all", Stream::all),
    ];
    for (name, grouped) in groupings {
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| run(|numbers| grouped(numbers).tasks(TASKS).for_each("null", consume)));
        });
    }
    group.finish();
}

fn hash(c: &mut Criterion) {
    let mut group = c.benchmark_group("hash");
    let words = ["a", "seven", "dwarfs", "1BwGf3z7n2fHk6NoVJNkV32qwyAYsMhkWf"];
    for word in words {
        group.bench_function(BenchmarkId::from_parameter(format!("{} bytes", word.len())), |b| {
            b.iter(|| key_group(key_hash(black_box(word))));
        });
    }
    group.bench_function("u64", |b| b.iter(|| key_group(key_hash(&black_box(7_u64)))));
    group.finish();
}

/// Fails every tenth tuple once.
#[derive(Default)]
struct FailOnce(std::collections::HashSet<u32>);

impl Bolt for FailOnce {
    type In = u32;
    type Out = ();

    fn execute(&mut self, number: u32, _out: &mut Emitter<()>) -> Result<(), Failure> {
        if number.is_multiple_of(10) && self.0.insert(number) {
            return Err(Failure::retry("the first attempt"));
        }
        Ok(())
    }
}

fn retry(c: &mut Criterion) {
    let mut group = c.benchmark_group("retry");
    group.throughput(Throughput::Elements((TUPLES / 10).into()));
    group.sample_size(20);
    group.bench_function("failures", |b| {
        b.iter(|| run(|numbers| numbers.shuffle().bolt("fail", FailOnce::default).end()));
    });
    group.finish();
}

criterion_group!(parts, transport, grouping, hash, retry);
criterion_main!(parts);
