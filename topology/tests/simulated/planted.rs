//! Goal: the simulator finds mistakes. Method: each of these is planted into a wrapper of a store, and a bounded number of seeds has to
//! show it; the figures are printed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use btc_topology::Connections;
use btc_topology::sim::{FAULTS, bitcoin_simulation_on};
use futures_util::FutureExt;
use trombe::sim::{Fault, Report, Simulation, StrikeId};
use trombe_connectors::simulated::{INDEX_BUSY, INDEX_PARTIAL, INDEX_SLOW, LOG_CUT};
use trombe_connectors::{Document, Index, IndexError, Outcome};

use crate::stores::{Answer, BadIndex, BadLog, BadState, LogMistake, StateMistake};

/// Every mistake has to show by then.
const SEEDS: std::ops::Range<u64> = 0..100;

const CRASH: Fault = Fault::PROCESS_CRASH.one_in(80);

/// Wraps the stores, with one mistake among them.
type Plant = fn(Connections) -> Connections;

fn log(connections: Connections, mistake: LogMistake) -> Connections {
    let log = Arc::new(BadLog { log: Arc::clone(&connections.log), mistake });
    Connections { log, ..connections }
}

fn state(connections: Connections, mistake: StateMistake) -> Connections {
    let state =
        Arc::new(BadState { state: Arc::clone(&connections.state), mistake, unwritten: Mutex::default() });
    Connections { state, ..connections }
}

fn index<F>(connections: Connections, bulk: F) -> Connections
where
    F: Fn(Arc<dyn Index>, Vec<Document>) -> Answer + Send + Sync + 'static,
{
    let index = Arc::new(BadIndex { index: Arc::clone(&connections.index), bulk });
    Connections { index, ..connections }
}

type Answered = Result<Vec<Outcome>, IndexError>;

/// The true answer, seen with other eyes.
fn answer(connections: Connections, see: fn(Answered, usize) -> Answered) -> Connections {
    index(connections, move |index, documents| {
        async move {
            let count = documents.len();
            see(index.bulk(documents).await, count)
        }
        .boxed()
    })
}

fn outcomes(connections: Connections, see: fn(Outcome) -> Outcome) -> Connections {
    index(connections, move |index, documents| {
        async move { Ok(index.bulk(documents).await?.into_iter().map(see).collect()) }.boxed()
    })
}

/// Documents changed before they are written.
fn versions(connections: Connections, version: fn(&Document, u64) -> u64) -> Connections {
    let attempts = Arc::new(AtomicU64::new(0));
    index(connections, move |index, documents| {
        let attempts = Arc::clone(&attempts);
        let write = move |document: Document| {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            Document { version: version(&document, attempt), ..document }
        };
        let documents = documents.into_iter().map(write).collect();
        async move { index.bulk(documents).await }.boxed()
    })
}

fn blocks(document: &Document) -> Option<u64> {
    let source: serde_json::Value = serde_json::from_str(&document.source).ok()?;
    source.get("blocks")?.as_u64()
}

/// Documents that take blocks back from a miner are not written.
fn reward_not_taken_back(connections: Connections) -> Connections {
    let most: Arc<Mutex<HashMap<String, u64>>> = Arc::default();
    index(connections, move |index, documents| {
        let most = Arc::clone(&most);
        async move {
            let mut outcomes = Vec::new();
            for document in documents {
                let is_taken_back = blocks(&document).is_some_and(|blocks| {
                    let mut most = most.lock().unwrap();
                    let known = most.entry(document.id.clone()).or_default();
                    let is_less = blocks < *known;
                    *known = blocks.max(*known);
                    is_less
                });
                if is_taken_back {
                    outcomes.push(Outcome::Indexed);
                } else {
                    outcomes.extend(index.bulk(vec![document]).await?);
                }
            }
            Ok(outcomes)
        }
        .boxed()
    })
}

/// The last document of a batch is left behind.
fn last_left_behind(connections: Connections) -> Connections {
    index(connections, |index, mut documents| {
        async move {
            let left = if documents.len() > 5 { documents.pop() } else { None };
            let mut outcomes = index.bulk(documents).await?;
            outcomes.extend(left.map(|_| Outcome::Indexed));
            Ok(outcomes)
        }
        .boxed()
    })
}

