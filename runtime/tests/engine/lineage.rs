//! Goal: exactly-once holds on whatever ways a tuple comes, and whenever.
//!
//! Method: the simulator runs a topology in which the words of a sentence come by several edges and as copies from several tasks, beside a
//! bolt that fails sentences. And under the driver numbers that are given again overtake themselves: they are done, committed and forgotten
//! while a copy of them from before is held up by a task that is down.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trombe::sim::{Fault, Simulation, World};
use trombe::testing::Driver;
use trombe::{
    Bolt, Config, Emitter, Failure, MemoryStore, Next, Nothing, Position, Spout, SpoutEmitter, StatefulBolt,
    TaskContext, Topology, stored_state,
};

use super::word_count::{Count, Reader, WORDS, few_at_a_time, sentence};

/// Tasks of the bolt that gets every sentence.
const COPIES: usize = 3;

fn words_by_many_ways(world: &World) -> Topology {
    let topology = Topology::new("many-ways");
    topology.state(world.state());
    let sentences = topology.spout("sentences", Reader::factory(world));
    let slowly = sentences.clone().shuffle().tasks(4).map("slowly", |(_, words)| words);
    let words = slowly.clone().shuffle().tasks(world.tasks(2)).flat_map("split", |words| words);
    let last = slowly.local_or_shuffle().tasks(4).map("last", |words| words[3]);
    let copies = sentences.clone().all().tasks(COPIES).map("copy", |(_, words)| words[0]);
    sentences.shuffle().for_each("look", |_| ());
    let all = words.by(|word| *word).and(last.by(|word| *word)).and(copies.by(|word| *word));
    all.tasks(world.tasks(2)).stateful("count", || Count).end();
    topology
}

fn check(world: &World) -> Result<(), String> {
    let mut excess: Vec<(&str, i64)> = WORDS.map(|word| (word, 0)).into();
    for (word, excess) in &mut excess {
        let count: Option<i64> = stored_state(&*world.state(), "many-ways", "count", *word).unwrap();
        let times = |words: [&str; 4]| {
            let of = |at: usize| usize::from(words[at] == *word);
            of(0) + of(1) + of(2) + of(3) + of(3) + COPIES * of(0)
        };
        let said: usize = (0..world.messages() as u64).map(sentence).map(times).sum();
        *excess = count.unwrap_or(0) - i64::try_from(said).unwrap();
    }
    world.compared(WORDS.len());
    let wrong = excess.iter().any(|(_, excess)| *excess != 0);
    if wrong { Err(format!("the counts are off by {excess:?}")) } else { Ok(()) }
}

#[test]
fn every_way_counts_once_and_the_same_when_it_is_given_again() {
    let faults = [
        Fault::SLOW_TASK.one_in(40),
        Fault::BOLT_ERROR.one_in(20),
        Fault::PROCESS_CRASH,
        Fault::REBALANCE,
        Fault::STATE_ERROR,
    ];
    let config = Config { spout_pending_count_max: 64, retry_backoff_ms_max: 50, ..few_at_a_time() };
    let report = Simulation::new("many ways", words_by_many_ways)
        .faults(faults)
        .config(config)
        .seeds(0..30)
        .check(check)
        .run();
    eprint!("{report}");
    assert!(report.is_ok(), "{report}");
}

/// Numbers, one a second, with positions far from one another; it reads again from the first that is not done.
struct Numbers {
    open: BTreeSet<u64>,
    next: u64,
}

impl Spout for Numbers {
    type Item = u64;

    fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        self.open.insert(self.next);
        out.emit(self.next, self.next);
        self.next += 1;
        Ok(if self.next == NUMBERS { Next::Exhausted } else { Next::Idle(Duration::from_secs(1)) })
    }

    fn ack(&mut self, id: u64) {
        self.open.remove(&id);
    }

    fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
        Ok(Some(id))
    }

    fn positions() -> Option<fn(u64) -> Position> {
        Some(|number| Position { partition: 0, offset: number * 5000 })
    }

    fn replay_from(&self, _partition: u32) -> u64 {
        self.open.first().copied().unwrap_or(self.next) * 5000
    }
}

const NUMBERS: u64 = 20;

