//! Goal: the hours' documents are a function of the set of messages, whatever happens on the way.
//!
//! Method: random sightings and prices are given to the state machines of `count-transactions` and `volume` in random
//! order, repeatedly, dealt to random numbers of tasks, with flushes and crashes in between, and with memory limits
//! so small that state is let go and loaded again all the time. A crash forgets what is not in the store, and the
//! statements of the last flush, and gives again what was not acked. The documents must equal those of an oracle that
//! looks at the whole set at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use btc_records::Txid;
use proptest::prelude::*;
use trombe::{MemoryStore, StateStore, groups_of_task, key_group, key_hash, task_of_group};

use super::hours::Hours;
use crate::documents::VolumeDocument;
use crate::oracle;
use crate::prices::PriceObservation;
use crate::state::Retention;
use crate::testing::{TestIndex, price};
use crate::time::{HOUR_S, rfc3339};
use crate::transactions::{Partial, Sighting, SightingLimits, Sightings};

const FROM_S: i64 = 480_000 * HOUR_S;
const HOURS: i64 = 4;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Sighting(Txid, Sighting),
    Price(PriceObservation),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Give(prop::sample::Index),
    Flush,
    Crash { after_writing: bool },
}

fn input() -> impl Strategy<Value = Input> {
    let times = FROM_S..FROM_S + HOURS * HOUR_S;
    let sighting = (0_u8..12, times.clone(), 1_u64..4, 0_u64..3).prop_map(
        |(txid, time_s, outputs_sat, adjusted_sat)| {
            Input::Sighting(Txid::from_bytes([txid; 32]), Sighting { time_s, outputs_sat, adjusted_sat })
        },
    );
    prop_oneof![3 => sighting, 1 => price(times).prop_map(Input::Price)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<prop::sample::Index>().prop_map(Step::Give),
        2 => Just(Step::Flush),
        1 => any::<bool>().prop_map(|after_writing| Step::Crash { after_writing }),
    ]
}

/// Both stages with several tasks each, on one store.
struct Tasks {
    store: Arc<dyn StateStore>,
    transactions: Vec<Sightings>,
    hours: Vec<Hours>,
}

impl Tasks {
    fn open(store: &Arc<MemoryStore>, count: usize) -> Self {
        let store: Arc<dyn StateStore> = Arc::clone(store) as _;
        let limits = SightingLimits { loaded_count_max: 3, known_count_max: usize::MAX };
        let open = |task| Sightings::open(&store, Retention::new(None), limits, groups_of_task(task, count));
        Self {
            transactions: (0..count).map(|task| open(task).unwrap()).collect(),
            hours: (0..count).map(|_| Hours::new(Arc::clone(&store), Retention::new(None), 3)).collect(),
            store,
        }
    }

    fn give(&mut self, input: &Input) {
        let tasks = self.hours.len();
        match input {
            Input::Sighting(txid, sighting) => {
                let group = key_group(key_hash(txid));
                self.transactions[task_of_group(group, tasks)].see(group, *txid, *sighting).unwrap();
            }
            Input::Price(price) => {
                for hour in price.hours() {
                    let task = task_of_group(key_group(key_hash(&hour)), tasks);
                    self.hours[task].put_price(hour, price).unwrap();
                }
            }
        }
    }

    fn flush_transactions(&mut self) -> Vec<Partial> {
        self.transactions.iter_mut().flat_map(|task| task.flush().unwrap()).collect()
    }

    fn flush(&mut self, index: &mut TestIndex<VolumeDocument>) {
        let tasks = self.hours.len();
        for partial in self.flush_transactions() {
            let task = task_of_group(key_group(key_hash(&partial.hour)), tasks);
            self.hours[task].put_partial(&partial).unwrap();
        }
        for task in &mut self.hours {
            for (hour, version, document) in task.flush().unwrap() {
                assert_eq!(document.timestamp, rfc3339(hour.start_s()));
                index.put(document.timestamp.clone(), version, document);
            }
        }
    }
}

fn run(inputs: &[Input], steps: &[Step], tasks_counts: &[usize]) -> TestIndex<VolumeDocument> {
    let store = Arc::new(MemoryStore::new());
    let mut counts = tasks_counts.iter().cycle();
    let mut open = || Tasks::open(&store, *counts.next().unwrap());
    let mut index = TestIndex::new();
    let mut tasks = open();
    let mut unacked: Vec<&Input> = Vec::new();
    let mut never_given: BTreeSet<&Input> = inputs.iter().collect();
    for step in steps {
        match step {
            Step::Give(which) => {
                let input = &inputs[which.index(inputs.len())];
                never_given.remove(input);
                unacked.push(input);
                tasks.give(input);
            }
            Step::Flush => {
                tasks.flush(&mut index);
                unacked.clear();
            }
            Step::Crash { after_writing } => {
                if *after_writing {
                    tasks.flush_transactions();
                }
                drop(tasks);
                tasks = open();
                for input in &unacked {
                    tasks.give(input);
                }
            }
        }
    }
    never_given.into_iter().rev().for_each(|input| tasks.give(input));
    tasks.flush(&mut index);
    drop(tasks.store);
    index
}

/// The documents by the rules as they stand in the design.
fn oracle(inputs: &[Input]) -> TestIndex<VolumeDocument> {
    let mut truth = oracle::Hours::default();
    for input in inputs {
        match input {
            Input::Sighting(txid, sighting) => truth.add_sighting(*txid, *sighting),
            Input::Price(price) => truth.add_price(price),
        }
    }
    TestIndex(truth.documents())
}

proptest! {
    #[test]
    fn documents_are_a_function_of_the_set_of_messages(
        inputs in prop::collection::vec(input(), 1..40),
        steps in prop::collection::vec(step(), 0..80),
        tasks_counts in prop::collection::vec(prop_oneof![Just(1_usize), Just(2), Just(8)], 1..4),
    ) {
        let index = run(&inputs, &steps, &tasks_counts);
        let expected = oracle(&inputs);
        prop_assert_eq!(index.0, expected.0);
    }
}
