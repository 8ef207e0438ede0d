//! The same promises on real threads, where only counts can be foretold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use trombe::{AsyncSink, Bolt, Config, Emitter, Failure, Next, Spout, SpoutEmitter, Topology};

use super::common::{Log, Seen, assert_balanced, tight};

#[derive(Default)]
struct Count(HashMap<u64, u64>);

impl Bolt for Count {
    type In = u64;
    type Out = (u64, u64);

    fn execute(&mut self, n: u64, out: &mut Emitter<(u64, u64)>) -> Result<(), Failure> {
        let count = self.0.entry(n).or_default();
        *count += 1;
        out.emit((n, *count));
        Ok(())
    }
}

#[test]
fn nothing_is_lost_between_threads_under_failures() {
    for (workers, config) in [(1, tight()), (2, tight()), (4, tight()), (3, Config::default())] {
        let (log, seen) = (Log::of(20_000), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let failed = Seen::new();
        let flaky = move |n: u64, out: &mut Emitter<u64>| {
            if n % 1000 == 1 && !failed.all().contains(&n) {
                failed.add(n);
                assert!(n != 5001, "one of them panics");
                return Err(Failure::retry("once"));
            }
            out.emit(n);
            Ok(())
        };
        let steady = numbers.shuffle().tasks(3).closure("flaky", flaky);
        let counts = steady.by(|n| n).tasks(4).bolt("count", Count::default);
        let all = seen.clone();
        counts.shuffle().tasks(2).for_each("see", move |pair| all.add(pair));
        let running = topology.start(Config { workers_count: Some(workers), ..config }).unwrap();
        assert!(running.wait_for(Duration::from_mins(1)), "{:#?}", running.snapshot());
        assert_balanced(&running.snapshot());
        let summary = running.wait();
        assert_eq!((summary.acked, summary.failed), (20_000, 20), "{summary}");
        log.assert_all_acked_once("on threads");
        assert_eq!(seen.sorted(), (0..20_000).map(|n| (n, 1)).collect::<Vec<_>>());
    }
}

/// Never ends.
struct Endless(u64);

impl Spout for Endless {
    type Item = u64;

    fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        while out.room() > 0 {
            out.emit(self.0, self.0);
            self.0 += 1;
        }
        Ok(Next::Emitted)
    }

    fn ack(&mut self, _: u64) {}

    fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
        Ok(Some(id))
    }
}

#[test]
fn an_endless_topology_drains_when_it_is_shut_down() {
    let topology = Topology::new("t");
    let numbers = topology.tasks(2).spout("numbers", || Endless(0));
    let copies = numbers.shuffle().tasks(2).flat_map("copies", |n| [n; 3]);
    copies.by(|n| n).tasks(2).for_each("end", |_| ());
    let running = topology.start(tight()).unwrap();
    assert!(!running.wait_for(Duration::from_millis(20)), "it has no end");
    let observer = running.observer();
    let summary = running.shutdown(Duration::from_mins(1));
    assert!(summary.is_complete(), "{summary}");
    assert!(summary.acked > 0);
    assert_balanced(&observer.snapshot());
}

/// A wake-up that is missed leaves a topology asleep for good; so many short ones would show it.
#[test]
fn no_wake_up_is_missed() {
    for round in 0..150 {
        let log = Log::of(40);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let same = numbers.shuffle().map("same", |n| n);
        same.by(|n| n).tasks(2).for_each("end", |_| ());
        let config =
            Config { batch_count_max: 1, queue_batches_max: 1, workers_count: Some(3), ..Config::default() };
        let running = topology.start(config).unwrap();
        assert!(running.wait_for(Duration::from_mins(1)), "round {round}: {:#?}", running.snapshot());
        assert_eq!(running.wait().acked, 40);
    }
}

#[test]
fn order_is_kept_between_threads() {
    let (log, seen) = (Log::of(300), Seen::new());
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let parts = numbers.local_or_shuffle().flat_map("parts", |n| (0..50).map(move |part| (n, part)));
    let all = seen.clone();
    parts.shuffle().for_each("see", move |pair| all.add(pair));
    let config =
        Config { batch_count_max: 1, queue_batches_max: 1, workers_count: Some(2), ..Config::default() };
    let running = topology.start(config).unwrap();
    assert!(running.wait_for(Duration::from_mins(1)), "{:#?}", running.snapshot());
    assert_eq!(running.wait().acked, 300);
    assert!(seen.len() == 15_000 && seen.all().is_sorted());
}

#[test]
fn a_topology_may_be_ended_from_within_an_asynchronous_task() {
    struct Void;
    impl AsyncSink for Void {
        type In = u64;
        async fn write(&self, batch: Vec<u64>) -> Vec<Result<(), Failure>> {
            batch.iter().map(|_| Ok(())).collect()
        }
    }
    let log = Log::of(100);
    let topology = Topology::new("t");
    topology.spout("numbers", log.spout()).shuffle().sink("void", || Void);
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let summary = tokio.block_on(async { topology.start(tight()).unwrap().shutdown(Duration::from_mins(1)) });
    assert!(summary.is_complete(), "{summary}");
}

#[test]
fn what_a_spout_emits_while_all_is_ended_is_reported_as_unfinished() {
    /// Says that it has been asked, and gives no answer before it is released.
    struct Late(mpsc::Sender<()>, Arc<Mutex<mpsc::Receiver<()>>>);
    impl Spout for Late {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            self.0.send(()).unwrap();
            self.1.lock().unwrap().recv().unwrap();
            out.emit(1, 1);
            Ok(Next::Exhausted)
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
    }
    /// Releases the other when it is closed, so when the topology has been found to have nothing under way.
    struct Release(mpsc::Sender<()>);
    impl Spout for Release {
        type Item = u64;
        fn next(&mut self, _: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            Ok(Next::Exhausted)
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, _: u64) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
        fn close(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let ((asked, is_asked), (release, released)) = (mpsc::channel(), mpsc::channel());
    let released = Arc::new(Mutex::new(released));
    let topology = Topology::new("t");
    let late = topology.spout("late", move || Late(asked.clone(), Arc::clone(&released)));
    let release = topology.spout("release", move || Release(release.clone()));
    late.shuffle().and(release.shuffle()).for_each("end", |_| ());
    let running = topology.start(tight()).unwrap();
    is_asked.recv().unwrap();
    let summary = running.shutdown(Duration::from_mins(1));
    assert_eq!(summary.to_string().split("; ").nth(1), Some("1 of late unfinished"));
}
