//! Two deadlines: one that only a tree to which nothing happens can miss, and Storm's, which knows no excuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{
    Anchors, AsyncSink, Bolt, Config, DeferredBolt, Emitter, Failure, SinkLimits, TaskContext, Topology,
    Tuple,
};

use super::common::{Log, Seen, assert_balanced, tight};

const SECOND: Duration = Duration::from_secs(1);

/// Down as long as it is told so: it panics at the first tuple and cannot be prepared again.
struct Down(Arc<AtomicBool>);

impl Bolt for Down {
    type In = u64;
    type Out = u64;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let down = context.restarts > 0 && self.0.load(Ordering::Relaxed);
        if down { Err(Failure::retry("still down")) } else { Ok(()) }
    }

    fn execute(&mut self, n: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        assert!(!self.0.load(Ordering::Relaxed), "going down");
        out.emit(n);
        Ok(())
    }
}

/// Keeps every tuple; each flush acks those that `ripe` says.
struct Keep {
    kept: Vec<Tuple<u64>>,
    ripe: Seen<u64>,
}

impl DeferredBolt for Keep {
    type In = u64;
    type Out = ();

    fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<()>) -> Result<(), Failure> {
        self.kept.push(tuple);
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<()>) -> Result<(), Failure> {
        let ripe = self.ripe.all();
        self.kept.extract_if(.., |tuple| ripe.contains(tuple.value())).for_each(Tuple::ack);
        Ok(())
    }
}

fn keep(ripe: &Seen<u64>) -> impl Fn() -> Keep + Send + Sync + 'static {
    let ripe = ripe.clone();
    move || Keep { kept: Vec::new(), ripe: ripe.clone() }
}

/// An index that is away.
struct Away;
impl AsyncSink for Away {
    type In = u64;
    fn limits(&self) -> SinkLimits {
        SinkLimits { write_timeout_ms: None, ..SinkLimits::default() }
    }
    async fn write(&self, _: Vec<u64>) -> Vec<Result<(), Failure>> {
        std::future::pending().await
    }
}

fn once() -> Config {
    Config { attempts_max: Some(1), ..tight() }
}

#[test]
fn a_tree_of_which_anything_is_queued_does_not_time_out() {
    let (log, down) = (Log::of(1), Arc::new(AtomicBool::new(true)));
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let stuck = Arc::clone(&down);
    // The first copy takes the bolt down, the second waits behind it, and the third is kept.
    let twice = numbers.clone().shuffle().flat_map("twice", |n| [n, n]);
    twice.shuffle().bolt("down", move || Down(Arc::clone(&stuck))).end();
    numbers.shuffle().tick_ms(100).deferred("keep", keep(&Seen::new())).end();
    let config = Config { batch_count_max: 1, ..tight() };
    let mut driver = Driver::new(&topology, Config { retry_backoff_ms_max: 600_000, ..config }, 0).unwrap();
    driver.advance(3600 * SECOND);
    let snapshot = driver.snapshot();
    assert_eq!(snapshot.component("keep").unwrap().failed, 0, "one of its copies is queued: {snapshot:#?}");
    down.store(false, Ordering::Relaxed);
    driver.advance(700 * SECOND);
    let reasons: Vec<_> = driver.snapshot().failures.into_iter().map(|autopsy| autopsy.reason).collect();
    assert!(reasons.iter().any(|reason| reason.contains("inactivity_timeout_ms = 30000")), "{reasons:?}");
}

#[test]
fn a_sign_of_life_of_a_tree_puts_its_deadline_off() {
    let (log, ripe) = (Log::of(1), Seen::new());
    let topology = Topology::new("t");
    let copies = topology.spout("numbers", log.spout()).shuffle().flat_map("copies", |n| [n, n + 10, n + 20]);
    copies.by(|n| n).tasks(2).tick_ms(1_000).deferred("keep", keep(&ripe)).end();
    let mut driver = Driver::new(&topology, once(), 0).unwrap();
    driver.advance(25 * SECOND);
    ripe.add(10);
    driver.advance(25 * SECOND);
    ripe.add(20);
    driver.advance(29 * SECOND);
    assert_eq!(log.exhausted().len(), 0, "the last one was acked 29 seconds ago");
    driver.advance(6 * SECOND);
    let autopsy = &log.exhausted()[&0];
    assert_eq!((autopsy.component.as_str(), autopsy.edge.as_str()), ("keep", "copies"));
    assert_balanced(&driver.snapshot());
}

#[test]
fn what_waits_for_what_was_made_of_its_neighbour_does_not_time_out() {
    /// Hands the first tuple on, and forgets the second.
    #[derive(Default)]
    struct Half(Vec<Tuple<u64>>);
    impl DeferredBolt for Half {
        type In = u64;
        type Out = u64;
        fn execute(&mut self, tuple: Tuple<u64>, out: &mut Emitter<u64>) -> Result<(), Failure> {
            if *tuple.value() == 0 {
                out.anchored(Anchors::from_iter([tuple.into()])).emit(0);
            } else {
                self.0.push(tuple);
            }
            Ok(())
        }
        fn flush(&mut self, _: &mut Emitter<u64>) -> Result<(), Failure> {
            Ok(())
        }
    }
    let log = Log::of(1);
    let topology = Topology::new("t");
    let both = topology.spout("numbers", log.spout()).shuffle().flat_map("both", |n| [n, n + 1]);
    both.shuffle().deferred("half", Half::default).shuffle().sink("away", || Away);
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.advance(3600 * SECOND);
    let snapshot = driver.snapshot();
    let half = snapshot.component("half").unwrap();
    assert_eq!((half.failed, half.pending), (0, 2));
}

