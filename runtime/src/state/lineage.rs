//! Which tuples have had their effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{StateChange, StateError, StateStore};
use crate::flow::lineage::{Path, Position, ROOT};
use crate::key::key_hash;

/// The positions of one partition in one word.
const BLOCK: u64 = 64;

/// The tuples whose effect is in the state of a task, by key group: it moves with the groups, as the effects do.
///
/// A tuple is a bit where it is the spout's own or descends from it in a straight line, else a number made of its place in the block
/// and its path. What lies below the position from which the spout reads again is forgotten.
pub(crate) struct Lineage {
    store: Arc<dyn StateStore>,
    namespace: String,
    /// The names of all components: a tuple's source is one of them.
    components: Vec<String>,
    /// In order, so that what is removed comes in the same order in every run.
    groups: BTreeMap<u16, Blocks>,
    changed: BTreeSet<(u16, BlockId)>,
}

type Blocks = BTreeMap<BlockId, Block>;
/// Source, partition, and the block's number.
type BlockId = (usize, u32, u64);

#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    bits: u64,
    others: BTreeSet<u64>,
}

/// A tuple: its source, its root's position there, and its path from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: usize,
    pub(crate) position: Position,
    pub(crate) path: Path,
}

impl Origin {
    fn block(&self) -> BlockId {
        (self.source, self.position.partition, self.position.offset / BLOCK)
    }

    fn bit(&self) -> u64 {
        1 << (self.position.offset % BLOCK)
    }

    fn other(&self) -> u64 {
        key_hash(&(self.position.offset % BLOCK, self.path))
    }
}

impl Lineage {
    pub(crate) fn new(
        store: Arc<dyn StateStore>,
        state_namespace: &str,
        components: impl IntoIterator<Item = String>,
    ) -> Self {
        let (groups, changed) = (BTreeMap::new(), BTreeSet::new());
        let (namespace, components) =
            (format!("{state_namespace}#lineage"), components.into_iter().collect());
        Self { store, namespace, components, groups, changed }
    }

    /// Whether the tuple has had its effect.
    pub(crate) fn has(&mut self, group: u16, origin: &Origin) -> Result<bool, StateError> {
        let block = self.group(group)?.get(&origin.block());
        Ok(block.is_some_and(|block| match origin.path {
            ROOT => block.bits & origin.bit() != 0,
            _ => block.others.contains(&origin.other()),
        }))
    }

    /// The tuple has had its effect.
    pub(crate) fn insert(&mut self, group: u16, origin: &Origin) -> Result<(), StateError> {
        let block = self.group(group)?.entry(origin.block()).or_default();
        match origin.path {
            ROOT => block.bits |= origin.bit(),
            _ => drop(block.others.insert(origin.other())),
        }
        self.changed.insert((group, origin.block()));
        Ok(())
    }

    /// What has changed since it was last asked. `floor` says of a source and partition from where it is read again at the earliest: what
    /// lies below is removed.
    pub(crate) fn take_changes(&mut self, floor: impl Fn(usize, u32) -> u64) -> Vec<StateChange> {
        let mut removed = Vec::new();
        for (group, blocks) in &mut self.groups {
            let gone = |id: &BlockId| (id.2 + 1).saturating_mul(BLOCK) <= floor(id.0, id.1);
            let below: Vec<BlockId> = blocks.keys().filter(|id| gone(id)).copied().collect();
            for id in below {
                blocks.remove(&id);
                self.changed.remove(&(*group, id));
                removed.push((*group, id));
            }
        }
        let inserted = std::mem::take(&mut self.changed);
        let value = |(group, id): &(u16, BlockId)| self.groups.get(group)?.get(id).map(Block::to_bytes);
        let changes = inserted.iter().chain(&removed).map(|at| StateChange {
            namespace: self.namespace.clone(),
            key: self.key(at.0, at.1),
            value: value(at),
            expires_ms: None,
        });
        changes.collect()
    }

