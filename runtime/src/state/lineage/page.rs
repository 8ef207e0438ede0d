//! The tuples of one key group in a run of a partition's offsets, and how they lie in the store.

use std::ops::Range;

use crate::flow::lineage::{Path, ROOT};

/// Offsets in a page, as a power of two.
const PAGE_BITS: u32 = 12;
/// Tuples in a row: 40 KiB at most, which every store takes. A tuple may have any number of descendants, so a page may have any number of rows.
const ROW_COUNT_MAX: usize = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageId {
    pub(super) source: usize,
    pub(super) partition: u32,
    pub(super) group: u16,
    pub(super) number: u64,
}

/// Places and paths of tuples, in their order. It lies in rows of the store, of which all but the last are full.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) number: u64,
    places: Vec<u16>,
    /// As long as `places`, or empty as long as all are [`ROOT`].
    paths: Vec<Path>,
    /// The rows in the store agree with the tuples before this one; `None`: with all.
    changed_from: Option<usize>,
    /// In the store, from zero on.
    rows: u32,
}

impl Page {
    pub(super) fn new(number: u64) -> Self {
        Self { number, places: Vec::new(), paths: Vec::new(), changed_from: None, rows: 0 }
    }

    /// Differs from the store's.
    #[inline]
    pub(super) fn is_changed(&self) -> bool {
        self.changed_from.is_some()
    }

    /// The rows in the store.
    pub(super) fn stored(&self) -> Range<u32> {
        0..self.rows
    }

    /// Where the tuple is, or is to be. It mostly comes after all the others.
    #[inline]
    pub(super) fn find(&self, place: u16, path: Path) -> Result<usize, usize> {
        if self.last() < Some((place, path)) { Err(self.places.len()) } else { self.search(place, path) }
    }

    fn search(&self, place: u16, path: Path) -> Result<usize, usize> {
        let first = self.places.partition_point(|other| *other < place);
        let count = self.places[first..].partition_point(|other| *other == place);
        if count == 0 {
            return Err(first);
        }
        let paths = self.paths.get(first..first + count).unwrap_or(&[ROOT]);
        paths.binary_search(&path).map(|at| first + at).map_err(|at| first + at)
    }

    #[inline]
    pub(super) fn insert(&mut self, at: usize, place: u16, path: Path) {
        if path != ROOT || !self.paths.is_empty() {
            if self.paths.is_empty() {
                self.paths.resize(self.places.len(), ROOT);
            }
            put(&mut self.paths, at, path);
        }
        put(&mut self.places, at, place);
        if self.changed_from.is_none_or(|from| at < from) {
            self.changed_from = Some(at);
        }
    }

    /// The rows that differ from the store's, which are believed to be written from now on.
    pub(super) fn write(&mut self) -> impl Iterator<Item = (u32, Vec<u8>)> {
        let from = self.changed_from.take().unwrap_or(self.places.len()) / ROW_COUNT_MAX;
        // Far fewer than 2^32 of them are in memory.
        let numbers = u32::try_from(from).unwrap_or(u32::MAX)..;
        self.rows = u32::try_from(self.places.len().div_ceil(ROW_COUNT_MAX)).unwrap_or(u32::MAX);
        let places = self.places.chunks(ROW_COUNT_MAX).skip(from);
        let paths = self.paths.chunks(ROW_COUNT_MAX).skip(from).chain(std::iter::repeat(&[][..]));
        numbers.zip(places.zip(paths).map(|(places, paths)| write_row(places, paths)))
    }

    /// Adds a row of the store; false: it does not follow those before it.
    pub(super) fn add(&mut self, row: u32, (places, paths): (Vec<u16>, Vec<Path>)) -> bool {
        let count = self.places.len();
        let first = places.first().map(|place| (*place, paths.first().copied().unwrap_or(ROOT)));
        if row != self.rows || count != row as usize * ROW_COUNT_MAX || self.last() >= first {
            return false;
        }
        if !paths.is_empty() || !self.paths.is_empty() {
            self.paths.resize(count, ROOT);
            self.paths.extend(paths);
            self.paths.resize(count + places.len(), ROOT);
        }
        self.places.extend(places);
        self.rows = row + 1;
        true
    }

    #[inline]
    fn last(&self) -> Option<(u16, Path)> {
        self.places.last().map(|last| (*last, self.paths.last().copied().unwrap_or(ROOT)))
    }
}

/// Mostly at the end, where nothing has to move.
#[inline]
fn put<T>(list: &mut Vec<T>, at: usize, item: T) {
    if at == list.len() { list.push(item) } else { list.insert(at, item) }
}

