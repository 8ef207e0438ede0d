//! Which tuples have had their effect.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::{StateChange, StateError, StateStore};
use crate::flow::lineage::{Path, Position, ROOT};

/// Offsets in a page, as a power of two.
const PAGE_BITS: u32 = 12;
/// Set in the stored place of a tuple that is followed by its path.
const WITH_PATH: u16 = 1 << 15;

/// The tuples whose effect is in the state of a task, by key group: what is known of them moves with the groups, as the effects do.
///
/// They lie in pages, one for each group, partition and run of 4096 offsets, and each page is a row in the store. A
/// partition's offsets are spread over all the groups, so a page is a sorted list: as a bitmap it would be empty for the most part. What lies below the
/// position from which the spout reads again is forgotten.
#[derive(Debug)]
pub(crate) struct Lineage {
    namespace: String,
    /// The names of all components: a tuple's source is one of them.
    components: Vec<String>,
    /// By source and number. In order, so that changes come in the same order in every run.
    partitions: BTreeMap<(usize, u32), Partition>,
    /// Pages that differ from the store's, each once.
    changed: Vec<(usize, u32, PageId)>,
}

#[derive(Debug, Default)]
struct Partition {
    /// Everything below is done. A tuple from there is an echo: a copy that was slower than another one given after it.
    floor: u64,
    pages: BTreeMap<PageId, Page>,
}

/// In this order what falls below the floor is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PageId {
    number: u64,
    group: u16,
}

#[derive(Debug, Default)]
struct Page {
    /// Sorted; tuples mostly come in the order of their offsets.
    tuples: Vec<(u16, Path)>,
    is_changed: bool,
}

/// A tuple: its source, its root's position there, and its path from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: usize,
    pub(crate) position: Position,
    pub(crate) path: Path,
}

impl Lineage {
    /// What the store has of those groups.
    pub(crate) fn load(
        store: &dyn StateStore,
        state_namespace: &str,
        components: Vec<String>,
        groups: Range<u16>,
    ) -> Result<Self, StateError> {
        let namespace = format!("{state_namespace}#lineage");
        let indices: HashMap<&str, usize> =
            components.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        let mut partitions: BTreeMap<(usize, u32), Partition> = BTreeMap::new();
        let mut unreadable = None;
        for group in groups {
            store.scan(&namespace, &group.to_be_bytes(), &mut |key, value| {
                let (Some((partition, number, source)), Some(tuples)) = (read_key(key), read_page(value))
                else {
                    unreadable.get_or_insert_with(|| key.to_vec());
                    return;
                };
                // What the topology does not have any more gives nothing again.
                let Some(source) = indices.get(source) else { return };
                let pages = &mut partitions.entry((*source, partition)).or_default().pages;
                pages.insert(PageId { number, group }, Page { tuples, is_changed: false });
            })?;
        }
        if let Some(key) = unreadable {
            let reason =
                format!("row {key:?} is none of the engine's; remove it, or begin with an empty store");
            return Err(StateError::new(namespace, reason));
        }
        Ok(Self { namespace, components, partitions, changed: Vec::new() })
    }

    /// Whether the tuple has had its effect. `floor`: as for [`take_changes`](Self::take_changes).
    pub(crate) fn has(&mut self, group: u16, origin: &Origin, floor: impl FnOnce(usize, u32) -> u64) -> bool {
        let Origin { source, position: Position { partition, offset }, path } = *origin;
        let known = self.partitions.entry((source, partition));
        let known =
            known.or_insert_with(|| Partition { floor: floor(source, partition), pages: BTreeMap::new() });
        let (number, place) = split(offset);
        let has = |page: &Page| page.tuples.binary_search(&(place, path)).is_ok();
        offset < known.floor || known.pages.get(&PageId { number, group }).is_some_and(has)
    }

    /// The tuple has had its effect.
    pub(crate) fn insert(&mut self, group: u16, origin: &Origin) {
        let Origin { source, position: Position { partition, offset }, path } = *origin;
        let (number, place) = split(offset);
        let id = PageId { number, group };
        let page = self.partitions.entry((source, partition)).or_default().pages.entry(id).or_default();
        if let Err(at) = page.tuples.binary_search(&(place, path)) {
            page.tuples.insert(at, (place, path));
        }
        if !std::mem::replace(&mut page.is_changed, true) {
            self.changed.push((source, partition, id));
        }
    }

