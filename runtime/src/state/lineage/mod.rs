//! Which tuples have had their effect.

mod page;

use std::collections::HashMap;
use std::ops::Range;

use page::{Page, PageId, page_of, read_floor, read_key, split, write_floor_key, write_key};

pub(crate) use page::rewritten;

use super::{StateChange, StateError, StateStore};
use crate::flow::lineage::{Path, Position};

/// The tuples whose effect is in the state of a task, by key group: what is known of them moves with the groups, as the effects do.
///
/// They lie in pages, one for each group, partition and run of 4096 offsets, and each page is a row in the store. A
/// partition's offsets are spread over all the groups, so a page is a sorted list: as a bitmap it would be empty for the most part. What lies below the
/// position from which the spout reads again is forgotten; how far that is, is kept with the state: a late commit of a process that was replaced
/// may set the source back.
#[derive(Debug)]
pub(crate) struct Lineage {
    namespace: String,
    floors_namespace: String,
    /// The names of all components: a tuple's source is one of them.
    components: Vec<String>,
    groups: Range<u16>,
    /// By source and number.
    partitions: Vec<Partition>,
    /// The place of the partition that was last asked for: tuples come in runs.
    latest: usize,
    /// Those that differ from the store's, each once.
    changed: Vec<PageId>,
}

#[derive(Debug)]
struct Partition {
    source: usize,
    number: u32,
    /// Everything below is done. A tuple from there is an echo: a copy that was slower than another one given after it.
    floor: u64,
    /// By group; those of one in the order of their numbers.
    pages: Vec<Vec<Page>>,
}

/// A tuple: its source, its root's position there, and its path from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: usize,
    pub(crate) position: Position,
    pub(crate) path: Path,
}

/// Where it is to be written down that a tuple has had its effect.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    page: &'a mut Page,
    at: usize,
    place: u16,
    path: Path,
    changed: &'a mut Vec<PageId>,
    id: PageId,
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
        let floors_namespace = format!("{state_namespace}#floors");
        let indices: HashMap<String, usize> = components.iter().cloned().zip(0..).collect();
        let (partitions, changed) = (Vec::new(), Vec::new());
        let mut lineage =
            Self { namespace, floors_namespace, components, groups, partitions, latest: 0, changed };
        let mut unreadable = None;
        // Those of all tasks: which groups a task has may have changed.
        store.scan(&lineage.floors_namespace.clone(), &[], &mut |key, value| {
            let Some((partition, floor, source)) = read_floor(key, value) else {
                unreadable.get_or_insert_with(|| key.to_vec());
                return;
            };
            let Some(source) = indices.get(source) else { return };
            let at = lineage.partition(*source, partition, |_, _| 0);
            let known = &mut lineage.partitions[at].floor;
            *known = floor.max(*known);
        })?;
        for group in lineage.groups.clone() {
            store.scan(&lineage.namespace.clone(), &group.to_be_bytes(), &mut |key, value| {
                let row = read_key(key).and_then(|(partition, number, source)| {
                    Some((partition, source, Page::read(number, value)?))
                });
                let Some((partition, source, page)) = row else {
                    unreadable.get_or_insert_with(|| key.to_vec());
                    return;
                };
                // What the topology does not have any more gives nothing again.
                let Some(source) = indices.get(source) else { return };
                let partition = lineage.partition(*source, partition, |_, _| 0);
                let pages =
                    &mut lineage.partitions[partition].pages[usize::from(group - lineage.groups.start)];
                let known = page_of(pages, page.number);
                *known = page;
            })?;
        }
        match unreadable {
            None => Ok(lineage),
            Some(key) => {
                let reason =
                    format!("row {key:?} is none of the engine's; remove it, or begin with an empty store");
                Err(StateError::new(lineage.namespace, reason))
            }
        }
    }

    /// Where to write down that the tuple has had its effect; `None`: it has had it. `floor`: as for [`take_changes`](Self::take_changes).
    #[inline]
    pub(crate) fn slot(
        &mut self,
        group: u16,
        origin: &Origin,
        floor: impl FnOnce(usize, u32) -> u64,
    ) -> Option<Slot<'_>> {
        let Origin { source, position: Position { partition, offset }, path } = *origin;
        let at = self.partition(source, partition, floor);
        let Self { partitions, groups, changed, .. } = self;
        let known = &mut partitions[at];
        if offset < known.floor {
            return None;
        }
        let (number, place) = split(offset);
        let page = page_of(&mut known.pages[usize::from(group - groups.start)], number);
        let at = page.find(place, path).err()?;
        let id = PageId { source, partition, group, number };
        Some(Slot { page, at, place, path, changed, id })
    }

    /// The place of a partition, which is made if there is none.
    #[inline]
    fn partition(&mut self, source: usize, number: u32, floor: impl FnOnce(usize, u32) -> u64) -> usize {
        let is_asked = |partition: &Partition| (partition.source, partition.number) == (source, number);
        if !self.partitions.get(self.latest).is_some_and(is_asked) {
            let found = self.find(source, number);
            self.latest = found.unwrap_or_else(|at| {
                let pages = self.groups.clone().map(|_| Vec::new()).collect();
                let floor = floor(source, number);
                self.partitions.insert(at, Partition { source, number, floor, pages });
                at
            });
        }
        self.latest
    }

    fn find(&self, source: usize, number: u32) -> Result<usize, usize> {
        let key = |partition: &Partition| (partition.source, partition.number);
        self.partitions.binary_search_by_key(&(source, number), key)
    }

    /// What has changed since it was last asked. `floor` says of a source and partition from where it is read again at the earliest: what
    /// lies below is removed.
    pub(crate) fn take_changes(&mut self, floor: impl Fn(usize, u32) -> u64) -> Vec<StateChange> {
        let mut told = Vec::new();
        for partition in &mut self.partitions {
            let Partition { source, number, floor: known, pages } = partition;
            let (source, partition, before) = (*source, *number, split(*known).0);
            *known = floor(source, partition).max(*known);
            let kept = split(*known).0;
            if kept == before {
                continue;
            }
            let (floor, first) = (*known, self.groups.start);
            let mut is_any_gone = false;
            for (group, pages) in self.groups.clone().zip(pages) {
                let gone = pages.partition_point(|page| page.number < kept);
                is_any_gone |= gone > 0;
                let gone = pages.drain(..gone).filter(|page| !page.is_changed);
                self.changed.extend(gone.map(|Page { number, .. }| PageId {
                    source,
                    partition,
                    group,
                    number,
                }));
            }
            if is_any_gone {
                let key = write_floor_key(partition, first, &self.components[source]);
                let (namespace, value) = (self.floors_namespace.clone(), floor.to_be_bytes().to_vec());
                told.push(StateChange { namespace, key, value: Some(value), expires_ms: None });
            }
        }
        let changed = std::mem::take(&mut self.changed);
        told.extend(changed.into_iter().map(|id| self.change(id)));
        told
    }

    /// A page as it is to be in the store.
    fn change(&mut self, id: PageId) -> StateChange {
        let PageId { source, partition, group, number } = id;
        let place = usize::from(group - self.groups.start);
        let pages = self.find(source, partition).ok().map(|at| &mut self.partitions[at].pages[place]);
        let value = pages.and_then(|pages| {
            let at = pages.binary_search_by_key(&number, |page| page.number).ok()?;
            pages[at].is_changed = false;
            Some(pages[at].write())
        });
        let (namespace, key) = (self.namespace.clone(), write_key(id, &self.components[source]));
        StateChange { namespace, key, value, expires_ms: None }
    }
}

