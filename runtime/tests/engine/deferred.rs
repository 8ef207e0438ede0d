//! Bolts that answer later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{Anchors, Config, DeferredBolt, Emitter, Failure, TaskContext, Topology, Tuple};

use super::common::{Log, SEEDS, Seen, assert_balanced, run, tight};

/// Does with each tuple what its number says.
struct Careless {
    forgotten: Vec<Tuple<u64>>,
}

impl DeferredBolt for Careless {
    type In = u64;
    type Out = ();

    fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
        match *tuple.value() {
            1 => drop(tuple),
            2 => return Err(Failure::reject("a two")),
            3 => tuple.fail(Failure::reject("a three")),
            4 => panic!("a four"),
            5 => self.forgotten.push(tuple),
            _ => tuple.ack(),
        }
        Ok(())
    }

    fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
        Ok(())
    }
}

fn careless(log: &Log) -> Topology {
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    numbers.shuffle().deferred("careless", || Careless { forgotten: Vec::new() }).end();
    topology
}

#[test]
fn every_way_to_lose_a_tuple_fails_it_with_its_reason() {
    let log = Log::of(8);
    let topology = careless(&log);
    let config = Config { attempts_max: Some(1), batch_count_max: 1, ..Config::default() };
    let mut driver = Driver::new(&topology, config, 0).unwrap();
    driver.run_until_idle();
    let reason = |id| log.exhausted().get(&id).map(|autopsy| autopsy.reason.clone());
    assert_eq!(reason(1).as_deref(), Some("dropped without ack or fail"));
    assert_eq!(reason(2).as_deref(), Some("a two"));
    assert_eq!(reason(3).as_deref(), Some("a three"));
    assert_eq!(reason(4).as_deref(), Some("panic: a four"));
    assert_eq!(reason(5), None, "it is held");
    assert_eq!(driver.snapshot().component("careless").unwrap().pending, 1);

    driver.advance(Duration::from_millis(29_999));
    assert_eq!(reason(5), None, "not yet");
    driver.advance(Duration::from_millis(1));
    assert_eq!(
        reason(5).as_deref(),
        Some("held, and nothing has happened to it for inactivity_timeout_ms = 30000")
    );
    assert_eq!(log.acked(), [0, 6, 7]);
    assert_balanced(&driver.snapshot());
}

#[test]
fn without_a_timeout_tuples_are_held_for_ever() {
    let log = Log::of(6);
    let topology = careless(&log);
    let config = Config { attempts_max: Some(1), inactivity_timeout_ms: None, ..Config::default() };
    let mut driver = Driver::new(&topology, config, 0).unwrap();
    driver.advance(Duration::from_secs(1_000_000));
    assert_eq!(driver.snapshot().component("careless").unwrap().pending, 1);
}

#[test]
fn a_timeout_fails_what_is_held_and_acks_its_neighbours() {
    /// Holds one tuple of ten, and acks it far too late.
    #[derive(Default)]
    struct Late(Option<Tuple<u64>>);
    impl DeferredBolt for Late {
        type In = u64;
        type Out = ();
        fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
            if *tuple.value() == 5 && self.0.is_none() {
                self.0 = Some(tuple);
            } else {
                tuple.ack();
            }
            Ok(())
        }
        fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
            Ok(())
        }
    }
    let log = Log::of(10);
    let topology = Topology::new("t");
    topology.spout("numbers", log.spout()).shuffle().deferred("late", Late::default).end();
    let mut driver = Driver::new(&topology, Config { batch_count_max: 16, ..Config::default() }, 0).unwrap();
    driver.run_until_idle();
    assert_eq!(log.acked(), [0; 0], "a good tuple is acked with its flight");
    let summary = driver.run();
    log.assert_all_acked_once("the held one was replayed");
    assert_eq!(summary.failed, 1);
    assert!((30_000..30_020).contains(&summary.uptime_ms), "{summary}");
    assert!(driver.shutdown(Duration::ZERO).is_complete(), "a late ack changes nothing");
}

#[test]
fn a_flush_that_fails_is_tried_again() {
    /// Cannot flush the first three times.
    #[derive(Default)]
    struct Stuck {
        held: Anchors,
        tries: u32,
    }
    impl DeferredBolt for Stuck {
        type In = u64;
        type Out = ();
        fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
            self.held.add(tuple.into());
            Ok(())
        }
        fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
            self.tries += 1;
            if self.tries <= 3 {
                return Err(Failure::retry("the disk is full"));
            }
            self.held.take().ack();
            Ok(())
        }
    }
    for (seed, entries) in SEEDS.flat_map(|seed| [(seed, 3), (seed, 300)]) {
        let log = Log::of(entries);
        let topology = Topology::new("t");
        topology.spout("numbers", log.spout()).shuffle().deferred("stuck", Stuck::default).end();
        let (summary, snapshot) = run(&topology, Config { held_count_max: 50, ..tight() }, seed);
        log.assert_all_acked_once("after a while");
        assert_eq!(summary.failed, 0, "what is held waits");
        assert_eq!(
            snapshot.component("stuck").unwrap().last_error.as_deref(),
            Some("flush: the disk is full")
        );
    }
}

