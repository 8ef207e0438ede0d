//! Goal: the hours' documents are a function of the set of messages, whatever happens on the way.
//!
//! Method: random sightings and prices are given to the state machines of `count-transactions` and `volume` in random
//! order, repeatedly, dealt to random numbers of tasks, with flushes and crashes in between, and with memory limits
//! so small that state is let go and loaded again all the time. A crash forgets what is not in the store, and the
//! statements of the last flush, and gives again what was not acked. The documents must equal those of an oracle that
//! looks at the whole set at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use btc_records::Txid;
use proptest::prelude::*;
use rust_decimal::Decimal;
use trombe::{MemoryStore, StateStore, groups_of_task, key_group, key_hash, task_of_group};

use super::hours::Hours;
use crate::documents::VolumeDocument;
use crate::prices::PriceObservation;
use crate::state::Retention;
use crate::testing::{TestIndex, chart_f64, price, quotient, worth};
use crate::time::{HOUR_S, MINUTE_S, rfc3339};
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

/// All messages at once.
struct Truth {
    sightings: BTreeMap<Txid, BTreeSet<Sighting>>,
    prices: BTreeSet<(i64, String, Decimal)>,
}

/// The documents by the rules as they stand in the design.
fn oracle(inputs: &[Input]) -> TestIndex<VolumeDocument> {
    let mut truth = Truth { sightings: BTreeMap::new(), prices: BTreeSet::new() };
    for input in inputs {
        match input {
            Input::Sighting(txid, sighting) => {
                truth.sightings.entry(*txid).or_default().insert(*sighting);
            }
            Input::Price(price) => {
                truth.prices.insert((price.time_s, price.source.clone(), price.eur.decimal()));
            }
        }
    }
    let hours = (0..HOURS).map(|hour| FROM_S + hour * HOUR_S);
    let document = |start| Some((rfc3339(start), (truth.version(start)?, truth.document(start))));
    TestIndex(hours.filter_map(document).collect())
}

impl Truth {
    fn version(&self, start: i64) -> Option<u64> {
        let hour = start..start + HOUR_S;
        let bearing = self.sightings.values().filter(|set| set.iter().any(|s| hour.contains(&s.time_s)));
        let sightings: usize = bearing.map(|set| set.iter().filter(|s| s.time_s < hour.end).count()).sum();
        let near = start - HOUR_S..=hour.end + HOUR_S;
        let prices = self.prices.iter().filter(|price| near.contains(&price.0)).count();
        (sightings > 0).then_some((sightings + prices) as u64)
    }

    fn worth(&self, sighting: &Sighting) -> Option<Decimal> {
        let minute = sighting.time_s - sighting.time_s % MINUTE_S;
        let before = minute - HOUR_S..minute + MINUTE_S;
        let after = minute + MINUTE_S..=minute + MINUTE_S + HOUR_S;
        let last = self.prices.iter().rfind(|price| before.contains(&price.0));
        let price = last.or_else(|| self.prices.iter().find(|price| after.contains(&price.0)));
        Some(worth(sighting.outputs_sat, price?.2))
    }

    fn document(&self, start: i64) -> VolumeDocument {
        let effective = self.sightings.iter().map(|(txid, set)| (txid.to_string(), *set.first().unwrap()));
        let counted: Vec<_> =
            effective.filter(|(_, s)| (start..start + HOUR_S).contains(&s.time_s)).collect();
        let sum = |value: fn(&Sighting) -> u64| counted.iter().map(|(_, s)| value(s)).sum::<u64>();
        let exact: Decimal = counted.iter().filter_map(|(_, s)| self.worth(s)).sum();
        let quoted = counted.iter().filter(|(_, s)| self.worth(s).is_some());
        let quoted_sat = quoted.map(|(_, s)| s.outputs_sat).sum();
        let largest = counted.iter().min_by_key(|(txid, s)| (u64::MAX - s.outputs_sat, txid));
        let max_tx_sat = largest.map_or(0, |(_, s)| s.outputs_sat);
        let max_tx_eur = largest.and_then(|(_, s)| self.worth(s));
        let volume_sat = sum(|s| s.outputs_sat);
        VolumeDocument {
            timestamp: rfc3339(start),
            volume_sat,
            volume_btc: quotient(volume_sat, 100_000_000),
            volume_eur: chart_f64(exact),
            volume_eur_exact: exact.normalize().to_string(),
            adjusted_volume_sat: sum(|s| s.adjusted_sat),
            max_tx_sat,
            max_tx_btc: quotient(max_tx_sat, 100_000_000),
            max_tx_eur: max_tx_eur.map(chart_f64),
            max_tx_eur_exact: max_tx_eur.map(|eur| eur.normalize().to_string()),
            max_tx_hash: largest.map(|(txid, _)| txid.clone()),
            tx_count: counted.len() as u64,
            priced_share: quotient(quoted_sat, volume_sat),
        }
    }
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
