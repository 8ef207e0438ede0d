//! Goal: a process that dies at any moment loses nothing and doubles nothing.
//!
//! Method: the topology is dropped without draining once a certain number of documents is in the index or a certain number of
//! state changes is in the store; from that point on nothing more gets through, as after a kill. Then it is started again on the same
//! store, with another number of tasks, and dies again a little later. In the end the export must equal that of an
//! undisturbed run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use btc_topology::TopologyConfig;
use futures_util::FutureExt;
use trombe::{StateChange, StateError, StateStore};
use trombe_connectors::Index;

use crate::disturbed::{Disturbed, store};
use crate::market::{Dice, market};
use crate::same_documents::reference;
use crate::world::{World, assert_same, config, until};

/// What may still get through before the process dies: each document and each write of state costs one.
#[derive(Debug)]
struct Life(AtomicI64);

impl Life {
    /// Whether there was some left.
    fn spend(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) > 0
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst) <= 0
    }
}

/// An index that stores documents as long as it lives; the dead answer nothing.
fn mortal_index(world: &World, life: &Arc<Life>) -> Arc<dyn Index> {
    let life = Arc::clone(life);
    Arc::new(Disturbed::new(&world.store, move |index, documents| {
        let life = Arc::clone(&life);
        async move {
            let mut outcomes = Vec::new();
            for document in documents {
                if !life.spend() {
                    return std::future::pending().await;
                }
                outcomes.push(store(&index, document).await?);
            }
            Ok(outcomes)
        }
        .boxed()
    }))
}

struct MortalState(Arc<dyn StateStore>, Arc<Life>);

impl StateStore for MortalState {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.0.get(namespace, key)
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        self.0.scan(namespace, prefix, each)
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        if !self.1.spend() {
            return Err(StateError::new("test", "the process is dead"));
        }
        self.0.apply(changes)
    }
}

/// Few tuples are out at a time, so that offsets are committed all along and what a death loses cannot come back by itself.
fn few_at_a_time(tasks_count: usize) -> TopologyConfig {
    TopologyConfig { spout_pending_count_max: 16, held_count_max: 8, ..config(tasks_count) }
}

#[test]
fn killed_at_any_moment_and_restarted() {
    let expected = reference();
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let mut messages = market();
        dice.shuffle(&mut messages);
        let world = World::new();
        world.append(&messages);
        world.feed_over.set();
        let mut deaths = 0;
        for _ in 0..8 {
            let life = Arc::new(Life(AtomicI64::new(i64::from(1 + dice.below(250)))));
            let index = mortal_index(&world, &life);
            let state = Arc::new(MortalState(world.state(), Arc::clone(&life)));
            let running = world.start(index, state, few_at_a_time(dice.pick(&[1, 2, 3])));
            until(&running, "the process dies", || life.is_over() || running.wait_for(Duration::ZERO));
            deaths += u32::from(life.is_over());
            drop(running);
        }
        assert!(deaths > 2, "seed {seed} killed only {deaths} times");
        world.drain(config(2));
        assert_eq!(world.lag(), 0);
        assert_same(&world.export(), &expected, seed);
    }
}