    fn key(&self, group: u16, (source, partition, block): BlockId) -> Vec<u8> {
        let mut key = group.to_be_bytes().to_vec();
        key.extend(self.components[source].bytes());
        key.push(0);
        key.extend(partition.to_be_bytes());
        key.extend(block.to_be_bytes());
        key
    }

    /// A block's place, read from its key; `None` of a source that the topology has no more.
    fn block_id(&self, key: &[u8]) -> Option<BlockId> {
        let (rest, block) = key.get(2..)?.split_last_chunk::<8>()?;
        let (rest, partition) = rest.split_last_chunk::<4>()?;
        let (_, name) = rest.split_last()?;
        let source = self.components.iter().position(|component| component.as_bytes() == name)?;
        Some((source, u32::from_be_bytes(*partition), u64::from_be_bytes(*block)))
    }

    /// A group's blocks, read when it is first asked for.
    fn group(&mut self, group: u16) -> Result<&mut Blocks, StateError> {
        if !self.groups.contains_key(&group) {
            let mut blocks = Blocks::new();
            self.store.scan(&self.namespace, &group.to_be_bytes(), &mut |key, value| {
                if let Some(id) = self.block_id(key) {
                    blocks.insert(id, Block::of_bytes(value));
                }
            })?;
            self.groups.insert(group, blocks);
        }
        Ok(self.groups.entry(group).or_default())
    }
}

impl Block {
    fn to_bytes(&self) -> Vec<u8> {
        std::iter::once(&self.bits).chain(&self.others).flat_map(|word| word.to_le_bytes()).collect()
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        Self { bits: words.next().unwrap_or(0), others: words.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn origin(offset: u64, path: Path) -> Origin {
        Origin { source: 1, position: Position { partition: 3, offset }, path }
    }

    fn lineage(store: &Arc<MemoryStore>) -> Lineage {
        let components = ["other", "words"].map(str::to_owned);
        Lineage::new(Arc::clone(store) as _, "t/count", components)
    }

    #[test]
    fn what_had_its_effect_is_known_after_a_restart_group_by_group() {
        let store = Arc::new(MemoryStore::new());
        let mut before = lineage(&store);
        for (offset, path) in [(0, ROOT), (63, ROOT), (64, 9), (u64::MAX, ROOT)] {
            assert_eq!(before.has(7, &origin(offset, path)), Ok(false));
            before.insert(7, &origin(offset, path)).unwrap();
        }
        store.apply(&before.take_changes(|_, _| 0)).unwrap();
        assert_eq!(before.take_changes(|_, _| 0), Vec::new());
        let mut after = lineage(&store);
        for (offset, path) in [(0, ROOT), (63, ROOT), (64, 9), (u64::MAX, ROOT)] {
            assert_eq!(after.has(7, &origin(offset, path)), Ok(true));
            assert_eq!(after.has(8, &origin(offset, path)), Ok(false), "another group");
            assert_eq!(after.has(7, &origin(offset, path + 1)), Ok(false), "another path");
        }
        assert_eq!(after.has(7, &Origin { source: 0, ..origin(0, ROOT) }), Ok(false), "another source");
    }

    #[test]
    fn what_is_never_read_again_is_removed_and_nothing_else() {
        let store = Arc::new(MemoryStore::new());
        let mut lineage = lineage(&store);
        for offset in [0, 64, 128] {
            lineage.insert(0, &origin(offset, ROOT)).unwrap();
        }
        store.apply(&lineage.take_changes(|_, _| 0)).unwrap();
        store.apply(&lineage.take_changes(|_, _| 127)).unwrap();
        let mut left = Vec::new();
        store.scan("t/count#lineage", b"", &mut |key, _| left.push(key[key.len() - 1])).unwrap();
        assert_eq!(left, [1, 2]);
        assert_eq!([0, 64, 128].map(|at| lineage.has(0, &origin(at, ROOT)).unwrap()), [false, true, true]);
    }
}
