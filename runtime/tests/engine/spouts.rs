//! Where tuples come from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{
    AsyncSpout, Autopsy, Config, DeferredBolt, Emitter, Failure, Next, Spout, SpoutEmitter, TaskContext,
    TaskWaker, Topology, Tuple,
};

use super::common::{SEEDS, Seen, run, tight};

#[test]
fn tasks_of_an_iterator_share_it() {
    for seed in SEEDS {
        let seen = Seen::new();
        let topology = Topology::new("t");
        let numbers = topology.tasks(3).spout("numbers", 0..100_u64);
        let all = seen.clone();
        let flaky = move |n: u64, _: &mut Emitter<()>| {
            all.add(n);
            if all.len() % 7 == 0 { Err(Failure::retry("every seventh")) } else { Ok(()) }
        };
        numbers.shuffle().closure("flaky", flaky).end();
        let (summary, _) = run(&topology, tight(), seed);
        assert_eq!(summary.acked, 100);
        let mut distinct = seen.sorted();
        distinct.dedup();
        assert_eq!(distinct, (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn a_spout_that_panics_again_and_again_is_given_time() {
    /// Panics whenever it is asked.
    struct Doomed;
    impl Spout for Doomed {
        type Item = u64;
        fn next(&mut self, _: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            panic!("doomed")
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
    }
    let topology = Topology::new("t");
    topology.spout("doomed", || Doomed).shuffle().for_each("see", |_| ());
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.steps(100);
    let restarts = |driver: &Driver| driver.snapshot().component("doomed").unwrap().restarts;
    assert_eq!(restarts(&driver), 1, "no time has passed");
    driver.advance(Duration::from_secs(1));
    assert!((3..20).contains(&restarts(&driver)), "it is tried again, less and less often");
}

#[test]
fn an_idle_spout_is_asked_again_in_time_or_when_woken() {
    struct Idle(Seen<Duration>, Arc<std::sync::Mutex<Option<TaskWaker>>>, Option<TaskContext>);
    impl Spout for Idle {
        type Item = u64;
        fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
            *self.1.lock().unwrap() = Some(context.waker());
            self.2 = Some(context.clone());
            Ok(())
        }
        fn next(&mut self, _: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            self.0.add(self.2.as_ref().unwrap().uptime());
            Ok(Next::Idle(Duration::from_secs(10)))
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
    }
    let (asked, waker) = (Seen::new(), Arc::default());
    let topology = Topology::new("t");
    let (log, slot) = (asked.clone(), Arc::clone(&waker));
    topology.spout("idle", move || Idle(log.clone(), Arc::clone(&slot), None)).end();
    let mut driver = Driver::new(&topology, tight(), 0).unwrap();
    driver.advance(Duration::from_secs(14));
    let call: Option<TaskWaker> = waker.lock().unwrap().clone();
    call.unwrap().wake();
    driver.run_until_idle();
    driver.advance(Duration::from_secs(12));
    assert_eq!(asked.all(), [0, 10, 14, 24].map(Duration::from_secs));
}

/// A bolt that ends nothing.
#[derive(Default)]
struct Hoard(Vec<Tuple<u64>>);

impl DeferredBolt for Hoard {
    type In = u64;
    type Out = ();
    fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<()>) -> Result<(), Failure> {
        self.0.push(tuple);
        Ok(())
    }
    fn flush(&mut self, _: &mut Emitter<()>) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn a_spout_at_the_limit_of_pending_tuples_is_called_in_its_own_time() {
    struct Full(Seen<u64>, Option<Duration>, u64);
    impl Spout for Full {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            assert!(out.room() > 0);
            self.2 += 1;
            out.emit(self.2, self.2);
            Ok(Next::Emitted)
        }
        fn idle(&mut self) -> Result<Option<Duration>, Failure> {
            self.0.add(self.2);
            Ok(self.1)
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
            Ok(Some(id))
        }
    }
    for (pause, calls) in [(Some(Duration::from_secs(1)), 11), (None, 1)] {
        let seen = Seen::new();
        let (topology, all) = (Topology::new("t"), seen.clone());
        topology
            .spout("full", move || Full(all.clone(), pause, 0))
            .shuffle()
            .deferred("hoard", Hoard::default)
            .end();
        let limits = Config { spout_pending_count_max: 3, inactivity_timeout_ms: None, ..tight() };
        let mut driver = Driver::new(&topology, limits, 0).unwrap();
        driver.advance(Duration::from_millis(10_500));
        assert_eq!(seen.all(), vec![3; calls]);
        driver.shutdown(Duration::ZERO);
    }
}

#[test]
fn a_tuple_that_is_gone_is_given_up_and_explained() {
    struct Forgetful(u64);
    impl Spout for Forgetful {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            out.emit(self.0, self.0);
            self.0 += 1;
            Ok(if self.0 == 5 { Next::Exhausted } else { Next::Emitted })
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
    }
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", || Forgetful(0));
    let refuse = |n: u64, _: &mut Emitter<()>| {
        if n == 3 { Err(Failure::retry("three")) } else { Ok(()) }
    };
    numbers.shuffle().closure("refuse", refuse).end();
    let (summary, snapshot) = run(&topology, tight(), 0);
    assert_eq!(
        (summary.acked, summary.failed, summary.given_up),
        (4, 1, 1),
        "four are good, and one is none"
    );
    assert!(summary.is_complete() && summary.to_string().ends_with("; 1 given up"), "{summary}");
    let [three, gone] = snapshot.failures.as_slice() else { panic!("{:?}", snapshot.failures) };
    assert_eq!((three.reason.as_str(), three.id, three.attempt), ("three", Some(3), 1));
    assert_eq!((gone.component.as_str(), gone.id, gone.attempt), ("numbers", Some(3), 1));
    assert_eq!(gone.reason, "it is gone from the spout, which cannot give it again");
    assert_eq!(
        snapshot.component("numbers").unwrap().last_error.as_deref(),
        Some("tuple 3 failed and is gone from the spout")
    );
}

/// What is behind a spout (a broker, say) may be away just when a failed tuple is due.
#[test]
fn a_tuple_that_cannot_be_given_again_yet_stays_out_without_a_hot_loop() {
    struct Away(Arc<AtomicU64>, bool);
    impl Spout for Away {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            if std::mem::replace(&mut self.1, true) {
                return Ok(Next::Exhausted);
            }
            (0..3).for_each(|n| out.emit(n, n));
            Ok(Next::Emitted)
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
            let asked = self.0.fetch_add(1, Ordering::SeqCst);
            if asked < 20 { Err(Failure::retry("the broker is away")) } else { Ok(Some(id)) }
        }
    }
    let (asked, attempts) = (Arc::new(AtomicU64::new(0)), Seen::new());
    let topology = Topology::new("t");
    let count = Arc::clone(&asked);
    let numbers = topology.spout("numbers", move || Away(Arc::clone(&count), false));
    let seen = attempts.clone();
    let refuse_once = move |n: u64, _: &mut Emitter<()>| {
        seen.add(n);
        let again = seen.all().iter().filter(|other| **other == n).count() > 1;
        if again { Ok(()) } else { Err(Failure::retry("later")) }
    };
    numbers.shuffle().closure("refuse", refuse_once).end();
    let limits =
        Config { retry_backoff_ms_min: 10, retry_backoff_ms_max: 1_000, attempts_max: Some(2), ..tight() };
    let mut driver = Driver::new(&topology, limits, 0).unwrap();
    driver.advance(Duration::from_secs(5));
    assert!((8..=16).contains(&asked.load(Ordering::SeqCst)), "{asked:?} times in five seconds");
    let snapshot = driver.snapshot();
    let spout = snapshot.component("numbers").unwrap();
    assert_eq!((spout.pending, spout.acked, spout.failed), (3, 0, 3));
    assert_eq!(spout.last_error.as_deref(), Some("replay: the broker is away"));
    let summary = driver.run();
    assert_eq!((summary.acked, summary.failed), (3, 3), "and none was given up after its second attempt");
}

/// Counts up to a hundred, waiting now and then.
struct Feed {
    next: u64,
    acked: Seen<u64>,
    failed: Seen<(u64, u32, String)>,
}

impl AsyncSpout for Feed {
    type Item = u64;

    async fn next(&mut self) -> Result<Option<(u64, u64)>, Failure> {
        if self.next % 10 == 9 {
            tokio::task::yield_now().await;
        }
        if self.next == 100 {
            return Ok(None);
        }
        self.next += 1;
        Ok(Some((self.next, self.next)))
    }

    fn ack(&mut self, id: u64) {
        self.acked.add(id);
    }

    fn fail(&mut self, id: u64, autopsy: &Autopsy) {
        self.failed.add((id, autopsy.attempt, autopsy.reason.clone()));
    }
}

#[test]
fn an_asynchronous_spout_is_told_of_every_tuple() {
    for seed in SEEDS {
        let (acked, failed) = (Seen::new(), Seen::new());
        let topology = Topology::new("t");
        let (acks, told) = (acked.clone(), Seen::new());
        let tell = told.clone();
        let feed =
            topology.async_spout("feed", move || Feed { next: 0, acked: acks.clone(), failed: tell.clone() });
        let fails = failed.clone();
        let refuse = move |n: u64, _: &mut Emitter<()>| {
            if n.is_multiple_of(25) && !fails.all().contains(&n) {
                fails.add(n);
                return Err(Failure::retry("once"));
            }
            Ok(())
        };
        feed.shuffle().closure("refuse", refuse).end();
        let mut driver = Driver::new(&topology, tight(), seed).unwrap();
        let summary = driver.run();
        assert_eq!((summary.acked, summary.failed), (100, 4));
        driver.run_until_idle();
        assert_eq!(acked.sorted(), (1..=100).collect::<Vec<_>>());
        assert_eq!(told.sorted(), [25, 50, 75, 100].map(|n| (n, 1, "once".to_owned())));
        driver.shutdown(Duration::ZERO);
    }
}

#[test]
fn untracked_tuples_are_seen_but_not_waited_for() {
    struct Fire(u64);
    impl Spout for Fire {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            out.emit_untracked(self.0);
            self.0 += 1;
            Ok(if self.0 == 10 { Next::Exhausted } else { Next::Emitted })
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
    }
    let topology = Topology::new("t");
    let refuse = |n: u64, _: &mut Emitter<()>| {
        if n == 3 { Err(Failure::retry("three")) } else { Ok(()) }
    };
    topology.spout("fire", || Fire(0)).shuffle().closure("refuse", refuse).end();
    let (summary, snapshot) = run(&topology, Config { spout_pending_count_max: 1, ..tight() }, 0);
    assert_eq!((summary.acked, summary.failed), (0, 0));
    assert_eq!((snapshot.edges[0].acked, snapshot.edges[0].failed), (9, 1));
    assert_eq!(snapshot.failures[0].reason, "three", "nobody replays it, but it is not forgotten either");
}
