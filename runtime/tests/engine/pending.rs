//! Goal: the window of a spout's pending tuples is exact whatever becomes of them in whatever order.
//!
//! Method: a spout that keeps its own account of what is out, and a bolt whose tuples lie in the open, where the case acks, fails,
//! rejects and drops them. The account is compared with the room that the engine gives, and with its books, after every step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use trombe::testing::Driver;
use trombe::{
    Autopsy, Config, DeferredBolt, Emitter, Failure, FailureKind, Next, Nothing, Spout, SpoutEmitter,
    TaskContext, Topology, Tuple,
};

const PENDING_MAX: usize = 6;
const BATCH_MAX: usize = 4;
const ATTEMPTS_MAX: u32 = 3;
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_millis(80);

/// What is done with a tuple of the bolt's.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Ack,
    Fail,
    Reject,
    Drop,
}

#[derive(Clone, Debug)]
enum Act {
    /// The source has so many more, of this key if they are in order.
    Offer(usize, Option<u8>),
    Decide(Fate, Index),
    /// The source loses a tuple, out or not.
    Lose(Index),
    /// From now on failed tuples can or cannot be given again.
    Stall(bool),
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let fate = prop_oneof![4 => Just(Fate::Ack), 4 => Just(Fate::Fail), 1 => Just(Fate::Reject), 1 => Just(Fate::Drop)];
    let act = prop_oneof![
        4 => (0..9_usize, prop::option::of(0..2_u8)).prop_map(|(count, key)| Act::Offer(count, key)),
        12 => (fate, any::<Index>()).prop_map(|(fate, which)| Act::Decide(fate, which)),
        1 => any::<Index>().prop_map(Act::Lose),
        1 => any::<bool>().prop_map(Act::Stall),
        4 => (0..100_u64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 1..60)
}

/// What has become of a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    Out,
    /// Since then.
    Failed(Duration),
    Acked,
    Exhausted,
    Gone,
}

/// The spout's own account.
#[derive(Default)]
struct Account {
    context: Option<TaskContext>,
    /// Offered and not emitted yet.
    offered: Vec<Option<u8>>,
    tuples: BTreeMap<u64, (Now, u32)>,
    lost: Vec<u64>,
    is_stalled: bool,
    was_stalled: bool,
}

impl Account {
    fn pending(&self) -> usize {
        self.tuples.values().filter(|(now, _)| matches!(now, Now::Out | Now::Failed(_))).count()
    }

    fn uptime(&self) -> Duration {
        self.context.as_ref().unwrap().uptime()
    }

    fn end(&mut self, id: u64, how: Now) {
        let (now, _) = self.tuples.get_mut(&id).unwrap();
        assert!(matches!(now, Now::Out | Now::Failed(_)), "{id} was {now:?} and is now {how:?}");
        *now = how;
    }
}

struct Source(Arc<Mutex<Account>>);

impl Spout for Source {
    type Item = u64;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.0.lock().unwrap().context = Some(context.clone());
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<u64>) -> Result<Next, Failure> {
        let mut account = self.0.lock().unwrap();
        assert_eq!(out.room(), BATCH_MAX.min(PENDING_MAX - account.pending()), "the room is exact");
        assert!(out.room() > 0, "asked without room");
        while out.room() > 0
            && let Some(key) = account.offered.pop()
        {
            let id = account.tuples.len() as u64;
            account.tuples.insert(id, (Now::Out, 0));
            match key {
                Some(key) => out.emit_ordered(&key, id, id),
                None => out.emit(id, id),
            }
        }
        assert!(account.pending() <= PENDING_MAX, "more than the window");
        Ok(if account.offered.is_empty() { Next::Idle(Duration::from_hours(1)) } else { Next::Emitted })
    }

    fn ack(&mut self, id: u64) {
        self.0.lock().unwrap().end(id, Now::Acked);
    }

    fn fail(&mut self, id: u64, autopsy: &Autopsy) {
        let mut account = self.0.lock().unwrap();
        let uptime = account.uptime();
        let (now, attempts) = account.tuples.get_mut(&id).unwrap();
        assert_eq!(*now, Now::Out, "{id} failed");
        (*now, *attempts) = (Now::Failed(uptime), *attempts + 1);
        assert_eq!(autopsy.attempt, *attempts, "{autopsy:?}");
        assert!(*attempts <= ATTEMPTS_MAX, "{autopsy:?}");
    }

    fn replay(&mut self, id: u64) -> Result<Option<u64>, Failure> {
        let mut account = self.0.lock().unwrap();
        if account.is_stalled {
            return Err(Failure::retry("the source is away"));
        }
        let (uptime, was_stalled) = (account.uptime(), account.was_stalled);
        let is_lost = account.lost.contains(&id);
        let (now, attempts) = account.tuples.get_mut(&id).unwrap();
        let Now::Failed(since) = *now else { panic!("{id} is {now:?} and asked for again") };
        let waited = uptime.saturating_sub(since);
        assert!(*attempts < ATTEMPTS_MAX, "{id} has had its attempts");
        assert!(waited >= BACKOFF_MIN / 2, "{id} came back after {waited:?}");
        assert!(was_stalled || waited <= BACKOFF_MAX, "{id} came back after {waited:?}");
        *now = if is_lost { Now::Gone } else { Now::Out };
        Ok((!is_lost).then_some(id))
    }

    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        let mut account = self.0.lock().unwrap();
        let attempts = account.tuples[&id].1;
        assert!(autopsy.kind == FailureKind::Reject || attempts == ATTEMPTS_MAX, "{id} after {attempts}");
        account.end(id, Now::Exhausted);
    }
}

