//! Emissions that stand for tuples held by their emitter.

use std::time::Duration;

use trombe::testing::Driver;
use trombe::{Anchors, AsyncSink, Config, DeferredBolt, Emitter, Failure, Topology, Tuple};

use super::common::{Log, SEEDS, Seen, run, tight};

/// Sums tuples and emits the sum, anchored to all of them, when asked to flush.
#[derive(Default)]
struct Sum {
    sum: u64,
    held: Anchors,
}

impl DeferredBolt for Sum {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<u64>) -> Result<(), Failure> {
        let (n, anchor) = tuple.into_parts();
        self.sum += n;
        self.held.add(anchor);
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<u64>) -> Result<(), Failure> {
        if !self.held.is_empty() {
            out.anchored(self.held.take()).emit(std::mem::take(&mut self.sum));
        }
        Ok(())
    }
}

#[test]
fn what_is_emitted_for_many_acks_them_all() {
    for seed in SEEDS {
        let (log, sums) = (Log::of(500), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let sum = numbers.by(|n| n).tasks(3).deferred("sum", Sum::default);
        let all = sums.clone();
        sum.shuffle().for_each("see", move |sum| all.add(sum));
        run(&topology, tight(), seed);
        log.assert_all_acked_once("by their sums");
        assert_eq!(sums.all().iter().sum::<u64>(), 499 * 500 / 2);
    }
}

#[test]
fn what_fails_of_many_fails_them_all_and_only_them() {
    for seed in SEEDS {
        let (log, fails) = (Log::of(200), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let sums = numbers.shuffle().deferred("sum", Sum::default);
        let failed = fails.clone();
        let refuse = move |sum: u64, _: &mut Emitter<()>| {
            failed.add(sum);
            if failed.len() == 1 { Err(Failure::retry("the first sum is refused")) } else { Ok(()) }
        };
        sums.shuffle().closure("refuse", refuse).end();
        let (summary, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("in the end");
        let refused = snapshot.failures.iter().filter_map(|autopsy| autopsy.id).sum::<u64>();
        assert_eq!(refused, fails.all()[0], "the tuples that failed are those of the refused sum");
        assert_eq!(summary.failed, snapshot.failures.len() as u64);
        assert!(snapshot.failures.iter().all(|autopsy| autopsy.component == "refuse"));
    }
}

#[test]
fn what_is_handed_on_does_not_time_out_however_long_it_waits_downstream() {
    /// An index that is away.
    struct Away;
    impl AsyncSink for Away {
        type In = u64;
        async fn write(&self, _batch: Vec<u64>) -> Vec<Result<(), Failure>> {
            std::future::pending().await
        }
    }
    for seed in SEEDS {
        let log = Log::of(40);
        let topology = Topology::new("t");
        let sums = topology.spout("numbers", log.spout()).shuffle().deferred("sum", Sum::default);
        sums.shuffle().sink("away", || Away);
        let mut driver =
            Driver::new(&topology, Config { inactivity_timeout_ms: Some(1000), ..tight() }, seed).unwrap();
        driver.advance(Duration::from_mins(10));
        let snapshot = driver.snapshot();
        let sum = snapshot.component("sum").unwrap();
        assert_eq!((sum.acked, sum.failed, sum.pending), (0, 0, 40));
    }
}

/// Emits every tuple twice, but gives up at the first attempt: at an even tuple before it has emitted anything, at an odd one
/// after the first time.
struct Twice {
    tried: Seen<u64>,
    give_up: fn() -> Failure,
}

impl DeferredBolt for Twice {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, tuple: Tuple<u64>, out: &mut Emitter<u64>) -> Result<(), Failure> {
        let (n, anchor) = tuple.into_parts();
        let mut anchored = out.anchored(Anchors::from_iter([anchor]));
        let first = !self.tried.all().contains(&n);
        self.tried.add(n);
        if first && n % 2 == 0 {
            return Err((self.give_up)());
        }
        anchored.emit(n);
        if first {
            return Err((self.give_up)());
        }
        anchored.emit(n);
        Ok(())
    }

    fn flush(&mut self, _out: &mut Emitter<u64>) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn giving_up_in_the_middle_of_an_anchored_emission_acks_nothing() {
    let ways: [(fn() -> Failure, u64); 2] =
        [(|| Failure::retry("in the middle"), 0), (|| panic!("in the middle"), 20)];
    for ((give_up, restarts), seed) in ways.into_iter().flat_map(|way| SEEDS.map(move |seed| (way, seed))) {
        let (log, tried, seen) = (Log::of(20), Seen::new(), Seen::new());
        let topology = Topology::new("t");
        let twice = topology
            .spout("numbers", log.spout())
            .shuffle()
            .deferred("twice", move || Twice { tried: tried.clone(), give_up });
        let all = seen.clone();
        twice.shuffle().for_each("see", move |n| all.add(n));
        let (summary, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("at the second attempt");
        assert_eq!((summary.failed, summary.restarts), (20, restarts));
        assert!(snapshot.failures.iter().all(|autopsy| autopsy.reason.ends_with("in the middle")));
        let expected = (0..20).flat_map(|n| vec![n; if n % 2 == 0 { 2 } else { 3 }]).collect::<Vec<_>>();
        assert_eq!(seen.sorted(), expected);
    }
}
