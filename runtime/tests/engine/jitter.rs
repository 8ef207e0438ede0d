//! Goal: what failed together does not come back together, in this process nor in another one; a seed repeats it all.
//!
//! Method: two components of two tasks each fail at the same moment, and again at every attempt; when they make them is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{
    Bolt, Config, DeferredBolt, Emitter, Failure, Nothing, StateChange, StateError, StateStore, StatefulBolt,
    TaskContext, Topology, Tuple, task_of_group,
};

const TASKS: usize = 2;

/// By component and task.
type Made = BTreeMap<(String, usize), Vec<Duration>>;

/// When each task of each component made its attempts.
#[derive(Clone, Default)]
struct Attempts {
    made: Arc<Mutex<Made>>,
    /// Of a task that lives as long as the topology.
    context: Arc<Mutex<Option<TaskContext>>>,
}

impl Attempts {
    fn prepare(&self, context: &TaskContext) {
        *self.context.lock().unwrap() = Some(context.clone());
    }

    fn made(&self, component: &str, task: usize) {
        let now = self.context.lock().unwrap().as_ref().unwrap().uptime();
        self.made.lock().unwrap().entry((component.to_owned(), task)).or_default().push(now);
    }
}

/// Panics, and cannot be rebuilt.
struct Lost(Attempts);

impl Bolt for Lost {
    type In = u64;
    type Out = Nothing;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.0.prepare(context);
        if context.restarts == 0 {
            return Ok(());
        }
        self.0.made(&context.component, context.task);
        Err(Failure::retry("the connection is refused"))
    }

    fn execute(&mut self, _: u64, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        panic!("the connection is lost")
    }
}

/// Cannot flush.
struct Stuck(Attempts, Option<TaskContext>);

impl DeferredBolt for Stuck {
    type In = u64;
    type Out = Nothing;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.0.prepare(context);
        self.1 = Some(context.clone());
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple<u64>, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        tuple.ack();
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<Nothing>) -> Result<(), Failure> {
        let context = self.1.as_ref().unwrap();
        self.0.made(&context.component, context.task);
        Err(Failure::retry("the disk is full"))
    }
}

struct Count(Attempts);

impl StatefulBolt for Count {
    type In = u64;
    type State = u64;
    type Out = Nothing;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.0.prepare(context);
        Ok(())
    }

    fn update(&mut self, count: &mut u64, _: &u64) -> Result<(), Failure> {
        *count += 1;
        Ok(())
    }
}

/// Cannot write.
struct Full(Attempts);

impl StateStore for Full {
    fn get(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(None)
    }

    fn scan(&self, _: &str, _: &[u8], _: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StateError> {
        Ok(())
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        let task = |key: &[u8]| task_of_group(u16::from_be_bytes([key[0], key[1]]), TASKS);
        let who: BTreeSet<_> =
            changes.iter().map(|change| (change.namespace.as_str(), task(&change.key))).collect();
        who.iter().filter(|(name, _)| !name.contains('#')).for_each(|(name, task)| self.0.made(name, *task));
        Err(StateError::new("all", "the disk is full"))
    }
}

type Build = fn(&Topology, &Attempts);

fn attempts(build: Build, seed: u64) -> Made {
    let (topology, attempts) = (Topology::new("t"), Attempts::default());
    build(&topology, &attempts);
    let config = Config { fusion: false, workers_count: Some(1), ..Config::default() };
    let mut driver = Driver::new(&topology, config, seed).unwrap();
    driver.advance(Duration::from_secs(10));
    let made = std::mem::take(&mut *attempts.made.lock().unwrap());
    assert_eq!(made.len(), 2 * TASKS, "{made:?}");
    made.into_iter().map(|(who, made)| (who, made[1..6].to_vec())).collect()
}

const BUILDS: [(&str, Build); 3] = [
    ("rebuilding a bolt", |topology, attempts| {
        let numbers = topology.spout("numbers", 0..64_u64);
        for name in ["a", "b"] {
            let attempts = attempts.clone();
            numbers.clone().shuffle().tasks(TASKS).bolt(name, move || Lost(attempts.clone())).end();
        }
    }),
    ("flushing a deferred bolt", |topology, attempts| {
        let numbers = topology.spout("numbers", 0..64_u64);
        for name in ["a", "b"] {
            let attempts = attempts.clone();
            numbers
                .clone()
                .shuffle()
                .tasks(TASKS)
                .deferred(name, move || Stuck(attempts.clone(), None))
                .end();
        }
    }),
    ("writing state", |topology, attempts| {
        topology.state(Full(attempts.clone()));
        let numbers = topology.spout("numbers", 0..64_u64);
        for name in ["a", "b"] {
            let attempts = attempts.clone();
            numbers.clone().by(|n| n).tasks(TASKS).stateful(name, move || Count(attempts.clone())).end();
        }
    }),
];

#[test]
fn equal_tasks_of_all_components_and_runs_wait_differently() {
    for (what, build) in BUILDS {
        let runs = [attempts(build, 1), attempts(build, 2)];
        let waits: Vec<_> = runs.iter().flat_map(BTreeMap::values).collect();
        let different: BTreeSet<_> = waits.iter().collect();
        assert_eq!(different.len(), waits.len(), "{what}: {runs:#?}");
        assert_eq!(attempts(build, 1), runs[0], "{what}: the same seed waits the same");
    }
}
