//! Goal: word count under crash is exact under exactly-once, too high under at-least-once, and too low under at-most-once, and all of it is
//! the engine's doing: the bolt counts and knows nothing else.
//!
//! Method: the simulator runs it on a log with committed offsets and a state store, with every fault of the engine and with tasks that
//! come back in another number. Sentences have words twice, so several tuples of one root meet at one task. That the simulator would
//! see a mistake is shown by planting some beneath the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use trombe::sim::{Fault, Report, Simulation, World};
use trombe::{
    Anchors, Config, DeferredBolt, Emitter, Failure, Guarantee, Next, Nothing, Position, Spout, SpoutEmitter,
    StateChange, StateError, StateStore, StatefulBolt, TaskContext, Topology, Tuple, stored_state,
    task_of_group,
};

const SEEDS: std::ops::Range<u64> = 0..100;
pub(crate) const WORDS: [&str; 5] = ["the", "cow", "jumped", "over", "moon"];

/// Four words, often one of them twice.
pub(crate) fn sentence(offset: u64) -> [&'static str; 4] {
    [offset, offset * offset, offset / 3, offset].map(|n| WORDS[usize::try_from(n * 7 % 11 % 5).unwrap()])
}

/// Offsets from one sentence to the next, as of a compacted log: so that what is done is soon forgotten by the page.
const SPREAD: u64 = 1000;

/// A log of one partition, and how far its reader has come.
#[derive(Default)]
struct Text {
    committed: Mutex<u64>,
}

/// Reads the log from the committed offset, and commits what is done without a gap; or, at most once, whatever it gives out, before it does.
pub(crate) struct Reader {
    text: Arc<Text>,
    world: World,
    gives_once: bool,
    /// So much higher than the truth does it say that it is never asked again.
    boast: u64,
    next: u64,
    open: BTreeSet<u64>,
}

impl Reader {
    /// Of one that makes no mistake and gives again what failed.
    pub(crate) fn factory(world: &World) -> impl Fn() -> Self + Send + Sync + 'static {
        Self::factory_of(world, false, 0)
    }

    fn factory_of(world: &World, gives_once: bool, boast: u64) -> impl Fn() -> Self + Send + Sync + 'static {
        let (text, world) = (world.outside(Text::default), world.clone());
        move || {
            let (text, world) = (Arc::clone(&text), world.clone());
            Self { text, world, gives_once, boast, next: 0, open: BTreeSet::new() }
        }
    }

    /// False: the process died of it.
    fn commit(&self, offset: u64) -> bool {
        let lives = !self.world.dies();
        if lives {
            *self.text.committed.lock().unwrap() = offset;
        }
        lives
    }
}

impl Spout for Reader {
    type Item = (u64, [&'static str; 4]);

    fn open(&mut self, _: &TaskContext) -> Result<(), Failure> {
        self.next = *self.text.committed.lock().unwrap();
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<Self::Item>) -> Result<Next, Failure> {
        let end = self.world.messages() as u64;
        let until = end.min(self.next + out.room() as u64);
        let done_below = self.open.first().copied().unwrap_or(self.next);
        if !self.commit(if self.gives_once { until } else { done_below }) {
            return Ok(Next::Idle(std::time::Duration::from_millis(200)));
        }
        for offset in self.next..until {
            self.open.insert(offset);
            out.emit(offset, (offset, sentence(offset)));
        }
        self.next = until;
        Ok(if self.next == end && self.open.is_empty() {
            Next::Exhausted
        } else {
            Next::Idle(std::time::Duration::from_millis(200))
        })
    }

    fn ack(&mut self, id: u64) {
        self.open.remove(&id);
    }

    fn replay(&mut self, id: u64) -> Result<Option<Self::Item>, Failure> {
        if self.gives_once {
            self.open.remove(&id);
        }
        Ok((!self.gives_once).then(|| (id, sentence(id))))
    }

    fn positions() -> Option<fn(u64) -> Position> {
        Some(|offset| Position { partition: 0, offset: offset * SPREAD })
    }

    fn replay_from(&self, _partition: u32) -> u64 {
        (*self.text.committed.lock().unwrap() + self.boast) * SPREAD
    }
}

pub(crate) struct Count;

impl StatefulBolt for Count {
    type In = &'static str;
    type State = u64;
    type Out = Nothing;

    fn update(&mut self, count: &mut u64, _word: &&'static str) -> Result<(), Failure> {
        *count += 1;
        Ok(())
    }
}

/// A mistake beneath the engine that has the effect of one in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The counts and what was counted are written one after the other.
    TwoWrites,
    /// A write is said to be durable before it is.
    AckBeforeWrite,
    /// What was counted stays with the task that has counted it, whoever has the words later.
    LineageByTask,
    /// What was counted is forgotten while it can still be given again.
    PrunedEarly,
    /// Which of a sentence's words is which depends on when it is split.
    OrderOfTheMoment,
}

/// The world's store, with a mistake.
struct Mistaken {
    world: World,
    mistake: Mistake,
    tasks: usize,
    late: Mutex<Vec<StateChange>>,
}

impl Mistaken {
    fn namespace(&self, namespace: &str, key: &[u8]) -> String {
        match self.mistake {
            Mistake::LineageByTask if namespace.ends_with("#lineage") => {
                let task = task_of_group(u16::from_be_bytes([key[0], key[1]]), self.tasks);
                format!("{namespace} {task}")
            }
            _ => namespace.to_owned(),
        }
    }
}

impl StateStore for Mistaken {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.world.state().get(namespace, key)
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        self.world.state().scan(&self.namespace(namespace, prefix), prefix, each)
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        let named = changes.iter().map(|change| {
            let namespace = self.namespace(&change.namespace, &change.key);
            StateChange { namespace, ..change.clone() }
        });
        let changes: Vec<_> = named.collect();
        match self.mistake {
            Mistake::TwoWrites => {
                let (lineage, counts): (Vec<_>, Vec<_>) =
                    changes.into_iter().partition(|change| change.namespace.ends_with("#lineage"));
                self.world.state().apply(&counts)?;
                self.world.state().apply(&lineage)
            }
            Mistake::AckBeforeWrite => {
                let before = std::mem::replace(&mut *self.late.lock().unwrap(), changes);
                self.world.state().apply(&before)
            }
            _ => self.world.state().apply(&changes),
        }
    }
}

