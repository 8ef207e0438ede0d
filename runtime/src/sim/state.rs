//! A state store whose disk may be pulled out.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::plan::Chance;
use super::world::World;
use crate::state::{StateChange, StateError, StateStore};

type Image = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// What is on the disk, and what a crash may take away.
///
/// Writes become durable in their order and as a whole. One that was acknowledged took all before it with it; those after the last
/// acknowledged one are lost from some point on when the process dies.
#[derive(Debug, Default)]
pub(super) struct Images {
    synced: Image,
    /// Writes that nobody was promised anything about.
    unsynced: Vec<Vec<StateChange>>,
    /// What the process reads.
    visible: Image,
}

impl Images {
    fn write(&mut self, changes: &[StateChange]) {
        apply(&mut self.visible, changes);
        self.unsynced.push(changes.to_vec());
    }

    fn sync(&mut self) {
        for changes in self.unsynced.drain(..) {
            apply(&mut self.synced, &changes);
        }
    }

    pub(super) fn crash(&mut self, chance: &mut Chance) {
        let kept = chance.below(self.unsynced.len() as u64 + 1);
        self.unsynced.truncate(usize::try_from(kept).unwrap_or(0));
        self.sync();
        self.visible.clone_from(&self.synced);
    }
}

fn apply(image: &mut Image, changes: &[StateChange]) {
    for change in changes {
        let keys = image.entry(change.namespace.clone()).or_default();
        match &change.value {
            Some(value) => keys.insert(change.key.clone(), value.clone()),
            None => keys.remove(&change.key),
        };
    }
}

/// The store behind [`World::state`].
#[derive(Clone, Debug)]
pub(super) struct SimState {
    world: World,
}

impl SimState {
    pub(super) fn new(world: World) -> Self {
        Self { world }
    }

    fn note(&self, changes: &[StateChange]) {
        for StateChange { namespace, key, value, .. } in changes {
            self.world.note([namespace.as_bytes(), key, value.as_deref().unwrap_or_default()].concat());
        }
    }
}

impl StateStore for SimState {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.world.images().visible.get(namespace).and_then(|keys| keys.get(key)).cloned())
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        if let Some(keys) = self.world.images().visible.get(namespace) {
            let from = keys.range(prefix.to_vec()..);
            from.take_while(|(key, _)| key.starts_with(prefix)).for_each(|(key, value)| each(key, value));
        }
        Ok(())
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        let namespace = changes.first().map_or("", |change| &change.namespace);
        let refused = |why: &str| Err(StateError::new(namespace, format!("simulated: {why}; try again")));
        if self.world.is_dead() {
            return refused("the process is dead");
        }
        if self.world.strikes(Fault::STATE_ERROR.name()) {
            return refused("the disk is full");
        }
        self.note(changes);
        self.world.images().write(changes);
        if self.world.strikes(Fault::STATE_TORN.name()) {
            self.world.crash();
            return refused("the process died in the midst of it");
        }
        if self.world.strikes(Fault::STATE_UNSYNCED.name()) {
            return refused("the disk did not answer");
        }
        self.world.images().sync();
        // Durable, but nobody will ever hear of it.
        if self.world.dies() { refused("the process died after it") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::Plan;

    fn change(key: &str) -> StateChange {
        StateChange {
            namespace: "n".to_owned(),
            key: key.into(),
            value: Some(b"v".to_vec()),
            expires_ms: None,
        }
    }

    #[test]
    fn a_crash_takes_unacknowledged_writes_from_some_point_on_and_never_a_part_of_one() {
        let mut kept = [0; 3];
        for seed in 0..64 {
            let mut images = Images::default();
            images.write(&[change("promised")]);
            images.sync();
            images.write(&[change("a1"), change("a2")]);
            images.write(&[change("b1"), change("b2")]);
            images.crash(&mut Chance::new(seed, "test", 0));
            let keys: Vec<&[u8]> = images.visible["n"].keys().map(Vec::as_slice).collect();
            let expected: [&[&[u8]]; 3] =
                [&[b"promised"], &[b"a1", b"a2", b"promised"], &[b"a1", b"a2", b"b1", b"b2", b"promised"]];
            let which = expected.iter().position(|expected| *expected == keys);
            kept[which.unwrap_or_else(|| panic!("seed {seed} left {keys:?}"))] += 1;
        }
        assert!(kept.iter().all(|count| *count > 5), "{kept:?}");
    }

    #[test]
    fn an_acknowledged_write_takes_all_before_it_with_it() {
        let world = World::new(1, 0, Plan { faults: Vec::new(), only: None, strikes_max: 0 });
        world.images().write(&[change("limbo")]);
        assert!(world.state().apply(&[change("promised")]).is_ok());
        world.bury();
        assert!(world.state().get("n", b"limbo").unwrap().is_some());
        world.crash();
        assert!(world.state().apply(&[change("late")]).is_err());
        assert_eq!(world.state().get("n", b"late"), Ok(None));
    }
}