#[test]
fn what_was_made_of_a_tuple_does_not_time_out_while_its_neighbour_is_written() {
    /// Hands everything on.
    struct Pass;
    impl DeferredBolt for Pass {
        type In = u64;
        type Out = u64;
        fn execute(&mut self, tuple: Tuple<u64>, out: &mut Emitter<u64>) -> Result<(), Failure> {
            let (n, anchor) = tuple.into_parts();
            out.anchored(Anchors::from_iter([anchor])).emit(n);
            Ok(())
        }
        fn flush(&mut self, _: &mut Emitter<u64>) -> Result<(), Failure> {
            Ok(())
        }
    }
    let (log, ripe) = (Log::of(1), Seen::new());
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    numbers.clone().shuffle().sink("away", || Away);
    let passed = numbers.shuffle().deferred("pass", || Pass);
    passed.shuffle().deferred("keep", keep(&ripe)).end();
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.advance(3600 * SECOND);
    let snapshot = driver.snapshot();
    let keep = snapshot.component("keep").unwrap();
    assert_eq!((keep.failed, keep.pending), (0, 1));
}

#[test]
fn storms_timeout_fails_what_is_queued_and_says_where_it_was() {
    let (log, down) = (Log::of(3), Arc::new(AtomicBool::new(true)));
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let stuck = Arc::clone(&down);
    numbers.shuffle().map("same", |n| n).shuffle().bolt("down", move || Down(Arc::clone(&stuck))).end();
    let config = Config { message_timeout_ms: Some(5_000), batch_count_max: 2, ..once() };
    let mut driver = Driver::new(&topology, config, 0).unwrap();
    driver.advance(Duration::from_millis(4_999));
    assert_eq!(log.exhausted().into_keys().collect::<Vec<_>>(), [0], "the one that took the bolt down");
    driver.advance(Duration::from_millis(1));
    for (id, place) in [(1, "its batch is being worked on"), (2, "it waits in the queue")] {
        let autopsy = &log.exhausted()[&id];
        assert_eq!((autopsy.component.as_str(), autopsy.edge.as_str(), autopsy.task), ("down", "same", 0));
        assert_eq!(autopsy.reason, format!("not done within message_timeout_ms = 5000: {place}"));
        assert_eq!(autopsy.queued_us + autopsy.executed_us, 5_000_000);
    }
    down.store(false, Ordering::Relaxed);
    let summary = driver.run();
    assert_eq!((summary.acked, summary.failed, summary.given_up), (0, 3, 3), "late acks change nothing");
    assert_balanced(&driver.snapshot());
}

#[test]
fn late_news_of_an_attempt_that_has_timed_out_says_nothing_about_the_next() {
    /// Keeps the first attempt of each tuple, and ends it when the second one has come: well or badly.
    struct Late(Vec<Tuple<u64>>, Seen<u64>);
    impl DeferredBolt for Late {
        type In = u64;
        type Out = ();
        fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<()>) -> Result<(), Failure> {
            let first = !self.1.all().contains(tuple.value());
            self.1.add(*tuple.value());
            if first {
                self.0.push(tuple);
                return Ok(());
            }
            let at = self.0.iter().position(|kept| kept.value() == tuple.value()).unwrap();
            let kept = self.0.remove(at);
            if kept.value().is_multiple_of(2) {
                kept.ack();
            } else {
                kept.fail(Failure::reject("late"));
            }
            tuple.ack();
            Ok(())
        }
        fn flush(&mut self, _: &mut Emitter<()>) -> Result<(), Failure> {
            Ok(())
        }
    }
    let log = Log::of(10);
    let topology = Topology::new("t");
    topology.spout("numbers", log.spout()).shuffle().deferred("late", || Late(Vec::new(), Seen::new())).end();
    let config = Config { message_timeout_ms: Some(5_000), inactivity_timeout_ms: None, ..tight() };
    let mut driver = Driver::new(&topology, config, 0).unwrap();
    let summary = driver.run();
    log.assert_all_acked_once("by the second attempt, and by nothing else");
    assert_eq!((summary.failed, summary.given_up), (10, 0));
    let snapshot = driver.snapshot();
    assert!(snapshot.failures.iter().all(|autopsy| autopsy.reason.ends_with(": it is held")));
    assert_balanced(&snapshot);
}

#[test]
fn storms_timeout_spares_the_neighbours_of_a_late_tuple() {
    let (log, ripe, executed) = (Log::of(4), Seen::new(), Arc::new(AtomicU32::new(0)));
    for n in 0..3 {
        ripe.add(n);
    }
    let topology = Topology::new("t");
    let count = Arc::clone(&executed);
    let counted = topology.spout("numbers", log.spout()).shuffle().map("count", move |n| {
        count.fetch_add(1, Ordering::Relaxed);
        n
    });
    counted.shuffle().deferred("keep", keep(&ripe)).end();
    let config = Config { message_timeout_ms: Some(5_000), ..once() };
    let mut driver = Driver::new(&topology, config, 0).unwrap();
    let summary = driver.run();
    assert_eq!((summary.acked, summary.failed, summary.uptime_ms), (3, 1, 5_000), "the four are one flight");
    assert_eq!(log.acked(), [0, 1, 2]);
    assert_eq!(executed.load(Ordering::Relaxed), 4);
}
