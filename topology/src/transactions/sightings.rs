//! All sightings of some key groups, in the store and partly in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use btc_records::Txid;
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;
use trombe::{StateChange, StateError, StateStore};

use super::bucket::{Bucket, Entry};
use super::{Partial, Sighting};
use crate::state::Retention;
use crate::time::Hour;

const NAMESPACE: &str = "transactions";

/// Which bucket: key group and hour.
type Place = (u16, Hour);

/// How much is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SightingLimits {
    /// Sightings in buckets that are in memory; unwritten ones count too but are never let go.
    pub(crate) loaded_count_max: usize,
    /// Transactions of which the hour is remembered. Beyond it the oldest hours are forgotten: one of their
    /// transactions that is seen again in another hour counts there too.
    pub(crate) known_count_max: usize,
}

/// That a transaction was seen in an hour, in 16 bytes: a fresh txid, which is nearly every one, is told from a
/// known one without a look at the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    fingerprint: u64,
    hour: Hour,
}

/// The sightings of the key groups of one task.
pub(crate) struct Sightings {
    store: Arc<dyn StateStore>,
    retention: Retention,
    limits: SightingLimits,
    hasher: DefaultHashBuilder,
    known: HashTable<Known>,
    /// Every bucket there is; `None`: only in the store.
    buckets: BTreeMap<Place, Option<Box<Bucket>>>,
    loaded_count: usize,
    touched: BTreeSet<Place>,
    flush_count: u64,
}

impl Sightings {
    /// Takes over what the store holds of the `groups`.
    pub(crate) fn open(
        store: &Arc<dyn StateStore>,
        retention: Retention,
        limits: SightingLimits,
        groups: Range<u16>,
    ) -> Result<Self, StateError> {
        let mut sightings = Self {
            store: Arc::clone(store),
            retention,
            limits,
            hasher: DefaultHashBuilder::default(),
            known: HashTable::new(),
            buckets: BTreeMap::new(),
            loaded_count: 0,
            touched: BTreeSet::new(),
            flush_count: 0,
        };
        for group in groups {
            store.scan(NAMESPACE, &group.to_be_bytes(), &mut |key, row| {
                if let Some((place, _)) = parse_key(key) {
                    sightings.buckets.entry(place).or_insert(None);
                    Entry::decode_row(row).for_each(|entry| sightings.know(&entry.txid, place.1));
                }
            })?;
            sightings.forget();
        }
        Ok(sightings)
    }

    /// Takes in one sighting. What it bears on is told by the next [`flush`](Self::flush), also if it is not new: after a
    /// crash the store may know it and the bolts downstream not.
    pub(crate) fn see(&mut self, group: u16, txid: Txid, sighting: Sighting) -> Result<(), StateError> {
        let place = (group, Hour::of(sighting.time_s));
        let hash = self.hasher.hash_one(txid);
        let elsewhere: SmallVec<[Hour; 2]> = self.hours_known(hash).filter(|&hour| hour != place.1).collect();
        self.load(place)?;
        let hasher = &self.hasher;
        let Some(Some(bucket)) = self.buckets.get_mut(&place) else {
            return Err(StateError::new(NAMESPACE, "a bucket vanished after it was loaded"));
        };
        let (mut is_known_here, mut is_new) = (false, true);
        for other in bucket.sightings(hash, &txid) {
            is_known_here = true;
            is_new &= *other != sighting;
        }
        bucket.last_used = self.flush_count;
        if is_new {
            bucket.push(Entry { txid, sighting }, hasher);
            self.loaded_count += 1;
            match &mut bucket.partial {
                Some(partial) if !is_known_here && elsewhere.is_empty() => {
                    partial.version += 1;
                    partial.add(&txid, &sighting);
                }
                partial => *partial = None,
            }
        }
        if !is_known_here {
            self.know(&txid, place.1);
        }
        self.touched.insert(place);
        for hour in elsewhere {
            if let (true, Some(bucket)) = (is_new, self.bucket_mut((group, hour))) {
                bucket.partial = None;
            }
            self.touched.insert((group, hour));
        }
        Ok(())
    }

    /// Makes everything seen durable, then states what the buckets add up to that anything seen since the last flush
    /// bears on. After an error nothing is forgotten; call it again.
    pub(crate) fn flush(&mut self) -> Result<Vec<Partial>, StateError> {
        let touched: Vec<_> = self.touched.iter().copied().collect();
        let partials = touched.iter().map(|&place| self.partial(place)).collect::<Result<_, _>>()?;
        let expires_ms = self.retention.expires_ms();
        let mut changes = Vec::new();
        for &place in &touched {
            let rows = self.bucket(place).into_iter().flat_map(Bucket::unwritten_rows);
            changes.extend(rows.map(|(number, row)| StateChange {
                namespace: NAMESPACE.to_owned(),
                key: key(place, number),
                value: Some(row),
                expires_ms,
            }));
        }
        if !changes.is_empty() {
            self.store.apply(&changes)?;
        }
        for &place in &touched {
            if let Some(bucket) = self.bucket_mut(place) {
                bucket.written();
            }
        }
        self.touched.clear();
        self.flush_count += 1;
        self.unload();
        self.forget();
        Ok(partials)
    }

    /// A bucket, if it is in memory.
    fn bucket(&self, place: Place) -> Option<&Bucket> {
        self.buckets.get(&place)?.as_deref()
    }

    fn bucket_mut(&mut self, place: Place) -> Option<&mut Bucket> {
        self.buckets.get_mut(&place)?.as_deref_mut()
    }

