//! Tuples of a key that do not overtake one another, where that is asked for.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use trombe::testing::Driver;
use trombe::{
    AsyncSpout, Autopsy, Config, Emitter, Failure, Next, Spout, SpoutEmitter, Stream, Topology, key_hash,
};

use super::common::{SEEDS, Seen, run, tight};

const KEYS: u64 = 5;

/// Emits the numbers below `end`, whose keys repeat.
struct Ordered {
    next: u64,
    end: u64,
    overtakes: bool,
    exhausted: Seen<u64>,
}

impl Spout for Ordered {
    type Item = u64;

    fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        while out.room() > 0 && self.next < self.end {
            let n = self.next;
            if self.overtakes {
                out.emit(n, n);
            } else {
                out.emit_ordered(&(n % KEYS), n, n);
            }
            self.next += 1;
        }
        Ok(if self.next == self.end { Next::Exhausted } else { Next::Emitted })
    }

    fn ack(&mut self, _: u64) {}

    fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
        Ok(Some(id))
    }

    fn exhausted(&mut self, id: u64, _: &Autopsy) {
        self.exhausted.add(id);
    }
}

/// Fails every third tuple at its first attempt, rejects one, and remembers in which order the others were good.
fn unsteady(numbers: Stream<u64>, good: &Seen<u64>) {
    let (good, failed) = (good.clone(), Mutex::new(HashSet::new()));
    let unsteady = move |n: u64, _: &mut Emitter<()>| match n {
        31 => Err(Failure::reject("no thirty-one")),
        _ if n % 3 == 1 && failed.lock().unwrap().insert(n) => Err(Failure::retry("once")),
        _ => {
            good.add(n);
            Ok(())
        }
    };
    numbers.by_key(|n| n % KEYS).tasks(3).closure("unsteady", unsteady).end();
}

/// Whether the tuples of each key were good in their order.
fn in_order(good: &Seen<u64>) -> bool {
    let mut last = BTreeMap::new();
    good.all().into_iter().all(|n| last.insert(n % KEYS, n).is_none_or(|last| last < n))
}

fn topology(overtakes: bool, good: &Seen<u64>, exhausted: &Seen<u64>) -> Topology {
    let topology = Topology::new("t");
    let exhausted = exhausted.clone();
    let spout = move || Ordered { next: 0, end: 200, overtakes, exhausted: exhausted.clone() };
    unsteady(topology.spout("numbers", spout), good);
    topology
}

#[test]
fn a_tuple_that_waits_for_its_retry_is_not_overtaken_by_its_key() {
    for seed in SEEDS {
        let (good, exhausted) = (Seen::new(), Seen::new());
        let (summary, _) = run(&topology(false, &good, &exhausted), tight(), seed);
        assert!(in_order(&good), "seed {seed}: {:?}", good.all());
        assert_eq!((summary.acked, summary.given_up), (199, 1));
        assert_eq!(exhausted.all(), [31], "and what comes after it in its key goes on");

        let free = Seen::new();
        run(&topology(true, &free, &exhausted), tight(), seed);
        assert!(!in_order(&free), "otherwise they do overtake, which is faster");
    }
}

#[test]
fn what_waits_for_its_turn_is_pending_and_drained() {
    for seed in SEEDS {
        let good = Seen::new();
        let limits = Config { spout_pending_count_max: 20, ..tight() };
        let mut driver = Driver::new(&topology(false, &good, &Seen::new()), limits, seed).unwrap();
        for _ in 0..40 {
            driver.steps(5);
            assert!(driver.snapshot().component("numbers").unwrap().pending <= 20);
        }
        let summary = driver.shutdown(std::time::Duration::from_mins(10));
        assert!(summary.is_complete(), "{summary}");
        assert!(in_order(&good));
    }
}

#[test]
fn an_asynchronous_spout_names_its_keys() {
    struct Feed(u64);
    impl AsyncSpout for Feed {
        type Item = u64;
        async fn next(&mut self) -> Result<Option<(u64, u64)>, Failure> {
            let n = self.0;
            self.0 += 1;
            Ok((n < 100).then_some((n, n)))
        }
        fn order_key(n: &u64) -> Option<u64> {
            Some(key_hash(&(n % KEYS)))
        }
        fn ack(&mut self, _: u64) {}
    }
    for seed in SEEDS {
        let good = Seen::new();
        let topology = Topology::new("t");
        unsteady(topology.async_spout("feed", || Feed(0)), &good);
        let (summary, _) = run(&topology, tight(), seed);
        assert_eq!(summary.acked, 99);
        assert!(in_order(&good), "seed {seed}: {:?}", good.all());
    }
}