impl Slot<'_> {
    /// The tuple has had its effect.
    #[inline]
    pub(crate) fn fill(self) {
        let Self { page, at, place, path, changed, id } = self;
        page.insert(at, place, path);
        if !page.is_changed {
            page.is_changed = true;
            changed.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MemoryStore;
    use crate::flow::lineage::ROOT;

    const NO_FLOOR: fn(usize, u32) -> u64 = |_, _| 0;

    fn load(store: &MemoryStore, groups: Range<u16>) -> Lineage {
        let components = ["other", "words"].map(str::to_owned);
        Lineage::load(store, "t/count", components.to_vec(), groups).unwrap()
    }

    fn has(lineage: &mut Lineage, group: u16, origin: &Origin) -> bool {
        lineage.slot(group, origin, NO_FLOOR).is_none()
    }

    fn insert(lineage: &mut Lineage, group: u16, origin: &Origin) {
        if let Some(slot) = lineage.slot(group, origin, NO_FLOOR) {
            slot.fill();
        }
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
            insert(&mut all, *group, origin);
        }
        store.apply(&all.take_changes(NO_FLOOR)).unwrap();
        let (mut lower, mut upper) = (load(&store, 0..32), load(&store, 32..64));
        for (group, origin) in &tuples {
            let owner = if *group < 32 { &mut lower } else { &mut upper };
            assert!(has(owner, *group, origin), "{origin:?}");
        }
        assert!(!has(&mut lower, 0, &origin(0, 5, 77)), "the same root by another way");
        assert!(!has(&mut lower, 0, &Origin { source: 0, ..origin(0, 5, ROOT) }), "another source");
    }

    #[test]
    fn what_has_changed_is_written_once_and_what_is_below_the_floor_goes() {
        let store = MemoryStore::new();
        let mut lineage = load(&store, 0..64);
        for offset in [1, 4095, 4096, 9000] {
            insert(&mut lineage, 7, &origin(0, offset, ROOT));
        }
        assert_eq!(lineage.take_changes(NO_FLOOR).len(), 3);
        assert_eq!(lineage.take_changes(NO_FLOOR), []);
        insert(&mut lineage, 7, &origin(0, 9001, ROOT));
        insert(&mut lineage, 7, &origin(0, 9001, ROOT));
        let changes = lineage.take_changes(NO_FLOOR);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].value.as_deref(), Some([0, 0x28, 0x03, 0x29, 0x03].as_slice()));

        insert(&mut lineage, 7, &origin(0, 2, ROOT));
        let changes = lineage.take_changes(|_, _| 8192);
        let gone = changes.iter().filter(|change| change.value.is_none()).count();
        assert_eq!((gone, changes.len()), (2, 3), "each page goes once, whether or not it has just changed");
    }

    #[test]
    fn an_echo_from_below_the_floor_is_known_although_it_is_forgotten() {
        let store = MemoryStore::new();
        let mut lineage = load(&store, 0..64);
        insert(&mut lineage, 7, &origin(0, 5, ROOT));
        lineage.take_changes(|_, _| 8192);
        assert!(has(&mut lineage, 7, &origin(0, 5, ROOT)));
        assert!(!has(&mut lineage, 7, &origin(0, 8192, ROOT)));
        assert!(
            lineage.slot(7, &origin(1, 5, ROOT), |_, _| 6).is_none(),
            "of a partition that was not seen before"
        );
    }

    #[test]
    fn what_is_forgotten_is_not_new_to_a_later_process_whose_source_was_set_back() {
        let store = MemoryStore::new();
        let mut lineage = load(&store, 0..64);
        for offset in [5, 9000] {
            insert(&mut lineage, 40, &origin(0, offset, ROOT));
            store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
        }
        store.apply(&lineage.take_changes(|_, _| 8192)).unwrap();
        for groups in [0..64, 32..64, 40..41] {
            let mut later = load(&store, groups);
            assert!([5, 6, 8191, 9000].iter().all(|offset| has(&mut later, 40, &origin(0, *offset, ROOT))));
            assert!(![origin(0, 8192, ROOT), origin(1, 5, ROOT)].iter().any(|new| has(&mut later, 40, new)));
        }
    }

    #[test]
    fn a_row_of_something_else_is_an_error_that_says_what_to_do() {
        let page = |number| write_key(PageId { source: 0, partition: 0, group: 1, number }, "words");
        let value = |tuples: &[(u16, Path)]| {
            let mut page = Page::new(0);
            tuples.iter().enumerate().for_each(|(at, (place, path))| page.insert(at, *place, *path));
            page.write()
        };
        let good = value(&[(1, 5), (1, 6), (2, ROOT), (4095, ROOT)]);
        let rows = [
            ("no length of paths", page(0), Vec::new()),
            ("another length of paths", page(0), vec![1]),
            ("no tuple", page(0), vec![0]),
            ("no tuple with a path", page(0), vec![8]),
            ("half a place", page(0), vec![0, 1]),
            ("half a path", page(0), good[..good.len() - 1].to_vec()),
            ("a place of the next page", page(0), vec![0, 0, 0x10]),
            ("places out of order", page(0), vec![0, 2, 0, 1, 0]),
            ("a place twice", page(0), vec![0, 1, 0, 1, 0]),
            ("paths out of order", page(0), value(&[(1, 8), (1, 7)])),
            ("a path twice", page(0), value(&[(1, 7), (1, 7)])),
            ("a page above all offsets", page(1 << 52), good.clone()),
            ("half a key", page(0)[..13].to_vec(), good.clone()),
            ("a source that is no text", [&page(0)[..], &[0xff]].concat(), good.clone()),
        ];
        let load = |key, value| {
            let store = MemoryStore::new();
            let namespace = "t/count#lineage".to_owned();
            store.apply(&[StateChange { namespace, key, value: Some(value), expires_ms: None }]).unwrap();
            Lineage::load(&store, "t/count", Vec::new(), 0..64)
        };
        for (name, key, value) in rows {
            let error = load(key, value).expect_err(name).to_string();
            assert!(error.ends_with("remove it, or begin with an empty store"), "{name}: {error}");
        }
        load(page(0), good).unwrap();
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
                insert(&mut lineage, *group, &origin(*partition, *offset, *path));
                if nth % 50 == 0 {
                    store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
                }
            }
            store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
            let mut restarted = load(&store, 0..64);
            for tuple in inserted.iter().chain(&asked) {
                let (group, partition, offset, path) = *tuple;
                let origin = origin(partition, offset, path);
                prop_assert_eq!(has(&mut lineage, group, &origin), inserted.contains(tuple));
                prop_assert_eq!(has(&mut restarted, group, &origin), inserted.contains(tuple));
            }
        }
    }
}
