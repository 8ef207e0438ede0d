//! The hours of one task, in the store and partly in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trombe::{StateChange, StateError, StateStore};

use super::total::HourTotal;
use crate::documents::VolumeDocument;
use crate::prices::PriceObservation;
use crate::state::{Retention, decode, encode};
use crate::time::Hour;
use crate::transactions::Partial;

const NAMESPACE: &str = "volume";
/// What a row is, after the hour in its key.
const PARTIAL: u8 = b'g';
const PRICE: u8 = b'p';

/// Hours are independent of each other: each is loaded when something bears on it.
pub(super) struct Hours {
    store: Arc<dyn StateStore>,
    retention: Retention,
    /// Rows of the hours in memory, beyond which hours are let go after a flush.
    rows_count_max: usize,
    loaded: BTreeMap<Hour, HourTotal>,
    touched: BTreeSet<Hour>,
    /// By key, so that of several statements between two flushes only the last is written.
    unwritten: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Hours {
    pub(super) fn new(store: Arc<dyn StateStore>, retention: Retention, rows_count_max: usize) -> Self {
        Self {
            store,
            retention,
            rows_count_max,
            loaded: BTreeMap::new(),
            touched: BTreeSet::new(),
            unwritten: BTreeMap::new(),
        }
    }

    /// Takes in a key group's statement about an hour.
    pub(super) fn put_partial(&mut self, partial: &Partial) -> Result<(), StateError> {
        if self.hour(partial.hour)?.put_partial(partial) {
            self.unwritten.insert(
                key(partial.hour, PARTIAL, &partial.group.to_be_bytes()),
                encode(NAMESPACE, partial)?,
            );
        }
        self.touched.insert(partial.hour);
        Ok(())
    }

    /// Takes in an observation of the price that bears on `hour`.
    pub(super) fn put_price(&mut self, hour: Hour, price: &PriceObservation) -> Result<(), StateError> {
        if self.hour(hour)?.put_price(price) {
            self.unwritten.insert(key(hour, PRICE, &price.key()), encode(NAMESPACE, price)?);
        }
        self.touched.insert(hour);
        Ok(())
    }

    /// Makes everything durable, then gives the documents of the hours on which something was taken in since the last flush,
    /// new or not. After an error nothing is forgotten; call it again.
    pub(super) fn flush(&mut self) -> Result<Vec<(Hour, u64, VolumeDocument)>, StateError> {
        if !self.unwritten.is_empty() {
            let expires_ms = self.retention.expires_ms();
            let changes: Vec<_> = std::mem::take(&mut self.unwritten)
                .into_iter()
                .map(|(key, row)| StateChange {
                    namespace: NAMESPACE.into(),
                    key,
                    value: Some(row),
                    expires_ms,
                })
                .collect();
            if let Err(error) = self.store.apply(&changes) {
                self.unwritten =
                    changes.into_iter().filter_map(|change| Some((change.key, change.value?))).collect();
                return Err(error);
            }
        }
        let touched = std::mem::take(&mut self.touched);
        let document = |hour: Hour| {
            let (version, document) = self.loaded.get(&hour)?.document()?;
            Some((hour, version, document))
        };
        let documents = touched.into_iter().filter_map(document).collect();
        self.unload();
        Ok(documents)
    }

    fn hour(&mut self, hour: Hour) -> Result<&mut HourTotal, StateError> {
        if !self.loaded.contains_key(&hour) {
            let total = self.load(hour)?;
            self.loaded.insert(hour, total);
        }
        Ok(self.loaded.entry(hour).or_insert_with(|| HourTotal::new(hour)))
    }

    fn load(&self, hour: Hour) -> Result<HourTotal, StateError> {
        let mut total = HourTotal::new(hour);
        let mut damage = None;
        self.store.scan(NAMESPACE, &hour.key(), &mut |key, row| {
            let taken = match key.get(hour.key().len()) {
                Some(&PARTIAL) => decode(NAMESPACE, row).map(|partial| total.put_partial(&partial)),
                _ => decode(NAMESPACE, row).map(|price| total.put_price(&price)),
            };
            damage = damage.take().or(taken.err());
        })?;
        damage.map_or(Ok(total), Err)
    }

    /// Lets go of the oldest hours when there is too much in memory: late messages are the rare case.
    fn unload(&mut self) {
        let mut rows: usize = self.loaded.values().map(HourTotal::rows_count).sum();
        while rows > self.rows_count_max && self.loaded.len() > 1 {
            rows -= self.loaded.pop_first().map_or(0, |(_, total)| total.rows_count());
        }
    }
}

fn key(hour: Hour, kind: u8, rest: &[u8]) -> Vec<u8> {
    [&hour.key()[..], &[kind], rest].concat()
}