    /// What has changed since it was last asked. `floor` says of a source and partition from where it is read again at the earliest: what
    /// lies below is removed.
    pub(crate) fn take_changes(&mut self, floor: impl Fn(usize, u32) -> u64) -> Vec<StateChange> {
        for (&(source, number), partition) in &mut self.partitions {
            partition.floor = partition.floor.max(floor(source, number));
            let first = PageId { number: split(partition.floor).0, group: 0 };
            if partition.pages.first_key_value().is_none_or(|(id, _)| *id >= first) {
                continue;
            }
            let kept = partition.pages.split_off(&first);
            let gone = std::mem::replace(&mut partition.pages, kept);
            let stored = gone.iter().filter(|(_, page)| !page.is_changed);
            self.changed.extend(stored.map(|(id, _)| (source, number, *id)));
        }
        let mut changes = Vec::with_capacity(self.changed.len());
        for (source, number, id) in self.changed.drain(..) {
            let partition = self.partitions.get_mut(&(source, number));
            let page = partition.and_then(|partition| partition.pages.get_mut(&id));
            let value = page.map(|page| {
                page.is_changed = false;
                write_page(&page.tuples)
            });
            let (namespace, key) = (self.namespace.clone(), write_key(id, number, &self.components[source]));
            changes.push(StateChange { namespace, key, value, expires_ms: None });
        }
        changes
    }
}

/// The page of an offset, and its place there.
fn split(offset: u64) -> (u64, u16) {
    let place = u16::try_from(offset & ((1 << PAGE_BITS) - 1)).unwrap_or_default();
    (offset >> PAGE_BITS, place)
}

/// Group, partition, page, and the source's name.
fn write_key(PageId { number, group }: PageId, partition: u32, source: &str) -> Vec<u8> {
    [&group.to_be_bytes()[..], &partition.to_be_bytes(), &number.to_be_bytes(), source.as_bytes()].concat()
}

/// `None`: no offset is in such a page.
fn read_key(key: &[u8]) -> Option<(u32, u64, &str)> {
    let (partition, rest) = key.get(2..)?.split_first_chunk()?;
    let (number, source) = rest.split_first_chunk()?;
    let number = Some(u64::from_be_bytes(*number)).filter(|number| *number <= split(u64::MAX).0)?;
    let source = std::str::from_utf8(source).ok()?;
    Some((u32::from_be_bytes(*partition), number, source))
}

