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
use crate::testing::{TestIndex, chart_f64, price};
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
            Input::Sighting(
                Txid::from_bytes([txid; 32]),
                Sighting {
                    time_s,
                    outputs_sat,
                    adjusted_sat,
                },
            )
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
        let limits = SightingLimits {
            loaded_count_max: 3,
            known_count_max: usize::MAX,
        };
        let open = |task| {
            Sightings::open(
                Arc::clone(&store),
                Retention::new(None),
                limits,
                groups_of_task(task, count),
            )
        };
        Self {
            transactions: (0..count).map(|task| open(task).unwrap()).collect(),
            hours: (0..count)
                .map(|_| Hours::new(Arc::clone(&store), Retention::new(None), 3))
                .collect(),
            store,
        }
    }

    fn give(&mut self, input: &Input) {
        let tasks = self.hours.len();
        match input {
            Input::Sighting(txid, sighting) => {
                let group = key_group(key_hash(txid));
                self.transactions[task_of_group(group, tasks)]
                    .see(group, *txid, *sighting)
                    .unwrap();
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
        self.transactions
            .iter_mut()
            .flat_map(|task| task.flush().unwrap())
            .collect()
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
                unacked.iter().for_each(|input| tasks.give(input));
            }
        }
    }
    never_given.into_iter().rev().for_each(|input| tasks.give(input));
    tasks.flush(&mut index);
    drop(tasks.store);
    index
}

/// The documents by the rules as they stand in the design, from the whole set at once.
fn oracle(inputs: &[Input]) -> TestIndex<VolumeDocument> {
    let mut sightings: BTreeMap<Txid, BTreeSet<Sighting>> = BTreeMap::new();
    let mut prices: BTreeSet<(i64, String, Decimal)> = BTreeSet::new();
    for input in inputs {
        match input {
            Input::Sighting(txid, sighting) => _ = sightings.entry(*txid).or_default().insert(*sighting),
            Input::Price(price) => {
                _ = prices.insert((price.time_s, price.source.clone(), price.eur.decimal()))
            }
        }
    }
    let hours = (0..HOURS).map(|hour| FROM_S + hour * HOUR_S);
    let document = |start| Some((rfc3339(start), oracle_hour(start, &sightings, &prices)?));
    TestIndex(hours.filter_map(document).collect())
}

fn oracle_hour(
    start: i64,
    sightings: &BTreeMap<Txid, BTreeSet<Sighting>>,
    prices: &BTreeSet<(i64, String, Decimal)>,
) -> Option<(u64, VolumeDocument)> {
    let hour = start..start + HOUR_S;
    let bearing = sightings
        .values()
        .filter(|set| set.iter().any(|s| hour.contains(&s.time_s)));
    let version = bearing
        .map(|set| set.iter().filter(|s| s.time_s < hour.end).count())
        .sum::<usize>();
    if version == 0 {
        return None;
    }
    let prices_bearing = prices
        .iter()
        .filter(|p| p.0 >= start - HOUR_S && p.0 <= hour.end + HOUR_S)
        .count();
    let price_at = |time_s: i64| {
        let minute = time_s - time_s % MINUTE_S;
        let before = minute - HOUR_S..minute + MINUTE_S;
        let after = minute + MINUTE_S..=minute + MINUTE_S + HOUR_S;
        let last = prices.iter().rfind(|p| before.contains(&p.0));
        last.or_else(|| prices.iter().find(|p| after.contains(&p.0)))
            .map(|p| p.2)
    };
    let effective: Vec<(String, &Sighting)> = sightings
        .iter()
        .map(|(txid, set)| (txid.to_string(), set.first().unwrap()))
        .collect();
    let counted: Vec<_> = effective
        .iter()
        .filter(|(_, s)| hour.contains(&s.time_s))
        .collect();
    let worth = |s: &Sighting| {
        Some((Decimal::from(s.outputs_sat) / Decimal::from(100_000_000) * price_at(s.time_s)?).normalize())
    };
    let exact: Decimal = counted.iter().filter_map(|(_, s)| worth(s)).sum();
    let volume: u64 = counted.iter().map(|(_, s)| s.outputs_sat).sum();
    let priced: u64 = counted
        .iter()
        .filter(|(_, s)| worth(s).is_some())
        .map(|(_, s)| s.outputs_sat)
        .sum();
    let largest = counted
        .iter()
        .min_by_key(|(txid, s)| (u64::MAX - s.outputs_sat, txid.clone()));
    let (max_tx_sat, max_eur) = largest.map_or((0, None), |(_, s)| (s.outputs_sat, worth(s)));
    let document = VolumeDocument {
        timestamp: rfc3339(start),
        volume_sat: volume,
        volume_btc: volume as f64 / 1e8,
        volume_eur: chart_f64(exact),
        volume_eur_exact: exact.normalize().to_string(),
        adjusted_volume_sat: counted.iter().map(|(_, s)| s.adjusted_sat).sum(),
        max_tx_sat,
        max_tx_btc: max_tx_sat as f64 / 1e8,
        max_tx_eur: max_eur.map(chart_f64),
        max_tx_eur_exact: max_eur.map(|eur| eur.to_string()),
        max_tx_hash: largest.map(|(txid, _)| txid.clone()),
        tx_count: counted.len() as u64,
        priced_share: if volume == 0 {
            0.0
        } else {
            priced as f64 / volume as f64
        },
    };
    Some(((version + prices_bearing) as u64, document))
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
