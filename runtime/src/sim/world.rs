//! What surrounds a simulated topology: its time, its chance, its faults, and what survives a crash of its process.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::fault::{Fault, StrikeId};
use super::plan::{Chance, FNV_START, Plan, fnv};
use super::state::{Images, SimState};
use super::unpoisoned;
use crate::clock::Clock;
use crate::state::StateStore;

/// The world of one seed. Clones share it.
///
/// It is handed to the closure that builds the topology, once for every life of the process. What the topology stands on belongs
/// in here: state in [`state`](Self::state), everything else in [`outside`](Self::outside).
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    seed: u64,
    messages: usize,
    plan: Plan,
    life: Mutex<Life>,
    images: Mutex<Images>,
    outside: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

/// What changes as time goes on.
struct Life {
    clock: Clock,
    /// Time before the present process began.
    before: Duration,
    crashes: u32,
    is_dead: bool,
    /// Opportunities so far, by fault.
    asked: BTreeMap<&'static str, u64>,
    struck: Vec<Struck>,
    compared: u64,
    trace: u64,
    events: u64,
    panicked: Option<String>,
}

/// A fault that has struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Which.
    pub id: StrikeId,
    /// When, on the world's clock.
    pub at: Duration,
    /// After how many crashes of the process.
    pub crashes: u32,
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, at, crashes } = self;
        write!(f, "{:>10.3} s  {id} (process {})", at.as_secs_f64(), crashes + 1)
    }
}

impl World {
    pub(super) fn new(seed: u64, messages: usize, plan: Plan) -> Self {
        let life = Life {
            clock: Clock::manual(),
            before: Duration::ZERO,
            crashes: 0,
            is_dead: false,
            asked: BTreeMap::new(),
            struck: Vec::new(),
            compared: 0,
            trace: FNV_START,
            events: 0,
            panicked: None,
        };
        let (life, images, outside) = (Mutex::new(life), Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { seed, messages, plan, life, images, outside }))
    }

    /// The seed, from which everything in this world follows.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// How many messages the topology should be given: a failing seed is tried with fewer.
    pub fn messages(&self) -> usize {
        self.0.messages
    }

    /// Time since the world began, over all lives of the process.
    pub fn elapsed(&self) -> Duration {
        let life = self.life();
        life.before + life.clock.elapsed()
    }

    /// How often the process has died.
    pub fn crashes(&self) -> u32 {
        self.life().crashes
    }

    /// Whether the process is dead. Nothing that it does from here on may have an effect outside.
    pub fn is_dead(&self) -> bool {
        self.life().is_dead
    }

    /// The process dies here and now: what it was about to do next does not happen.
    pub fn crash(&self) {
        self.life().is_dead = true;
    }

    /// Chance for a purpose of one's own, the same in every run of the seed.
    pub fn chance(&self, purpose: &str) -> Chance {
        Chance::new(self.0.seed, purpose, 0)
    }

    /// An opportunity for a fault. `Some`: it strikes, and the chance says how.
    pub fn strike(&self, fault: &'static str) -> Option<Chance> {
        let mut life = self.life();
        if life.is_dead {
            return None;
        }
        let asked = life.asked.entry(fault).or_default();
        let nth = *asked;
        *asked += 1;
        if life.struck.len() >= self.0.plan.strikes_max {
            return None;
        }
        let at = life.before + life.clock.elapsed();
        let chance = self.0.plan.strike(self.0.seed, fault, nth, at)?;
        let id = StrikeId { fault: fault.to_owned(), nth };
        let crashes = life.crashes;
        life.struck.push(Struck { id, at, crashes });
        life.note(fault.as_bytes());
        Some(chance)
    }

    /// An opportunity for a fault: whether it strikes.
    pub fn strikes(&self, fault: &'static str) -> bool {
        self.strike(fault).is_some()
    }

    /// An opportunity for the process to die, in the midst of something that has an effect outside. True: it is dead.
    pub fn dies(&self) -> bool {
        if self.strikes(Fault::PROCESS_CRASH.name()) {
            self.crash();
        }
        self.is_dead()
    }

    /// How many tasks a component has that usually has `usual`: after a rebalance any number from one to twice as many.
    pub fn tasks(&self, usual: usize) -> usize {
        let tasks = self.strike(Fault::REBALANCE.name()).map(|mut chance| 1 + chance.below(2 * usual as u64));
        tasks.and_then(|tasks| usize::try_from(tasks).ok()).unwrap_or(usual)
    }

    /// The state store of this world: it survives the process, but only what was promised to survive.
    pub fn state(&self) -> Arc<dyn StateStore> {
        Arc::new(SimState::new(self.clone()))
    }

    /// Something that survives the process, such as a log or a database: made when it is first asked for, one of each type.
    pub fn outside<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let known = unpoisoned(&self.0.outside).get(&TypeId::of::<T>()).cloned();
        if let Some(known) = known.and_then(|known| known.downcast().ok()) {
            return known;
        }
        // Not under the lock: what is made may ask this world for something.
        let new = Arc::new(make());
        unpoisoned(&self.0.outside).insert(TypeId::of::<T>(), Arc::clone(&new) as _);
        new
    }

    /// Writes into the trace, whose fingerprint tells whether two runs were the same.
    pub fn note(&self, what: impl AsRef<[u8]>) {
        self.life().note(what.as_ref());
    }

    /// A check has compared so many documents, for the report.
    pub fn compared(&self, count: usize) {
        self.life().compared += count as u64;
    }

    pub(super) fn images(&self) -> MutexGuard<'_, Images> {
        unpoisoned(&self.0.images)
    }

    pub(crate) fn begin(&self, clock: Clock) {
        self.life().clock = clock;
    }

    /// After a crash: the next process finds what has survived.
    pub(super) fn bury(&self) {
        let mut life = self.life();
        life.before = life.before.saturating_add(life.clock.elapsed());
        life.clock = Clock::manual();
        let mut chance = Chance::new(self.0.seed, "unsynced", u64::from(life.crashes));
        life.crashes += 1;
        life.is_dead = false;
        drop(life);
        self.images().crash(&mut chance);
    }

    /// Lets go of what is outside, which may hold this world in its turn.
    pub(super) fn end(&self) {
        let outside = std::mem::take(&mut *unpoisoned(&self.0.outside));
        drop(outside);
    }

    pub(super) fn panicked(&self, component: &str) {
        self.life().panicked.get_or_insert_with(|| component.to_owned());
    }

    pub(super) fn has_panicked(&self) -> Option<String> {
        self.life().panicked.clone()
    }

    pub(super) fn struck(&self) -> Vec<Struck> {
        self.life().struck.clone()
    }

    pub(super) fn struck_count(&self) -> usize {
        self.life().struck.len()
    }

    /// Documents compared, and the fingerprint of everything that happened.
    pub(super) fn results(&self) -> (u64, u64) {
        let life = self.life();
        (life.compared, life.trace)
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        unpoisoned(&self.0.life)
    }
}

impl Life {
    fn note(&mut self, what: &[u8]) {
        self.events += 1;
        let now = u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let head = [self.events.to_le_bytes(), now.to_le_bytes()];
        self.trace = fnv(fnv(self.trace, head.as_flattened()), what);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { seed, messages, .. } = &*self.0;
        f.debug_struct("World").field("seed", seed).field("messages", messages).finish_non_exhaustive()
    }
}
