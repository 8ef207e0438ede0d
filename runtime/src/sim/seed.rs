//! Running one seed: lives of the process, one after the other, until one comes to its end; then the checks.

use std::sync::Arc;

use super::plan::Plan;
use super::process::Ending;
use super::world::{Struck, World};
use crate::config::Config;
use crate::testing::Driver;
use crate::topology::Topology;

/// Builds the topology for one life of the process.
pub(super) type Build = Arc<dyn Fn(&World) -> Topology + Send + Sync>;
/// Says what is wrong with what the topology has left outside.
pub(super) type Check = Arc<dyn Fn(&World) -> Result<(), String> + Send + Sync>;

/// Everything that is the same for all seeds.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) build: Build,
    pub(super) check: Check,
    pub(super) config: Config,
    pub(super) plan: Plan,
    pub(super) messages: usize,
    /// Runs spent on making a failing one small at most.
    pub(super) shrink_runs_max: usize,
}

/// What came of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Why the run is not as it should be.
    pub(super) wrong: Option<String>,
    pub(super) struck: Vec<Struck>,
    pub(super) crashes: u32,
    pub(super) compared: u64,
    pub(super) trace: u64,
}

impl Setup {
    pub(super) fn run(&self, seed: u64) -> Outcome {
        let world = World::new(seed, self.messages, self.plan.clone());
        let wrong = loop {
            match self.live(&world) {
                Ending::Died => world.bury(),
                Ending::Done => break (self.check)(&world).err(),
                Ending::Wrong(reason) => break Some(reason),
            }
        };
        let (compared, trace) = world.results();
        world.end();
        Outcome { wrong, struck: world.struck(), crashes: world.crashes(), compared, trace }
    }

    /// One life of the process.
    fn live(&self, world: &World) -> Ending {
        let topology = (self.build)(world);
        let mut driver = match Driver::in_world(&topology, self.config.clone(), world) {
            Ok(driver) => driver,
            // A process that dies while it starts has died.
            Err(_) if world.is_dead() => return Ending::Died,
            Err(error) => return Ending::Wrong(format!("the topology does not start: {error}")),
        };
        let ending = driver.live();
        match ending {
            Ending::Done => drop(driver),
            _ => driver.kill(),
        }
        // The last commit of an orderly end may have been the end of the process as well.
        if ending == Ending::Done && world.is_dead() { Ending::Died } else { ending }
    }
}
