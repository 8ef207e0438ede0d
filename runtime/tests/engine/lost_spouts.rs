//! What becomes of the tuples of a spout that panics.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trombe::{
    Autopsy, Config, Emitter, Failure, MemoryStore, Next, Position, Snapshot, Spout, SpoutEmitter,
    TaskContext, Topology, stored_state,
};

use super::common::{SEEDS, Seen, run, tight};
use super::lineage::Total;

#[test]
fn a_spout_that_panics_starts_anew() {
    /// Reads a shared position, and panics once.
    struct Fragile {
        position: Arc<AtomicU64>,
        panicked: Arc<AtomicU64>,
    }
    impl Spout for Fragile {
        type Item = u64;
        fn open(&mut self, _: &TaskContext) -> Result<(), Failure> {
            self.position.store(0, Ordering::Relaxed);
            Ok(())
        }
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            let n = self.position.fetch_add(1, Ordering::Relaxed);
            out.emit(n, n);
            assert!(n != 10 || self.panicked.fetch_add(1, Ordering::Relaxed) > 0, "ten");
            Ok(if n == 19 { Next::Exhausted } else { Next::Emitted })
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
            Ok(Some(id))
        }
    }
    for seed in SEEDS {
        let (position, panicked, seen) = (Arc::default(), Arc::default(), Seen::new());
        let topology = Topology::new("t");
        let fragile = move || Fragile { position: Arc::clone(&position), panicked: Arc::clone(&panicked) };
        let all = seen.clone();
        topology.spout("fragile", fragile).shuffle().for_each("see", move |n| all.add(n));
        let (summary, snapshot) = run(&topology, tight(), seed);
        assert_eq!(summary.restarts, 1);
        let lost = summary.given_up;
        assert_eq!((summary.failed, summary.acked >= 20), (lost, true), "seed {seed}: {summary}");
        let told = format!("{lost} tuples were out when their spout was lost: panic: ten");
        let autopsy = snapshot.failures.iter().find(|autopsy| autopsy.reason == told);
        assert_eq!(autopsy.map(|autopsy| autopsy.spout.as_str()), (lost > 0).then_some("fragile"));
        assert_eq!(
            told_one_by_one(&snapshot).len() as u64,
            lost.min(10),
            "seed {seed}: {:#?}",
            snapshot.failures
        );
        let mut distinct = seen.sorted();
        distinct.dedup();
        assert_eq!(distinct, (0..20).collect::<Vec<_>>());
    }
}

/// The tuples whose autopsies say that their spout was lost.
fn told_one_by_one(snapshot: &Snapshot) -> BTreeSet<u64> {
    let lost = |autopsy: &&Autopsy| autopsy.reason.contains("its spout was lost");
    snapshot.failures.iter().filter(lost).filter_map(|autopsy| autopsy.id).collect()
}

#[test]
fn each_tuple_that_is_out_when_its_spout_is_lost_has_an_autopsy() {
    /// Gives twelve tuples, four at a time and the last ones in order, and panics at every ack.
    struct Fragile(Arc<AtomicU64>);
    impl Spout for Fragile {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            match self.0.fetch_add(4, Ordering::Relaxed) {
                12.. => return Ok(Next::Exhausted),
                first @ 8.. => (first..12).for_each(|id| out.emit_ordered(&(id % 2), id, id)),
                first => (first..first + 4).for_each(|id| out.emit(id, id)),
            }
            Ok(Next::Emitted)
        }
        fn ack(&mut self, id: u64) {
            panic!("lost at {id}")
        }
        fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
            Ok(Some(id))
        }
    }
    for seed in SEEDS {
        let topology = Topology::new("t");
        let calls = Arc::default();
        let numbers = topology.spout("fragile", move || Fragile(Arc::clone(&calls)));
        let fails = |n: u64, _: &mut Emitter<()>| if n == 3 { Err(Failure::retry("three")) } else { Ok(()) };
        numbers.shuffle().tasks(2).closure("most", fails).end();
        let config = Config { autopsies_count_max: 120, ..Config::default() };
        let (summary, snapshot) = run(&topology, config, seed);
        assert_eq!((summary.given_up, summary.acked), (12, 0), "seed {seed}");
        let mut told = told_one_by_one(&snapshot);
        let own = snapshot.failures.iter().find(|autopsy| autopsy.reason == "three");
        told.extend(own.and_then(|autopsy| autopsy.id));
        assert_eq!(told, (0..12).collect(), "seed {seed}: {:#?}", snapshot.failures);
    }
}