/// The tuples lie here.
struct Table(Arc<Mutex<Vec<Tuple<u64>>>>);

impl DeferredBolt for Table {
    type In = u64;
    type Out = Nothing;

    fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        self.0.lock().unwrap().push(tuple);
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        Ok(())
    }
}

/// A topology at work, and what the case sees of it.
struct Case {
    driver: Driver,
    account: Arc<Mutex<Account>>,
    table: Arc<Mutex<Vec<Tuple<u64>>>>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let (account, table) = (Arc::<Mutex<Account>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let topology = Topology::new("t");
        let (source, bolt) = (Arc::clone(&account), Arc::clone(&table));
        let numbers = topology.spout("numbers", move || Source(Arc::clone(&source)));
        numbers.shuffle().deferred("table", move || Table(Arc::clone(&bolt))).end();
        let config = Config {
            spout_pending_count_max: PENDING_MAX,
            batch_count_max: BATCH_MAX,
            attempts_max: Some(ATTEMPTS_MAX),
            retry_backoff_ms_min: 10,
            retry_backoff_ms_max: 80,
            inactivity_timeout_ms: None,
            ..Config::default()
        };
        let mut driver = Driver::new(&topology, config, seed).unwrap();
        driver.run_until_idle();
        Self { driver, account, table }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Offer(count, key) => {
                let mut account = self.account.lock().unwrap();
                account.offered.extend(vec![*key; *count]);
                account.context.as_ref().unwrap().waker().wake();
            }
            Act::Decide(fate, which) => {
                let mut table = self.table.lock().unwrap();
                if table.is_empty() {
                    return;
                }
                let at = which.index(table.len());
                let tuple = table.swap_remove(at);
                match fate {
                    Fate::Ack => tuple.ack(),
                    Fate::Fail => tuple.fail(Failure::retry("as the case says")),
                    Fate::Reject => tuple.fail(Failure::reject("as the case says")),
                    Fate::Drop => drop(tuple),
                }
            }
            Act::Lose(which) => {
                let mut account = self.account.lock().unwrap();
                let id = which.index(account.tuples.len().max(1)) as u64;
                account.lost.push(id);
            }
            Act::Stall(is_stalled) => {
                let mut account = self.account.lock().unwrap();
                account.is_stalled = *is_stalled;
                account.was_stalled |= *is_stalled;
            }
            Act::Pass(ms) => self.driver.advance(Duration::from_millis(*ms)),
        }
        self.driver.run_until_idle();
    }

    /// The engine's books are the spout's account.
    fn check(&self) {
        let snapshot = self.driver.snapshot();
        let books = snapshot.component("numbers").unwrap();
        let account = self.account.lock().unwrap();
        let count = |wanted: Now| account.tuples.values().filter(|(now, _)| *now == wanted).count() as u64;
        assert_eq!(books.pending, account.pending() as u64);
        assert_eq!(books.trees, account.tuples.len() as u64);
        assert_eq!(books.acked, count(Now::Acked));
        assert_eq!(books.given_up, count(Now::Exhausted) + count(Now::Gone));
        assert_eq!(
            books.failed,
            account.tuples.values().map(|(_, attempts)| u64::from(*attempts)).sum::<u64>()
        );
        assert!(
            account.offered.is_empty() || account.pending() == PENDING_MAX,
            "there is room, and it is not used"
        );
    }

    /// Everything is let go well: nothing is lost.
    fn end(&mut self) {
        self.act(&Act::Stall(false));
        for _ in 0..500 {
            self.table.lock().unwrap().drain(..).for_each(Tuple::ack);
            self.act(&Act::Pass(100));
            let account = self.account.lock().unwrap();
            if account.pending() == 0 && account.offered.is_empty() {
                return;
            }
        }
        panic!("still pending: {:?}", self.account.lock().unwrap().tuples);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_window_of_pending_tuples_is_exact_and_nothing_is_lost(acts in acts(), seed: u64) {
        let mut case = Case::new(seed);
        for act in &acts {
            case.act(act);
            case.check();
        }
        case.end();
        case.check();
    }
}
