//! Goal: word count under crash is exact where each effect is kept under its tuple's own key in one write, and doubled where it is not.
//!
//! Method: the simulator runs it on a log with committed offsets and a state store, with every fault of the engine. The exact count
//! is compared with the text's; the other one may only be too high, and must be so for some seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use trombe::sim::{Fault, Report, Simulation, World};
use trombe::{
    Anchors, Config, DeferredBolt, Emitter, Failure, Keyed, Next, Nothing, Spout, SpoutEmitter, StateStore,
    TaskContext, Topology, Tuple,
};

const SEEDS: std::ops::Range<u64> = 0..100;
const WORDS: [&str; 4] = ["the", "cow", "jumped", "over"];

fn word(offset: u64) -> &'static str {
    WORDS[usize::try_from(offset * offset % 7 % 4).unwrap()]
}

/// A log of one partition, and how far its reader has come.
#[derive(Default)]
struct Text {
    committed: Mutex<u64>,
}

/// Reads the log from the committed offset, and commits what is done without a gap.
struct Reader {
    text: Arc<Text>,
    world: World,
    next: u64,
    open: BTreeSet<u64>,
}

impl Reader {
    fn commit(&self) {
        let done_below = self.open.first().copied().unwrap_or(self.next);
        if !self.world.dies() {
            *self.text.committed.lock().unwrap() = done_below;
        }
    }
}

impl Spout for Reader {
    type Item = (u64, &'static str);

    fn open(&mut self, _: &TaskContext) -> Result<(), Failure> {
        self.next = *self.text.committed.lock().unwrap();
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<Self::Item>) -> Result<Next, Failure> {
        self.commit();
        let end = self.world.messages() as u64;
        while out.room() > 0 && self.next < end {
            self.open.insert(self.next);
            out.emit(self.next, (self.next, word(self.next)));
            self.next += 1;
        }
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
        Ok(Some((id, word(id))))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Which offsets were counted is in the same write as the counts.
    ExactlyOnce,
    /// Only the counts are.
    AtLeastOnce,
}

struct Count {
    mode: Mode,
    state: Arc<dyn StateStore>,
    counts: Keyed<u64>,
    counted: Keyed<bool>,
    waiting: Anchors,
}

impl Count {
    fn new(mode: Mode, state: Arc<dyn StateStore>) -> Self {
        let counts = Keyed::new(Arc::clone(&state), "counts", 1_000);
        let counted = Keyed::new(Arc::clone(&state), "counted", 1_000);
        Self { mode, state, counts, counted, waiting: Anchors::new() }
    }
}

impl DeferredBolt for Count {
    type In = (u64, &'static str);
    type Out = Nothing;

    fn execute(&mut self, tuple: Tuple<Self::In>, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        let (offset, word) = *tuple.value();
        let is_new = self.counted.get(offset.to_be_bytes())?.is_none();
        if is_new || self.mode == Mode::AtLeastOnce {
            *self.counts.get_mut_or_default(word)? += 1;
            self.counted.put(offset.to_be_bytes(), true);
        }
        self.waiting.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        let changes = [self.counts.changes()?, self.counted.changes()?].concat();
        // Also without changes: what was counted before a panic may have been read back without being durable.
        self.state.apply(&changes)?;
        self.counts.flushed();
        self.counted.flushed();
        self.waiting.take().ack();
        Ok(())
    }
}

fn word_count(mode: Mode) -> impl Fn(&World) -> Topology + Send + Sync + 'static {
    move |world| {
        let topology = Topology::new("word-count");
        let (text, world_of_reader) = (world.outside(Text::default), world.clone());
        let reader = move || {
            let (text, world) = (Arc::clone(&text), world_of_reader.clone());
            Reader { text, world, next: 0, open: BTreeSet::new() }
        };
        let words = topology.spout("words", reader);
        let state = world.state();
        let count = move || Count::new(mode, Arc::clone(&state));
        words.by(|(_, word)| *word).tasks(world.tasks(2)).deferred("count", count).end();
        topology
    }
}

/// How far each count is from the truth.
fn excess(world: &World) -> BTreeMap<&'static str, i64> {
    let truth = |wanted| (0..world.messages() as u64).filter(|offset| word(*offset) == wanted).count();
    let counted = |word: &str| {
        let bytes = world.state().get("counts", word.as_bytes()).unwrap();
        bytes.map_or(0, |bytes| serde_json::from_slice::<i64>(&bytes).unwrap())
    };
    WORDS.map(|word| (word, counted(word) - i64::try_from(truth(word)).unwrap())).into()
}

/// So that a crash finds some words committed, some counted and some not given out.
fn few_at_a_time() -> Config {
    Config { spout_pending_count_max: 8, held_count_max: 4, workers_count: Some(2), ..Config::default() }
}

fn exactly_once() -> Simulation {
    let simulation = Simulation::new("word count, exactly once", word_count(Mode::ExactlyOnce));
    simulation.config(few_at_a_time()).seeds(SEEDS).check(|world| {
        world.compared(WORDS.len());
        let excess = excess(world);
        let wrong = excess.values().any(|excess| *excess != 0);
        if wrong { Err(format!("counted too often: {excess:?}")) } else { Ok(()) }
    })
}

fn print(report: &Report) {
    eprint!("{report}");
}

#[test]
fn exactly_once_counts_are_exact_under_every_fault() {
    let report = exactly_once().run();
    print(&report);
    assert!(report.is_ok(), "{report}");
    for (fault, count) in &report.faults {
        let needs_a_sink = fault.starts_with("ack-");
        assert!(*count > 0 || needs_a_sink, "{fault} never struck");
    }
}

#[test]
fn at_least_once_counts_are_doubled_by_crashes_and_never_too_low() {
    let (lost, doubled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (too_low, too_high) = (Arc::clone(&lost), Arc::clone(&doubled));
    let faults = [Fault::PROCESS_CRASH.one_in(40), Fault::STATE_TORN, Fault::TASK_CRASH, Fault::REBALANCE];
    let report = Simulation::new("word count, at least once", word_count(Mode::AtLeastOnce))
        .faults(faults)
        .config(few_at_a_time())
        .seeds(SEEDS)
        .check(move |world| {
            world.compared(WORDS.len());
            for excess in excess(world).values() {
                too_high.fetch_add(u64::try_from(*excess).unwrap_or(0), Ordering::Relaxed);
                too_low.fetch_add(u64::from(*excess < 0), Ordering::Relaxed);
            }
            Ok(())
        })
        .run();
    print(&report);
    let doubled = doubled.load(Ordering::Relaxed);
    eprintln!("at least once: {doubled} words were counted again");
    assert!(report.is_ok(), "{report}");
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    assert!(doubled > 0);
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let traces =
        |range: std::ops::Range<u64>| range.map(|seed| exactly_once().trace(seed)).collect::<Vec<_>>();
    let first = traces(0..10);
    assert_eq!(first, traces(0..10));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn a_failing_seed_is_found_made_small_and_fails_again() {
    let mistaken = |faults: Vec<Fault>| {
        let simulation = Simulation::new("mistaken", word_count(Mode::AtLeastOnce)).faults(faults);
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
    type In = (u64, &'static str);
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
        let words = topology.spout("words", (0..9_u64).map(|offset| (offset, word(offset))));
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