/// The length of a path in bytes, the places, the paths.
pub(super) fn write_row(places: &[u16], paths: &[Path]) -> Vec<u8> {
    let width = if paths.is_empty() { 0 } else { size_of::<Path>() };
    let mut bytes = Vec::with_capacity(1 + places.len() * (2 + width));
    bytes.push(if paths.is_empty() { 0 } else { 8 });
    bytes.extend(places.iter().flat_map(|place| place.to_le_bytes()));
    bytes.extend(paths.iter().flat_map(|path| path.to_le_bytes()));
    bytes
}

/// The inverse of [`write_row`]. Lists that are out of order are refused: what is searched for in them would not be found.
pub(super) fn read_row(bytes: &[u8]) -> Option<(Vec<u16>, Vec<Path>)> {
    let (width, bytes) = bytes.split_first()?;
    let count = match width {
        0 | 8 => bytes.len() / (2 + usize::from(*width)),
        _ => return None,
    };
    let (places, paths) = bytes.split_at_checked(count * 2)?;
    let (places, []) = places.as_chunks() else { return None };
    let (paths, []) = paths.as_chunks() else { return None };
    if count == 0 || count > ROW_COUNT_MAX || paths.len() != count * usize::from(*width == 8) {
        return None;
    }
    let places: Vec<u16> = places.iter().map(|place| u16::from_le_bytes(*place)).collect();
    let paths: Vec<Path> = paths.iter().map(|path| Path::from_le_bytes(*path)).collect();
    let tuple = |at: usize| (places[at], paths.get(at).copied().unwrap_or(ROOT));
    let is_ordered = (1..count).all(|at| tuple(at - 1) < tuple(at));
    let is_within = places.last().is_none_or(|last| u32::from(*last) < 1 << PAGE_BITS);
    (is_ordered && is_within).then_some((places, paths))
}

/// The page of an offset, and its place there.
#[inline]
pub(super) fn split(offset: u64) -> (u64, u16) {
    let place = u16::try_from(offset & ((1 << PAGE_BITS) - 1)).unwrap_or_default();
    (offset >> PAGE_BITS, place)
}

/// The page of that number, which is made if there is none.
#[inline]
pub(super) fn page_of(pages: &mut Vec<Page>, number: u64) -> &mut Page {
    let at = match pages.last() {
        Some(last) if last.number == number => pages.len() - 1,
        _ => pages.binary_search_by_key(&number, |page| page.number).unwrap_or_else(|at| {
            pages.insert(at, Page::new(number));
            at
        }),
    };
    &mut pages[at]
}

/// A row as it would be written; `None`: it is none.
pub(crate) fn rewritten(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (partition, number, row, source) = read_key(key)?;
    let id = PageId { source: 0, partition, group: u16::from_be_bytes(*key.first_chunk()?), number };
    let (places, paths) = read_row(value)?;
    Some((write_key(id, row, source), write_row(&places, &paths)))
}

/// The same of a row of floors.
pub(crate) fn rewritten_floor(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (partition, floor, source) = read_floor(key, value)?;
    let first_group = u16::from_be_bytes(*key.get(4..)?.first_chunk()?);
    Some((write_floor_key(partition, first_group, source), floor.to_be_bytes().to_vec()))
}

/// Group, partition, page, row, and the source's name.
pub(super) fn write_key(PageId { partition, group, number, .. }: PageId, row: u32, source: &str) -> Vec<u8> {
    let (group, partition) = (group.to_be_bytes(), partition.to_be_bytes());
    [&group[..], &partition, &number.to_be_bytes(), &row.to_be_bytes(), source.as_bytes()].concat()
}

/// Partition, page, row and source. `None`: no offset is in such a page.
pub(super) fn read_key(key: &[u8]) -> Option<(u32, u64, u32, &str)> {
    let (partition, rest) = key.get(2..)?.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (row, source) = rest.split_first_chunk()?;
    let number = Some(u64::from_be_bytes(*number)).filter(|number| *number <= split(u64::MAX).0)?;
    let source = std::str::from_utf8(source).ok()?;
    Some((u32::from_be_bytes(*partition), number, u32::from_be_bytes(*row), source))
}

/// Partition, the first group of the task, and the source's name.
pub(super) fn write_floor_key(partition: u32, first_group: u16, source: &str) -> Vec<u8> {
    [&partition.to_be_bytes()[..], &first_group.to_be_bytes(), source.as_bytes()].concat()
}

/// Partition, floor and source.
pub(super) fn read_floor<'a>(key: &'a [u8], value: &[u8]) -> Option<(u32, u64, &'a str)> {
    let (partition, rest) = key.split_first_chunk()?;
    let source = std::str::from_utf8(rest.get(2..)?).ok()?;
    Some((u32::from_be_bytes(*partition), u64::from_be_bytes(value.try_into().ok()?), source))
}