/// What is planted, the faults that bring it to light soonest (none named: all of them), and how it is planted.
const MISTAKES: [(&str, &[Fault], Plant); 17] = [
    ("ack before durable", &[CRASH], |c| state(c, StateMistake::AnswersBeforeWriting)),
    ("torn state accepted", &[CRASH, Fault::STATE_TORN.one_in(10)], |c| state(c, StateMistake::Tears)),
    ("dedupe off", &[], |c| state(c, StateMistake::ForgetsTransactions)),
    ("failed write of state taken for done", &[CRASH, Fault::STATE_ERROR], |c| {
        state(c, StateMistake::ErrorsUnchecked)
    }),
    ("blocks not restored", &[], |c| state(c, StateMistake::LosesBlocks)),
    ("offset committed past an open one", &[CRASH, Fault::new(INDEX_SLOW, 3)], |c| {
        log(c, LogMistake::CommitsPastOpen)
    }),
    ("replay loses the key", &[], |c| log(c, LogMistake::ReplayLosesKey)),
    ("drain skips the last record", &[], |c| log(c, LogMistake::SkipsLast)),
    ("rebalance forgets partitions", &[], |c| log(c, LogMistake::RebalanceForgetsPartitions)),
    ("refused append taken for done", &[Fault::new(LOG_CUT, 4)], |c| log(c, LogMistake::AppendUnchecked)),
    ("version counts attempts", &[], |c| versions(c, |_, attempt| attempt + 1)),
    ("409 treated as failure", &[], |c| {
        outcomes(c, |outcome| match outcome {
            Outcome::Stale => Outcome::Retry("409".to_owned()),
            other => other,
        })
    }),
    ("retry dropped", &[Fault::new(INDEX_BUSY, 8)], |c| {
        outcomes(c, |outcome| match outcome {
            Outcome::Retry(_) => Outcome::Stale,
            other => other,
        })
    }),
    ("partial failure of a bulk ignored", &[Fault::new(INDEX_PARTIAL, 8)], |c| {
        answer(c, |answer, count| {
            let any = answer.as_ref().is_ok_and(|outcomes| outcomes.contains(&Outcome::Indexed));
            if any { Ok(vec![Outcome::Indexed; count]) } else { answer }
        })
    }),
    ("cut answer taken for success", &[], |c| {
        answer(c, |answer, count| answer.or(Ok(vec![Outcome::Indexed; count])))
    }),
    ("last document of a batch left behind", &[], last_left_behind),
    ("reorganised reward not taken back", &[], reward_not_taken_back),
];

fn planted(faults: &[Fault], plant: Plant) -> Simulation {
    let faults = if faults.is_empty() { &FAULTS } else { faults };
    let simulation = bitcoin_simulation_on(move |_, connections| plant(connections));
    simulation.faults(faults.iter().copied()).messages(60).seeds(SEEDS).threads(2)
}

fn find(faults: &[Fault], plant: Plant) -> Report {
    planted(faults, plant).shrink_runs_max(0).run()
}

#[test]
fn every_planted_mistake_is_found() {
    let mut missed = Vec::new();
    for (name, faults, plant) in MISTAKES {
        let report = find(faults, plant);
        match &report.failure {
            Some(failure) => eprintln!(
                "found after {:>2} seeds and {:>4} faults: {name}: {:.100}",
                report.seeds,
                report.struck_count(),
                failure.reason
            ),
            None => missed.push(name),
        }
    }
    assert_eq!(missed, [""; 0], "not found within {SEEDS:?}");
}

/// What a command says behind an option.
fn option<'a>(command: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = command.split_once(&format!("--{name} "))?;
    rest.split_whitespace().next().map(|value| value.trim_matches('\''))
}

/// The simulation with what a printed command says.
fn repeated(simulation: Simulation, command: &str) -> Simulation {
    let (first, end) = option(command, "seeds").unwrap().split_once("..").unwrap();
    let messages = option(command, "messages").unwrap().parse().unwrap();
    let simulation =
        simulation.seeds(first.parse().unwrap()..end.parse().unwrap()).messages(messages).shrink_runs_max(0);
    match option(command, "strikes") {
        Some(strikes) => {
            simulation.only(strikes.split(',').map(|strike| strike.parse::<StrikeId>().unwrap()))
        }
        None => simulation,
    }
}

#[test]
fn a_failing_seed_prints_itself_is_made_small_and_fails_again_as_printed() {
    let simulation = planted(&[], |c| state(c, StateMistake::AnswersBeforeWriting));
    let report = simulation.run();
    let printed = report.to_string();
    eprint!("{printed}");
    let failure = report.failure.unwrap();
    let commands: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("  again: ")).collect();
    assert_eq!(commands, [failure.command.as_str(), failure.smallest_command.as_str()]);
    assert!(printed.contains(&format!("SEED {} FAILED", failure.seed)), "{printed}");
    assert!(commands.iter().all(|command| command.starts_with("bitcoin-dashboard sim ")), "{commands:?}");

    let small = &failure.smallest;
    assert!(small.messages < failure.messages && small.struck.len() < failure.struck_count, "{printed}");
    assert!(small.struck.len() <= 5, "of dozens of faults few are to blame: {printed}");

    let again = repeated(simulation.clone(), commands[0]).run().failure.unwrap();
    assert_eq!((again.reason, again.struck_count), (failure.reason, failure.struck_count));
    let again = repeated(simulation, commands[1]);
    assert_eq!(again.trace(failure.seed), small.trace);
    let again = again.run().failure.unwrap();
    assert_eq!((again.reason, again.struck_count), (small.reason.clone(), small.struck.len()));
}