/// Two bytes a tuple; ten of one that has a path.
fn write_page(tuples: &[(u16, Path)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(tuples.len() * 2);
    for (place, path) in tuples {
        if *path == ROOT {
            bytes.extend(place.to_le_bytes());
        } else {
            bytes.extend((place | WITH_PATH).to_le_bytes());
            bytes.extend(path.to_le_bytes());
        }
    }
    bytes
}

/// `None`: it is not what [`write_page`] writes. A page out of order would be believed to lack what it has.
fn read_page(mut bytes: &[u8]) -> Option<Vec<(u16, Path)>> {
    let mut tuples: Vec<(u16, Path)> = Vec::with_capacity(bytes.len() / 2);
    while !bytes.is_empty() {
        let (place, rest) = bytes.split_first_chunk()?;
        let place = u16::from_le_bytes(*place);
        let (path, rest) = if place & WITH_PATH == 0 {
            (ROOT, rest)
        } else {
            let (path, rest) = rest.split_first_chunk()?;
            (Some(Path::from_le_bytes(*path)).filter(|path| *path != ROOT)?, rest)
        };
        let tuple = (place & !WITH_PATH, path);
        if tuple.0 >> PAGE_BITS != 0 || tuples.last().is_some_and(|last| *last >= tuple) {
            return None;
        }
        tuples.push(tuple);
        bytes = rest;
    }
    Some(tuples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MemoryStore;

    const NO_FLOOR: fn(usize, u32) -> u64 = |_, _| 0;

    fn load(store: &MemoryStore, groups: Range<u16>) -> Lineage {
        let components = ["other", "words"].map(str::to_owned);
        Lineage::load(store, "t/count", components.to_vec(), groups).unwrap()
    }

    fn origin(partition: u32, offset: u64, path: Path) -> Origin {
        Origin { source: 1, position: Position { partition, offset }, path }
    }

    #[test]
    fn what_had_its_effect_is_known_wherever_its_key_group_goes() {
        let store = MemoryStore::new();
        let mut all = load(&store, 0..64);
        let tuples = [
            (0, origin(0, 5, ROOT)),
            (31, origin(0, 5, 77)),
            (32, origin(9, 4096, ROOT)),
            (63, origin(9, u64::MAX, ROOT)),
        ];
        for (group, origin) in &tuples {
            all.insert(*group, origin);
        }
        store.apply(&all.take_changes(NO_FLOOR)).unwrap();
        let (mut lower, mut upper) = (load(&store, 0..32), load(&store, 32..64));
        for (group, origin) in &tuples {
            let known = (lower.has(*group, origin, NO_FLOOR), upper.has(*group, origin, NO_FLOOR));
            assert_eq!(known, (*group < 32, *group >= 32), "{origin:?}");
        }
        assert!(!lower.has(0, &origin(0, 5, 77), NO_FLOOR), "the same root by another way");
        assert!(!lower.has(0, &Origin { source: 0, ..origin(0, 5, ROOT) }, NO_FLOOR), "another source");
    }

    #[test]
    fn what_has_changed_is_written_once_and_what_is_below_the_floor_goes() {
        let store = MemoryStore::new();
        let mut lineage = load(&store, 0..64);
        for offset in [1, 4095, 4096, 9000] {
            lineage.insert(7, &origin(0, offset, ROOT));
        }
        assert_eq!(lineage.take_changes(NO_FLOOR).len(), 3);
        assert_eq!(lineage.take_changes(NO_FLOOR), []);
        lineage.insert(7, &origin(0, 9001, ROOT));
        lineage.insert(7, &origin(0, 9001, ROOT));
        let changes = lineage.take_changes(NO_FLOOR);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].value.as_deref(), Some([0x28, 0x03, 0x29, 0x03].as_slice()));

        lineage.insert(7, &origin(0, 2, ROOT));
        let changes = lineage.take_changes(|_, _| 8192);
        assert_eq!(changes.len(), 2, "each page goes once, whether or not it has just changed");
        assert!(changes.iter().all(|change| change.value.is_none()));
    }

    #[test]
    fn an_echo_from_below_the_floor_is_known_although_it_is_forgotten() {
        let store = MemoryStore::new();
        let mut lineage = load(&store, 0..64);
        lineage.insert(7, &origin(0, 5, ROOT));
        lineage.take_changes(|_, _| 8192);
        assert!(lineage.has(7, &origin(0, 5, ROOT), NO_FLOOR));
        assert!(!lineage.has(7, &origin(0, 8192, ROOT), NO_FLOOR));
        assert!(lineage.has(7, &origin(1, 5, ROOT), |_, _| 6), "of a partition that was not seen before");
    }

    #[test]
    fn a_row_of_something_else_is_an_error_that_says_what_to_do() {
        let page = |number| write_key(PageId { number, group: 1 }, 0, "words");
        let path =
            |place: u16, path: Path| [&(place | WITH_PATH).to_le_bytes()[..], &path.to_le_bytes()].concat();
        let rows = [
            ("half a place", page(0), vec![0]),
            ("half a path", page(0), path(1, 7)[..9].to_vec()),
            ("a place of the next page", page(0), vec![0, 0x10]),
            ("places out of order", page(0), vec![2, 0, 1, 0]),
            ("a place twice", page(0), vec![1, 0, 1, 0]),
            ("paths out of order", page(0), [path(1, 8), path(1, 7)].concat()),
            ("a path twice", page(0), [path(1, 7), path(1, 7)].concat()),
            ("the path of a root", page(0), path(1, ROOT)),
            ("a page above all offsets", page(1 << 52), vec![1, 0]),
            ("half a key", page(0)[..13].to_vec(), vec![1, 0]),
            ("a source that is no text", [&page(0)[..], &[0xff]].concat(), vec![1, 0]),
        ];
        for (name, key, value) in rows {
            let store = MemoryStore::new();
            let namespace = "t/count#lineage".to_owned();
            store.apply(&[StateChange { namespace, key, value: Some(value), expires_ms: None }]).unwrap();
            let error = Lineage::load(&store, "t/count", Vec::new(), 0..64).expect_err(name);
            assert!(
                error.to_string().ends_with("remove it, or begin with an empty store"),
                "{name}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn it_knows_what_was_inserted_and_nothing_else_also_after_a_restart(
            inserted in prop::collection::btree_set((0..64_u16, 0..3_u32, 0..20_000_u64, 0..3_u64), 0..200),
            asked in prop::collection::vec((0..64_u16, 0..3_u32, 0..20_000_u64, 0..3_u64), 0..200),
        ) {
            let store = MemoryStore::new();
            let mut lineage = load(&store, 0..64);
            for (nth, (group, partition, offset, path)) in inserted.iter().enumerate() {
                lineage.insert(*group, &origin(*partition, *offset, *path));
                if nth % 50 == 0 {
                    store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
                }
            }
            store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
            let mut restarted = load(&store, 0..64);
            for tuple in inserted.iter().chain(&asked) {
                let (group, partition, offset, path) = *tuple;
                let origin = origin(partition, offset, path);
                prop_assert_eq!(lineage.has(group, &origin, NO_FLOOR), inserted.contains(tuple));
                prop_assert_eq!(restarted.has(group, &origin, NO_FLOOR), inserted.contains(tuple));
            }
        }
    }
}
