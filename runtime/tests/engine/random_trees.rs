//! Random trees under random mistakes: every root is acked once or given up once, and the books balance.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof, proptest};
use trombe::testing::Driver;
use trombe::{Anchors, Bolt, Config, DeadLetter, DeferredBolt, Emitter, Failure, Topology, Tuple};

use super::common::{Log, assert_balanced};

/// What a component does with a tuple.
#[derive(Clone, Copy, Debug)]
enum Act {
    Emit(u8),
    Retry,
    Reject,
    Panic,
    /// Only a deferred bolt can drop a tuple.
    Drop,
    /// Or keep it, and ack it when it is too late or nearly so.
    Keep,
}

/// A script: what is done the first so many times that a root comes by a stage; then it emits two.
#[derive(Clone, Debug)]
struct Script(Arc<Mutex<BTreeMap<u64, Vec<Act>>>>);

impl Script {
    fn next(&self, root: u64) -> Act {
        self.0.lock().unwrap().get_mut(&root).and_then(Vec::pop).unwrap_or(Act::Emit(2))
    }
}

struct Plain(Script);

impl Bolt for Plain {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, root: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        // What is emitted before a failure must not do harm.
        out.emit(root);
        match self.0.next(root) {
            Act::Emit(count) => (0..count).for_each(|_| out.emit(root)),
            Act::Retry | Act::Drop | Act::Keep => return Err(Failure::retry("scripted")),
            Act::Reject => return Err(Failure::reject("scripted")),
            Act::Panic => panic!("scripted"),
        }
        Ok(())
    }
}

struct Holding {
    script: Script,
    groups: BTreeMap<u64, Anchors>,
    kept: VecDeque<Tuple<u64>>,
}

impl DeferredBolt for Holding {
    type In = u64;
    type Out = u64;

    fn execute(&mut self, tuple: Tuple<u64>, out: &mut Emitter<u64>) -> Result<(), Failure> {
        let root = *tuple.value();
        match self.script.next(root) {
            Act::Emit(0) => tuple.ack(),
            Act::Emit(1) => out.anchored(Anchors::from_iter([tuple.into()])).emit(root),
            Act::Emit(_) => self.groups.entry(root % 5).or_default().add(tuple.into()),
            Act::Retry => tuple.fail(Failure::retry("scripted")),
            Act::Reject => return Err(Failure::reject("scripted")),
            Act::Panic => panic!("scripted"),
            Act::Drop => drop(tuple),
            Act::Keep => self.kept.push_back(tuple),
        }
        if self.kept.len() > 3 {
            self.kept.pop_front().into_iter().for_each(Tuple::ack);
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<u64>) -> Result<(), Failure> {
        for (group, anchors) in std::mem::take(&mut self.groups) {
            let mut anchored = out.anchored(anchors);
            (0..group).for_each(|_| anchored.emit(group));
        }
        Ok(())
    }
}

fn script() -> impl Strategy<Value = Script> {
    let act = prop_oneof![
        4 => (0_u8..4).prop_map(Act::Emit),
        3 => Just(Act::Retry),
        1 => Just(Act::Reject),
        1 => Just(Act::Panic),
        2 => Just(Act::Drop),
        2 => Just(Act::Keep),
    ];
    prop::collection::btree_map(0_u64..60, prop::collection::vec(act, 0..4), 0..40)
        .prop_map(|script| Script(Arc::new(Mutex::new(script))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_root_comes_to_one_end(
        scripts in [script(), script(), script()],
        tasks in [1_usize..4, 1_usize..4, 1_usize..4],
        batch_count_max in 1_usize..9,
        pending_max in 1_usize..70,
        timeouts in prop_oneof![
            Just((Some(30_000), None)), Just((None, Some(20))), Just((Some(40), Some(30))), Just((Some(5), Some(10_000)))
        ],
        letters: bool,
        fusion: bool,
        seed: u64,
    ) {
        let log = Log::of(60);
        let topology = Topology::new("t");
        let [first, middle, last] = scripts;
        let numbers = topology.tasks(tasks[0]).spout("numbers", log.spout());
        if letters {
            let tried = Mutex::new(BTreeSet::new());
            let once = move |letter: DeadLetter<u64>, _: &mut Emitter<()>| {
                let first = tried.lock().unwrap().insert(letter.item);
                if first { Err(Failure::retry("not yet")) } else { Ok(()) }
            };
            numbers.dead_letters().shuffle().closure("letters", once).end();
        }
        let first = numbers.local_or_shuffle().tasks(tasks[0]).bolt("first", move || Plain(first.clone()));
        let holding = move || Holding { script: middle.clone(), groups: BTreeMap::new(), kept: VecDeque::new() };
        let middle = first.clone().by(|n| n).tasks(tasks[1]).deferred("middle", holding);
        let both = middle.shuffle().and(first.shuffle());
        both.tasks(tasks[2]).bolt("last", move || Plain(last.clone())).end();

        let config = Config {
            batch_count_max,
            queue_batches_max: 2,
            spout_pending_count_max: pending_max,
            workers_count: Some(3),
            fusion,
            inactivity_timeout_ms: timeouts.0,
            message_timeout_ms: timeouts.1,
            ..Config::default()
        };
        let mut driver = Driver::new(&topology, config, seed).unwrap();
        let summary = driver.run();
        let snapshot = driver.snapshot();
        assert_balanced(&snapshot);
        prop_assert_eq!(summary.unfinished.len(), 0);
        prop_assert_eq!(snapshot.component("numbers").unwrap().restarts, 0, "the log panics at a second ack");
        let mut ended = log.acked();
        ended.extend(log.exhausted().into_keys());
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..60).collect::<Vec<_>>());
    }
}
