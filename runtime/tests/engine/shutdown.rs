//! Orderly ends.

use std::time::Duration;

use trombe::testing::Driver;
use trombe::{Anchors, Bolt, Config, DeferredBolt, Emitter, Failure, Topology, Tuple};

use super::common::{Log, SEEDS, Seen, tight};

#[test]
fn shutdown_brings_everything_out_to_its_end() {
    for seed in SEEDS {
        let log = Log::of(1_000_000);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let copies = numbers.shuffle().tasks(2).flat_map("copies", |n| [n; 5]);
        copies.by(|n| n).tasks(3).for_each("end", |_| ());
        let mut driver =
            Driver::new(&topology, Config { spout_pending_count_max: 100, ..tight() }, seed).unwrap();
        driver.steps(500);
        let summary = driver.shutdown(Duration::from_secs(1));
        assert!(summary.is_complete(), "{summary}");
        assert_eq!(log.acked().len() as u64, summary.acked);
    }
}

/// Holds everything until it is told to drain.
#[derive(Default)]
struct Hoard {
    held: Anchors,
    flushes: u32,
}

impl DeferredBolt for Hoard {
    type In = u64;
    type Out = ();

    fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
        self.held.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
        self.flushes += 1;
        if self.flushes > 10 {
            self.held.take().ack();
        }
        Ok(())
    }
}

#[test]
fn draining_flushes_until_nothing_is_held() {
    let log = Log::of(3);
    let topology = Topology::new("t");
    topology.spout("numbers", log.spout()).shuffle().deferred("hoard", Hoard::default).end();
    let mut driver = Driver::new(&topology, Config::default(), 0).unwrap();
    driver.run_until_idle();
    assert_eq!(driver.snapshot().component("hoard").unwrap().pending, 3);
    assert!(driver.shutdown(Duration::from_secs(1)).is_complete());
    log.assert_all_acked_once("by the eleventh flush");
}

#[test]
fn what_is_unfinished_at_the_deadline_is_reported() {
    let log = Log::of(3);
    let topology = Topology::new("t");
    topology.spout("numbers", log.spout()).shuffle().deferred("hoard", Hoard::default).end();
    let mut driver = Driver::new(&topology, Config::default(), 0).unwrap();
    driver.run_until_idle();
    let summary = driver.shutdown(Duration::from_millis(12));
    assert_eq!(summary.unfinished.len(), 1);
    assert_eq!((summary.unfinished[0].spout.as_str(), summary.unfinished[0].tuples), ("numbers", 3));
    assert!(summary.to_string().contains("3 of numbers unfinished"), "{summary}");
}

#[test]
fn cleanup_comes_last_and_once_for_fused_bolts_too() {
    struct Tidy(Seen<&'static str>);
    impl Bolt for Tidy {
        type In = u64;
        type Out = u64;
        fn execute(&mut self, n: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
            self.0.add("execute");
            out.emit(n);
            Ok(())
        }
        fn cleanup(&mut self) {
            self.0.add("cleanup");
        }
    }
    let seen = Seen::new();
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", 0..2_u64);
    let (first, second) = (seen.clone(), seen.clone());
    let tidy = numbers.local_or_shuffle().bolt("first", move || Tidy(first.clone()));
    tidy.shuffle().bolt("second", move || Tidy(second.clone())).end();
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.run();
    driver.shutdown(Duration::ZERO);
    assert_eq!(seen.all(), ["execute", "execute", "execute", "execute", "cleanup", "cleanup"]);
}