    /// What a bucket adds up to, counted again if need be.
    fn partial(&mut self, place: Place) -> Result<Partial, StateError> {
        self.load(place)?;
        if let Some(partial) = self.bucket(place).and_then(|bucket| bucket.partial.as_ref()) {
            return Ok(partial.clone());
        }
        let (group, hour) = place;
        let entries = self.bucket(place).map_or(&[][..], Bucket::entries).iter();
        let hours = entries.flat_map(|entry| self.hours_known(self.hasher.hash_one(entry.txid)));
        let earlier_hours: BTreeSet<Hour> = hours.filter(|&earlier| earlier < hour).collect();
        for earlier in earlier_hours {
            self.load((group, earlier))?;
        }
        let mut partial = Partial::empty(group, hour);
        if let Some(bucket) = self.bucket(place) {
            for entry in bucket.entries() {
                self.count(place, bucket, entry, &mut partial);
            }
        }
        if let Some(bucket) = self.bucket_mut(place) {
            bucket.partial = Some(partial.clone());
        }
        Ok(partial)
    }

    /// Adds an entry's transaction to `partial`, once for all its sightings: when `entry` is the smallest of its hour.
    fn count(&self, (group, hour): Place, bucket: &Bucket, entry: &Entry, partial: &mut Partial) {
        let hash = self.hasher.hash_one(entry.txid);
        if bucket.sightings(hash, &entry.txid).min() != Some(&entry.sighting) {
            return;
        }
        let earlier_buckets = self.hours_known(hash).filter(|&earlier| earlier < hour);
        let earlier: usize = earlier_buckets
            .filter_map(|earlier| self.bucket((group, earlier)))
            .map(|bucket| bucket.sightings(hash, &entry.txid).count())
            .sum();
        partial.version += (bucket.sightings(hash, &entry.txid).count() + earlier) as u64;
        if earlier == 0 {
            partial.add(&entry.txid, &entry.sighting);
        }
    }

    /// The hours in which a transaction of this hash was seen.
    fn hours_known(&self, hash: u64) -> impl Iterator<Item = Hour> + '_ {
        self.known.iter_hash(hash).filter(move |known| known.fingerprint == hash).map(|known| known.hour)
    }

    fn know(&mut self, txid: &Txid, hour: Hour) {
        let known = Known { fingerprint: self.hasher.hash_one(txid), hour };
        let hash_of = |known: &Known| known.fingerprint;
        self.known.entry(known.fingerprint, |other| *other == known, hash_of).or_insert(known);
    }

    /// Brings a bucket into memory.
    fn load(&mut self, place: Place) -> Result<(), StateError> {
        match self.buckets.get(&place) {
            Some(Some(_)) => {}
            Some(None) => {
                let mut bucket = Bucket::new(None, self.flush_count);
                self.store.scan(NAMESPACE, &prefix(place), &mut |key, row| {
                    if let Some((_, number)) = parse_key(key) {
                        bucket.load_row(number, row, &self.hasher);
                    }
                })?;
                self.loaded_count += bucket.entries().len();
                self.buckets.insert(place, Some(Box::new(bucket)));
            }
            None => {
                let partial = Some(Partial::empty(place.0, place.1));
                self.buckets.insert(place, Some(Box::new(Bucket::new(partial, self.flush_count))));
            }
        }
        Ok(())
    }

    /// Lets go of the buckets that were not used for the longest time when there is too much in memory, a quarter at once
    /// so that the search for them is rare.
    fn unload(&mut self) {
        if self.loaded_count <= self.limits.loaded_count_max {
            return;
        }
        let mut places: Vec<_> = self
            .buckets
            .iter()
            .filter_map(|(place, bucket)| {
                bucket.as_ref().filter(|b| b.is_durable()).map(|b| (b.last_used, *place))
            })
            .collect();
        places.sort_unstable();
        for (_, place) in places {
            if self.loaded_count <= self.limits.loaded_count_max / 4 * 3 {
                break;
            }
            if let Some(bucket) = self.buckets.insert(place, None).flatten() {
                self.loaded_count -= bucket.entries().len();
            }
        }
    }

    /// Forgets the oldest hours when too many transactions are known.
    fn forget(&mut self) {
        if self.known.len() <= self.limits.known_count_max {
            return;
        }
        let mut counts: BTreeMap<Hour, usize> = BTreeMap::new();
        self.known.iter().for_each(|known| *counts.entry(known.hour).or_default() += 1);
        let mut kept = self.known.len();
        let mut oldest_kept = None;
        for (hour, count) in counts {
            oldest_kept = Some(hour);
            if kept <= self.limits.known_count_max / 4 * 3 {
                break;
            }
            kept -= count;
        }
        self.known.retain(|known| oldest_kept.is_some_and(|oldest| known.hour >= oldest));
    }
}

fn prefix((group, hour): Place) -> Vec<u8> {
    [&group.to_be_bytes()[..], &hour.key()].concat()
}

fn key(place: Place, number: u32) -> Vec<u8> {
    [&prefix(place)[..], &number.to_be_bytes()].concat()
}

fn parse_key(key: &[u8]) -> Option<(Place, u32)> {
    let (group, rest) = key.split_first_chunk::<2>()?;
    let (hour, rest) = rest.split_first_chunk::<4>()?;
    let place = (u16::from_be_bytes(*group), Hour::from_key(*hour));
    Some((place, u32::from_be_bytes(rest.try_into().ok()?)))
}