/// Passes numbers on; its first task is down until it is released.
struct Way {
    is_released: Arc<AtomicBool>,
    is_down: bool,
}

impl Bolt for Way {
    type In = u64;
    type Out = u64;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.is_down = context.task == 0 && !self.is_released.load(Ordering::Relaxed);
        if self.is_down && context.restarts > 0 { Err(Failure::retry("still down")) } else { Ok(()) }
    }

    fn execute(&mut self, number: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        if self.is_down {
            std::panic::resume_unwind(Box::new("down"));
        }
        out.emit(number);
        Ok(())
    }
}

#[test]
fn an_echo_of_what_is_done_and_forgotten_changes_nothing() {
    let mut echoes = 0;
    for seed in 0..16 {
        let (is_released, looked) = (Arc::new(AtomicBool::new(false)), Mutex::new(BTreeSet::new()));
        let released = Arc::clone(&is_released);
        let store = Arc::new(MemoryStore::new());
        let topology = Topology::new("echoes");
        topology.state(Arc::clone(&store));
        let numbers = topology.spout("numbers", || Numbers { open: BTreeSet::new(), next: 0 });
        let way = move || Way { is_released: Arc::clone(&released), is_down: false };
        let arrived = numbers.clone().shuffle().tasks(2).bolt("way", way);
        // Every number fails once while it may still be on its way.
        let look = move |number: u64, _: &mut Emitter<Nothing>| {
            let is_new = looked.lock().unwrap().insert(number);
            if is_new { Err(Failure::retry("at first sight")) } else { Ok(()) }
        };
        numbers.shuffle().closure("look", look).end();
        arrived.by_key(|_| "all").stateful("count", || Total).end();
        let config = Config { batch_count_max: 1, retry_backoff_ms_max: 50, ..Config::default() };
        let mut driver = Driver::new(&topology, config, seed).unwrap();
        driver.advance(Duration::from_mins(1));
        let executed = |driver: &Driver| driver.snapshot().component("count").unwrap().executed;
        let before = executed(&driver);
        is_released.store(true, Ordering::Relaxed);
        driver.advance(Duration::from_mins(1));
        echoes += executed(&driver) - before;
        let count: Option<u64> = stored_state(&*store, "echoes", "count", "all").unwrap();
        assert_eq!(count, Some(NUMBERS), "seed {seed}");
    }
    assert!(echoes > 0);
}

/// How many there were.
pub(super) struct Total;

impl StatefulBolt for Total {
    type In = u64;
    type State = u64;
    type Out = Nothing;

    fn update(&mut self, total: &mut u64, _: &u64) -> Result<(), Failure> {
        *total += 1;
        Ok(())
    }
}

/// A count of whose values each third panics when it is let go of for the first time.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Clinging(u64);

impl Drop for Clinging {
    fn drop(&mut self) {
        if self.0 % 3 == 1 && !std::thread::panicking() && CLINGING.swap(false, Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("clinging"));
        }
    }
}

/// The next value that is let go of clings.
static CLINGING: AtomicBool = AtomicBool::new(false);

struct ClingingTotal;

impl StatefulBolt for ClingingTotal {
    type In = u64;
    type State = Clinging;
    type Out = Nothing;

    fn update(&mut self, total: &mut Clinging, _: &u64) -> Result<(), Failure> {
        CLINGING.store(true, Ordering::Relaxed);
        total.0 += 1;
        Ok(())
    }
}

#[test]
fn an_effect_counts_once_also_if_the_value_before_it_panics_when_it_is_let_go_of() {
    let store = Arc::new(MemoryStore::new());
    let topology = Topology::new("clinging");
    topology.state(Arc::clone(&store));
    let numbers = topology.spout("numbers", || Numbers { open: BTreeSet::new(), next: 0 });
    numbers.by_key(|_| "all").stateful("count", || ClingingTotal).end();
    let mut driver = Driver::new(&topology, Config::default(), 1).unwrap();
    driver.advance(Duration::from_mins(2));
    assert!(driver.snapshot().component("count").unwrap().restarts > 3);
    let count: Option<Clinging> = stored_state(&*store, "clinging", "count", "all").unwrap();
    CLINGING.store(false, Ordering::Relaxed);
    assert_eq!(count.map(|count| count.0), Some(NUMBERS));
}
