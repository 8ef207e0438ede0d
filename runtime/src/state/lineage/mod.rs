//! Which tuples have had their effect.

mod page;

use std::collections::HashMap;
use std::ops::Range;

use page::{Page, PageId, page_of, read_floor, read_key, read_row, split, write_floor_key, write_key};

pub(crate) use page::{rewritten, rewritten_floor};

use super::{StateChange, StateError, StateStore};
use crate::flow::lineage::{Path, Position};

/// The tuples whose effect is in the state of a task, by key group: what is known of them moves with the groups, as the effects do.
///
/// They lie in pages, one for each group, partition and run of 4096 offsets, and each page is a row in the store, or several if it is large. A
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
        let (pages, floors) = (lineage.namespace.clone(), lineage.floors_namespace.clone());
        let mut unreadable = None;
        // Those of all tasks: which groups a task has may have changed.
        store.scan(&floors, &[], &mut |key, value| {
            let Some((partition, floor, source)) = read_floor(key, value) else {
                unreadable.get_or_insert_with(|| (&floors, key.to_vec()));
                return;
            };
            let Some(source) = indices.get(source) else { return };
            let at = lineage.partition(*source, partition, |_, _| 0);
            let known = &mut lineage.partitions[at].floor;
            *known = floor.max(*known);
        })?;
        for group in lineage.groups.clone() {
            store.scan(&pages, &group.to_be_bytes(), &mut |key, value| {
                let (Some((partition, number, row, source)), Some(tuples)) = (read_key(key), read_row(value))
                else {
                    unreadable.get_or_insert_with(|| (&pages, key.to_vec()));
                    return;
                };
                // What the topology does not have any more gives nothing again.
                let Some(source) = indices.get(source) else { return };
                let partition = lineage.partition(*source, partition, |_, _| 0);
                let known =
                    &mut lineage.partitions[partition].pages[usize::from(group - lineage.groups.start)];
                if !page_of(known, number).add(row, tuples) {
                    unreadable.get_or_insert_with(|| (&pages, key.to_vec()));
                }
            })?;
        }
        match unreadable {
            None => Ok(lineage),
            Some((namespace, key)) => {
                let reason =
                    format!("row {key:?} is none of the engine's; remove it, or begin with an empty store");
                Err(StateError::new(namespace, reason))
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
            let (floor, first, count) = (*known, self.groups.start, told.len());
            for (group, pages) in self.groups.clone().zip(pages) {
                let gone = pages.partition_point(|page| page.number < kept);
                for page in pages.drain(..gone) {
                    let id = PageId { source, partition, group, number: page.number };
                    let keys = page.stored().map(|row| write_key(id, row, &self.components[source]));
                    told.extend(keys.map(|key| change(&self.namespace, key, None)));
                }
            }
            if told.len() > count {
                let key = write_floor_key(partition, first, &self.components[source]);
                told.push(change(&self.floors_namespace, key, Some(floor.to_be_bytes().to_vec())));
            }
        }
        for id in std::mem::take(&mut self.changed) {
            self.write(id, &mut told);
        }
        told
    }

    /// Adds what differs of a page, unless it is gone.
    fn write(&mut self, id: PageId, told: &mut Vec<StateChange>) {
        let PageId { source, partition, group, number } = id;
        let Ok(at) = self.find(source, partition) else { return };
        let pages = &mut self.partitions[at].pages[usize::from(group - self.groups.start)];
        let Ok(at) = pages.binary_search_by_key(&number, |page| page.number) else { return };
        let (namespace, source) = (&self.namespace, &self.components[source]);
        told.extend(
            pages[at].write().map(|(row, value)| change(namespace, write_key(id, row, source), Some(value))),
        );
    }
}

impl Slot<'_> {
    /// The tuple has had its effect.
    #[inline]
    pub(crate) fn fill(self) {
        let Self { page, at, place, path, changed, id } = self;
        if !page.is_changed() {
            changed.push(id);
        }
        page.insert(at, place, path);
    }
}

fn change(namespace: &str, key: Vec<u8>, value: Option<Vec<u8>>) -> StateChange {
    StateChange { namespace: namespace.to_owned(), key, value, expires_ms: None }
}

#[cfg(test)]
mod tests;