#[test]
fn tuples_that_are_lost_with_their_spout_leave_room_for_causes_and_those_acked_are_not_among_them() {
    /// Gives a thousand tuples and panics at its fourth ack.
    struct Fragile(Arc<AtomicU64>, Seen<u64>);
    impl Spout for Fragile {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
                return Ok(Next::Exhausted);
            }
            (0..1_000).for_each(|id| out.emit(id, id));
            Ok(Next::Emitted)
        }
        fn ack(&mut self, id: u64) {
            assert!(self.1.len() != 3, "lost at {id}");
            self.1.add(id);
        }
        fn exhausted(&mut self, _: u64, _: &Autopsy) {}
        fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
            Ok(Some(id))
        }
    }
    for seed in SEEDS {
        let topology = Topology::new("t");
        let (calls, acked) = (Arc::default(), Seen::new());
        let heard = acked.clone();
        let numbers = topology.spout("fragile", move || Fragile(Arc::clone(&calls), heard.clone()));
        let fails = |n: u64, _: &mut Emitter<()>| {
            if n.is_multiple_of(33) { Err(Failure::reject("a cause")) } else { Ok(()) }
        };
        numbers.shuffle().tasks(2).closure("most", fails).end();
        let (summary, snapshot) = run(&topology, Config::default(), seed);
        assert_eq!((summary.given_up, summary.acked), (997, 3), "seed {seed}");
        let causes = snapshot.failures.iter().filter(|autopsy| autopsy.reason == "a cause").count();
        assert_eq!(causes, 31, "seed {seed}: {:#?}", snapshot.failures);
        let told = told_one_by_one(&snapshot);
        assert_eq!(told.len(), 10, "seed {seed}: {told:?}");
        assert!(
            acked.all().iter().all(|id| !told.contains(id)),
            "seed {seed}: {:?} in {told:?}",
            acked.all()
        );
    }
}

#[test]
fn a_spout_that_panics_when_it_is_asked_where_it_would_read_again_starts_anew() {
    /// Reads from the beginning at each start, and panics once.
    struct Fragile {
        next: u64,
        asked: Arc<AtomicU64>,
    }
    impl Spout for Fragile {
        type Item = u64;
        fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
            out.emit(self.next, self.next);
            self.next += 1;
            Ok(if self.next == 20 { Next::Exhausted } else { Next::Emitted })
        }
        fn ack(&mut self, _: u64) {}
        fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
            Ok(Some(id))
        }
        fn positions() -> Option<fn(u64) -> Position> {
            Some(|offset| Position { partition: 0, offset })
        }
        fn replay_from(&self, _: u32) -> u64 {
            assert_ne!(self.asked.fetch_add(1, Ordering::Relaxed), 4, "the fifth time");
            0
        }
    }
    let mut lost = 0;
    for seed in SEEDS {
        let (asked, store) = (Arc::default(), Arc::new(MemoryStore::new()));
        let topology = Topology::new("t");
        topology.state(Arc::clone(&store));
        let fragile = move || Fragile { next: 0, asked: Arc::clone(&asked) };
        topology.spout("fragile", fragile).by_key(|_| "all").stateful("count", || Total).end();
        let (summary, snapshot) = run(&topology, Config { batch_count_max: 1, ..tight() }, seed);
        assert_eq!((summary.restarts, summary.failed), (1, summary.given_up), "seed {seed}: {summary}");
        let spout = snapshot.component("fragile").unwrap();
        assert_eq!((spout.trees, spout.pending), (spout.acked + spout.given_up, 0), "seed {seed}");
        let count: Option<u64> = stored_state(&*store, "t", "count", "all").unwrap();
        assert_eq!(count, Some(20), "seed {seed}");
        lost += summary.given_up;
    }
    assert!(lost > 0, "what nobody hears of is given up");
}
