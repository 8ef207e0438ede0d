//! Many seeds of one topology.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::fault::{Fault, StrikeId};
use super::plan::Plan;
use super::report::{Report, SeedFailure, Smallest};
use super::seed::{Outcome, Setup};
use super::shrink::shrink;
use super::unpoisoned;
use super::world::World;
use crate::clock::Clock;
use crate::config::Config;
use crate::topology::Topology;

/// A topology to be run in many simulated worlds; see the [module](super).
#[must_use = "a simulation does nothing before `run`"]
#[derive(Clone)]
pub struct Simulation {
    name: String,
    command: String,
    setup: Setup,
    seeds: Range<u64>,
    threads: usize,
}

impl Simulation {
    /// The topology, built anew for every life of every process. It should be the user's own, on the stores of the [`World`].
    pub fn new(
        name: impl Into<String>,
        topology: impl Fn(&World) -> Topology + Send + Sync + 'static,
    ) -> Self {
        let plan = Plan { faults: Fault::ENGINE.to_vec(), only: None, strikes_max: 80 };
        let config = Config { workers_count: Some(2), ..Config::default() };
        let (build, check) = (Arc::new(topology), Arc::new(|_: &World| Ok(())));
        let setup = Setup { build, check, config, plan, messages: 100, shrink_runs_max: 200 };
        let name = name.into();
        let command = format!("run `{name}` with");
        Self { name, command, setup, seeds: 0..100, threads: 1 }
    }

    /// What must be true when a topology has come to its end in spite of all; the error says what is not.
    pub fn check(mut self, check: impl Fn(&World) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.setup.check = Arc::new(check);
        self
    }

    /// The faults that may happen; without it, [`Fault::ENGINE`]. Each seed takes some of them, and some of those in excess.
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.setup.plan.faults = faults.into_iter().collect();
        self
    }

    /// Faults in one run at most; after these all goes well, and the run has to come to its end.
    pub fn strikes_max(mut self, strikes_max: usize) -> Self {
        self.setup.plan.strikes_max = strikes_max;
        self
    }

    /// Exactly these strikes and no others, as a failure prints them.
    pub fn only(mut self, strikes: impl IntoIterator<Item = StrikeId>) -> Self {
        self.setup.plan.only = Some(strikes.into_iter().collect());
        self
    }

    /// What [`World::messages`] says.
    pub fn messages(mut self, messages: usize) -> Self {
        self.setup.messages = messages;
        self
    }

    /// Runs spent on making a failing one small at most; without it, 200.
    pub fn shrink_runs_max(mut self, shrink_runs_max: usize) -> Self {
        self.setup.shrink_runs_max = shrink_runs_max;
        self
    }

    /// The limits of the topology.
    pub fn config(mut self, config: Config) -> Self {
        self.setup.config = config;
        self
    }

    /// The seeds to run.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// On how many threads. Each seed runs on one thread, whatever the number.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The command that a failure names, to which `--seeds`, `--messages` and `--strikes` are added.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// The fingerprint of everything that happens in one seed: the same seed has the same one, always.
    pub fn trace(&self, seed: u64) -> u64 {
        self.setup.run(seed).trace
    }

    /// Runs the seeds, up to the first that fails, which is then made small.
    pub fn run(&self) -> Report {
        let clock = Clock::system();
        let faults = self.setup.plan.faults.iter().map(|fault| (fault.name().to_owned(), 0));
        let report = Report { name: self.name.clone(), faults: faults.collect(), ..Report::default() };
        let (report, failed) = (Mutex::new(report), Mutex::new(None::<(u64, Outcome)>));
        let next = AtomicU64::new(self.seeds.start);
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.seeds.end || unpoisoned(&failed).is_some() {
                    break;
                }
                let outcome = self.run_seed(seed);
                unpoisoned(&report).add(&outcome);
                if outcome.wrong.is_some() {
                    let mut failed = unpoisoned(&failed);
                    if failed.as_ref().is_none_or(|(other, _)| seed < *other) {
                        *failed = Some((seed, outcome));
                    }
                }
            }
        };
        // The only threads beside the executor's: each runs whole simulations, none runs a part of one.
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..self.threads).map(|_| scope.spawn(work)).collect();
            work();
            for helper in helpers {
                if let Err(panic) = helper.join() {
                    resume_unwind(panic);
                }
            }
        });
        let mut report = unpoisoned(&report).clone();
        let failed = unpoisoned(&failed).take();
        report.failure = failed.map(|(seed, outcome)| self.explain(seed, outcome));
        report.took = clock.elapsed();
        report
    }

    fn run_seed(&self, seed: u64) -> Outcome {
        catch_unwind(AssertUnwindSafe(|| self.setup.run(seed))).unwrap_or_else(|panic| {
            tracing::error!(seed, "the simulation itself, its topology's closure or its check panicked");
            resume_unwind(panic)
        })
    }

    fn explain(&self, seed: u64, outcome: Outcome) -> SeedFailure {
        let reason = outcome.wrong.clone().unwrap_or_default();
        let (struck_count, messages) = (outcome.struck.len(), self.setup.messages);
        let small = shrink(&self.setup, seed, outcome);
        let Outcome { wrong, struck, trace, .. } = small.outcome;
        let command = |messages, strikes: &str| {
            let base = &self.command;
            format!("{base} --seeds {seed}..{} --messages {messages}{strikes}", seed + 1)
        };
        let given = self.setup.plan.only.as_ref().map(|only| only.iter().map(ToString::to_string).collect());
        let strikes = |strikes: Option<Vec<String>>| {
            strikes.map_or(String::new(), |strikes| format!(" --strikes '{}'", strikes.join(",")))
        };
        let smallest = struck.iter().map(|struck| struck.id.to_string()).collect();
        SeedFailure {
            seed,
            reason,
            struck_count,
            messages,
            command: command(messages, &strikes(given)),
            smallest_command: command(small.messages, &strikes(Some(smallest))),
            smallest: Smallest {
                reason: wrong.unwrap_or_default(),
                messages: small.messages,
                struck,
                trace,
                runs: small.runs,
            },
        }
    }
}

impl Report {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.crashes += u64::from(outcome.crashes);
        self.compared += outcome.compared;
        for struck in &outcome.struck {
            *self.faults.entry(struck.id.fault.clone()).or_default() += 1;
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("name", &self.name)
            .field("seeds", &self.seeds)
            .finish_non_exhaustive()
    }
}