fn word_count(guarantee: Guarantee, mistake: Mistake) -> impl Fn(&World) -> Topology + Send + Sync + 'static {
    move |world| {
        let topology = Topology::new("word-count");
        let boast = if mistake == Mistake::PrunedEarly { 500 } else { 0 };
        let reader = Reader::factory_of(world, guarantee == Guarantee::AtMostOnce, boast);
        let tasks = world.tasks(2);
        let late = Mutex::new(Vec::new());
        topology.state(Mistaken { world: world.clone(), mistake, tasks, late });
        let turns = AtomicU64::new(0);
        let split = move |(_, mut words): (u64, [&'static str; 4])| {
            if mistake == Mistake::OrderOfTheMoment {
                words.rotate_left(usize::try_from(turns.fetch_add(1, Ordering::Relaxed) % 4).unwrap());
            }
            words
        };
        let words =
            topology.spout("sentences", reader).shuffle().tasks(world.tasks(2)).flat_map("split", split);
        words.by(|word| *word).tasks(tasks).guarantee(guarantee).stateful("count", || Count).end();
        topology
    }
}

/// How far each count is from the truth.
fn excess(world: &World) -> BTreeMap<&'static str, i64> {
    let said = (0..world.messages() as u64).flat_map(sentence);
    let mut excess: BTreeMap<&'static str, i64> = WORDS.map(|word| (word, 0)).into();
    said.for_each(|word| *excess.entry(word).or_default() -= 1);
    for (word, excess) in &mut excess {
        let count: Option<i64> = stored_state(&*world.state(), "word-count", "count", *word).unwrap();
        *excess += count.unwrap_or(0);
    }
    world.compared(WORDS.len());
    excess
}

/// So that a crash finds some words committed, some counted and some not given out.
pub(crate) fn few_at_a_time() -> Config {
    Config { spout_pending_count_max: 8, held_count_max: 4, workers_count: Some(2), ..Config::default() }
}

fn exact(mistake: Mistake) -> Simulation {
    let simulation = Simulation::new("word count, exactly once", word_count(Guarantee::ExactlyOnce, mistake));
    simulation.config(few_at_a_time()).seeds(SEEDS).check(|world| {
        let excess = excess(world);
        let wrong = excess.values().any(|excess| *excess != 0);
        if wrong { Err(format!("the counts are off by {excess:?}")) } else { Ok(()) }
    })
}

/// Under crashes: how many words were counted too often, and how many too seldom.
fn too_many_and_too_few(guarantee: Guarantee) -> (u64, u64) {
    let (more, fewer) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (too_high, too_low) = (Arc::clone(&more), Arc::clone(&fewer));
    let faults = [Fault::PROCESS_CRASH.one_in(40), Fault::STATE_TORN, Fault::STATE_ERROR, Fault::REBALANCE];
    let report = Simulation::new(format!("word count, {guarantee}"), word_count(guarantee, Mistake::None))
        .faults(faults)
        .config(few_at_a_time())
        .seeds(SEEDS)
        .check(move |world| {
            for excess in excess(world).values() {
                too_high.fetch_add(u64::try_from(*excess).unwrap_or(0), Ordering::Relaxed);
                too_low.fetch_add(u64::try_from(-excess).unwrap_or(0), Ordering::Relaxed);
            }
            Ok(())
        })
        .run();
    print(&report);
    assert!(report.is_ok(), "{report}");
    let counts = (more.load(Ordering::Relaxed), fewer.load(Ordering::Relaxed));
    eprintln!("{guarantee}: {} words too many, {} too few", counts.0, counts.1);
    counts
}