#[test]
fn ticks_flush_in_their_own_time() {
    /// Counts flushes.
    struct Ticks(Seen<Duration>, Option<TaskContext>);
    impl DeferredBolt for Ticks {
        type In = u64;
        type Out = ();
        fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
            self.1 = Some(context.clone());
            Ok(())
        }
        fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
            tuple.ack();
            Ok(())
        }
        fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
            self.0.add(self.1.as_ref().unwrap().uptime());
            Ok(())
        }
    }
    let seen = Seen::new();
    let ticks = seen.clone();
    let topology = Topology::new("t");
    let none = topology.spout("none", Vec::<u64>::new());
    none.shuffle().tick_ms(250).deferred("ticks", move || Ticks(ticks.clone(), None)).end();
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.advance(Duration::from_millis(1100));
    assert_eq!(seen.all(), [250, 500, 750, 1000].map(Duration::from_millis));
}

#[test]
fn a_tick_whose_flush_fails_does_not_wait_for_the_next_one() {
    /// Cannot flush the first time.
    struct Stuck(Seen<()>);
    impl DeferredBolt for Stuck {
        type In = u64;
        type Out = ();
        fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
            tuple.ack();
            Ok(())
        }
        fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
            self.0.add(());
            let first = self.0.len() == 1;
            if first { Err(Failure::retry("the disk is full")) } else { Ok(()) }
        }
    }
    let flushes = Seen::new();
    let counted = flushes.clone();
    let topology = Topology::new("t");
    let none = topology.spout("none", Vec::<u64>::new());
    none.shuffle().tick_ms(60_000).deferred("stuck", move || Stuck(counted.clone())).end();
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.advance(Duration::from_secs(61));
    assert_eq!(flushes.len(), 2);
}

#[test]
fn a_task_that_cannot_be_rebuilt_fails_what_it_was_about_to_be_given() {
    /// Panics at the first tuple; then its preparation fails three times.
    struct Down(Arc<AtomicU32>);
    impl DeferredBolt for Down {
        type In = u64;
        type Out = ();
        fn prepare(&mut self, _: &TaskContext) -> Result<(), Failure> {
            let prepared = self.0.fetch_add(1, Ordering::Relaxed);
            if (1..4).contains(&prepared) { Err(Failure::retry("still down")) } else { Ok(()) }
        }
        fn execute(&mut self, tuple: Tuple<u64>, _out: &mut Emitter<()>) -> Result<(), Failure> {
            assert!(self.0.load(Ordering::Relaxed) > 1, "going down");
            tuple.ack();
            Ok(())
        }
        fn flush(&mut self, _out: &mut Emitter<()>) -> Result<(), Failure> {
            Ok(())
        }
    }
    let (log, prepared) = (Log::of(10), Arc::default());
    let topology = Topology::new("t");
    let down = move || Down(Arc::clone(&prepared));
    topology.spout("numbers", log.spout()).shuffle().deferred("down", down).end();
    let (summary, snapshot) = run(&topology, tight(), 0);
    log.assert_all_acked_once("when it is up again");
    assert_eq!(summary.failed, 4, "one batch");
    let reasons = snapshot.failures.iter().map(|autopsy| autopsy.reason.as_str());
    assert_eq!(reasons.filter(|reason| *reason == "dropped before the component saw it").count(), 3);
}

/// Holds every tuple until `released`, and tells of each at once; its flush fails until then if it is to be `stuck`.
struct Holder {
    released: Arc<AtomicBool>,
    stuck: bool,
    held: Vec<Tuple<u64>>,
}

impl DeferredBolt for Holder {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, tuple: Tuple<u64>, out: &mut Emitter<u64>) -> Result<(), Failure> {
        out.emit(*tuple.value());
        self.held.push(tuple);
        Ok(())
    }

    fn flush(&mut self, _out: &mut Emitter<u64>) -> Result<(), Failure> {
        match (self.released.load(Ordering::Relaxed), self.stuck) {
            (true, _) => self.held.drain(..).for_each(Tuple::ack),
            (false, true) => return Err(Failure::retry("the disk is full")),
            (false, false) => {}
        }
        Ok(())
    }
}

#[test]
fn a_tuple_held_behind_a_full_queue_does_not_time_out() {
    let (log, released) = (Log::of(20), Arc::new(AtomicBool::new(false)));
    let holder = |stuck| {
        let released = Arc::clone(&released);
        move || Holder { released: Arc::clone(&released), stuck, held: Vec::new() }
    };
    let topology = Topology::new("t");
    let held = topology.spout("numbers", log.spout()).shuffle().deferred("held", holder(false));
    held.shuffle().tick_ms(1_000).deferred("stuck", holder(true)).end();
    let config = Config {
        attempts_max: Some(1),
        batch_count_max: 1,
        queue_batches_max: 1,
        held_count_max: 1,
        ..tight()
    };
    let mut driver = Driver::new(&topology, config, 0).unwrap();
    // `stuck` times out every half minute and then takes one tuple more, so `held` gets on by a tuple at a time.
    driver.advance(Duration::from_mins(2));
    assert!(driver.snapshot().component("stuck").unwrap().failed >= 3, "{:#?}", driver.snapshot());
    assert_eq!((driver.snapshot().component("held").unwrap().failed, log.exhausted().len()), (0, 0));
    released.store(true, Ordering::Relaxed);
    driver.advance(Duration::from_mins(2));
    assert_eq!(log.acked(), (0..20).collect::<Vec<_>>());
    assert_balanced(&driver.snapshot());
}