fn print(report: &Report) {
    eprint!("{report}");
}

#[test]
fn exactly_once_counts_are_exact_under_every_fault() {
    let report = exact(Mistake::None).run();
    print(&report);
    assert!(report.is_ok(), "{report}");
    for (fault, count) in &report.faults {
        let needs_a_sink = fault.starts_with("ack-");
        assert!(*count > 0 || needs_a_sink, "{fault} never struck");
    }
}

#[test]
fn the_same_crashes_double_lose_or_do_nothing_as_the_bolt_was_told() {
    let (more, fewer) = too_many_and_too_few(Guarantee::AtLeastOnce);
    assert!(more > 0 && fewer == 0);
    let (more, fewer) = too_many_and_too_few(Guarantee::AtMostOnce);
    assert!(more == 0 && fewer > 0);
    assert_eq!(too_many_and_too_few(Guarantee::ExactlyOnce), (0, 0));
}

#[test]
fn planted_mistakes_are_found() {
    for (name, mistake) in [
        ("counts and lineage in two writes", Mistake::TwoWrites),
        ("ack before the write", Mistake::AckBeforeWrite),
        ("lineage by task instead of by key group", Mistake::LineageByTask),
        ("lineage pruned too early", Mistake::PrunedEarly),
        ("a bolt on the way that is not deterministic", Mistake::OrderOfTheMoment),
    ] {
        let report = exact(mistake).seeds(0..400).shrink_runs_max(0).run();
        let failure = report.failure.unwrap_or_else(|| panic!("not found: {name}"));
        eprintln!("{name}: seed {}, {}", failure.seed, failure.reason);
        assert!(failure.reason.starts_with("the counts are off"), "{name}: {}", failure.reason);
    }
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let traces =
        |range: std::ops::Range<u64>| range.map(|seed| exact(Mistake::None).trace(seed)).collect::<Vec<_>>();
    let first = traces(0..10);
    assert_eq!(first, traces(0..10));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn a_failing_seed_is_found_made_small_and_fails_again() {
    let mistaken = |faults: Vec<Fault>| {
        let simulation =
            Simulation::new("mistaken", word_count(Guarantee::AtLeastOnce, Mistake::None)).faults(faults);
        simulation.config(few_at_a_time()).seeds(SEEDS).check(|world| {
            let excess = excess(world);
            if excess.values().any(|excess| *excess != 0) { Err(format!("{excess:?}")) } else { Ok(()) }
        })
    };
    let report = mistaken(Fault::ENGINE.to_vec()).run();
    let failure = report.failure.as_ref().unwrap();
    let small = &failure.smallest;
    eprint!("{report}");
    assert!(small.struck.len() <= 3 && small.messages <= 50, "{report}");
    assert!(failure.smallest_command.contains(&format!("--seeds {}..", failure.seed)));

    let strikes: Vec<_> = small.struck.iter().map(|struck| struck.id.clone()).collect();
    let again = mistaken(Fault::ENGINE.to_vec()).messages(small.messages).only(strikes);
    assert_eq!(again.trace(failure.seed), small.trace);
    let seeds = failure.seed..failure.seed + 1;
    assert_eq!(again.seeds(seeds).run().failure.unwrap().reason, small.reason);
}

/// A bolt that never acks what it has.
struct Hoard(Anchors);

impl DeferredBolt for Hoard {
    type In = u64;
    type Out = Nothing;

    fn execute(&mut self, tuple: Tuple<Self::In>, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        self.0.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn starvation_and_panics_are_found() {
    let starving = Simulation::new("starving", |_| {
        let topology = Topology::new("starving");
        let words = topology.spout("words", 0..9_u64);
        words.shuffle().deferred("hoard", || Hoard(Anchors::new())).end();
        topology
    });
    let config = Config { inactivity_timeout_ms: None, ..Config::default() };
    let report = starving.config(config).seeds(0..1).run();
    let reason = report.failure.unwrap().reason;
    assert_eq!(reason, "starved: no tuple was acked any more; `words` has 9 pending, `hoard` has 9 pending");

    let clumsy = Simulation::new("clumsy", |_| {
        let topology = Topology::new("clumsy");
        topology.spout("numbers", 0..9_u64).shuffle().for_each("print", |n| assert_ne!(n, 7, "a real one"));
        topology
    });
    let reason = clumsy.faults([]).messages(1).seeds(0..1).run().failure.unwrap().reason;
    assert!(reason.starts_with("`print` panicked by itself"), "{reason}");
}
