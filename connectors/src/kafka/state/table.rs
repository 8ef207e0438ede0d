//! The state in memory: what the topic's committed records add up to, in the order of the keys.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::record::Said;
use crate::StateChange;

/// What an entry costs beside key and value: its share of two trees, and its counters.
const ENTRY_OVERHEAD_BYTES: usize = 160;

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    expires_ms: Option<i64>,
}

type Key = Arc<[u8]>;

#[derive(Debug, Default)]
pub(super) struct Table {
    namespaces: BTreeMap<Arc<str>, BTreeMap<Key, Entry>>,
    /// The entries that expire, the first to go first.
    expiries: BTreeSet<(i64, Arc<str>, Key)>,
    facts: BTreeMap<String, String>,
    bytes: usize,
}

impl Table {
    pub(super) fn get(&self, namespace: &str, key: &[u8], now_ms: i64) -> Option<Vec<u8>> {
        let entry = self.namespaces.get(namespace)?.get(key)?;
        entry.is_alive(now_ms).then(|| entry.value.clone())
    }

    pub(super) fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        now_ms: i64,
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) {
        let Some(entries) = self.namespaces.get(namespace) else { return };
        entries
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, entry)| entry.is_alive(now_ms))
            .for_each(|(key, entry)| each(key, &entry.value));
    }

    pub(super) fn fact(&self, name: &str) -> Option<String> {
        self.facts.get(name).cloned()
    }

    /// Keys, values and overhead of all entries.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What [`Self::bytes`] is at most once these changes are made.
    pub(super) fn bytes_with(&self, changes: &[StateChange]) -> usize {
        let added = |change: &StateChange| change.value.as_ref().map_or(0, |value| size(&change.key, value));
        let replaced: BTreeSet<_> = changes.iter().map(|change| (&change.namespace, &change.key)).collect();
        let freed = |(namespace, key): (&String, &Vec<u8>)| {
            let entry =
                self.namespaces.get(namespace.as_str()).and_then(|entries| entries.get(key.as_slice()));
            entry.map_or(0, |entry| size(key, &entry.value))
        };
        let freed: usize = replaced.into_iter().map(freed).sum();
        self.bytes - freed + changes.iter().map(added).sum::<usize>()
    }

    /// The removal of the entries that expired first, but for those that `changes` write anew.
    pub(super) fn expired(&self, now_ms: i64, count_max: usize, changes: &[StateChange]) -> Vec<StateChange> {
        let is_expired = |(at, ..): &&(i64, Arc<str>, Key)| *at <= now_ms;
        let mut expired = self.expiries.iter().take_while(is_expired).take(count_max).peekable();
        if expired.peek().is_none() {
            return Vec::new();
        }
        let written: BTreeSet<(&str, &[u8])> =
            changes.iter().map(|change| (change.namespace.as_str(), change.key.as_slice())).collect();
        expired
            .filter(|(_, namespace, key)| !written.contains(&(&**namespace, &**key)))
            .map(|(_, namespace, key)| StateChange {
                namespace: namespace.to_string(),
                key: key.to_vec(),
                value: None,
                expires_ms: None,
            })
            .collect()
    }

    pub(super) fn take(&mut self, said: Said) {
        match said {
            Said::Entry(change) => self.apply(change),
            Said::Fact { name, value } => _ = self.facts.insert(name, value),
            Said::Owner(_) => {}
        }
    }

    pub(super) fn apply(&mut self, change: StateChange) {
        let StateChange { namespace, key, value, expires_ms } = change;
        let (namespace, key): (Arc<str>, Key) = (namespace.into(), key.into());
        let entries = self.namespaces.entry(Arc::clone(&namespace)).or_default();
        let former = match value {
            Some(value) => {
                self.bytes += size(&key, &value);
                if let Some(at) = expires_ms {
                    self.expiries.insert((at, Arc::clone(&namespace), Arc::clone(&key)));
                }
                entries.insert(Arc::clone(&key), Entry { value, expires_ms })
            }
            None => entries.remove(&key),
        };
        if let Some(former) = former {
            self.bytes -= size(&key, &former.value);
            if let Some(at) = former.expires_ms
                && self.namespaces[&namespace].get(&key).and_then(|entry| entry.expires_ms) != Some(at)
            {
                self.expiries.remove(&(at, namespace, key));
            }
        }
    }
}

impl Entry {
    fn is_alive(&self, now_ms: i64) -> bool {
        self.expires_ms.is_none_or(|at| at > now_ms)
    }
}

fn size(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change() -> impl Strategy<Value = StateChange> {
        let bytes = || prop::collection::vec(prop::sample::select(vec![0u8, 1, 255]), 0..3);
        (
            prop::sample::select(vec!["one", "two"]),
            bytes(),
            prop::option::of(bytes()),
            prop::option::of(1i64..20),
        )
            .prop_map(|(namespace, key, value, expires_ms)| StateChange {
                namespace: namespace.into(),
                key,
                value,
                expires_ms,
            })
    }

    fn recounted(table: &Table) -> (usize, BTreeSet<(i64, Arc<str>, Key)>) {
        let entries = || {
            let of = |(namespace, entries): (_, &'_ BTreeMap<Key, Entry>)| -> Vec<(Arc<str>, Key, usize, Option<i64>)> {
                let entry = |(key, entry): (&Key, &Entry)| {
                    (Arc::clone(namespace), Arc::clone(key), size(key, &entry.value), entry.expires_ms)
                };
                entries.iter().map(entry).collect()
            };
            table.namespaces.iter().flat_map(of).collect::<Vec<_>>()
        };
        let bytes = entries().iter().map(|(_, _, bytes, _)| bytes).sum();
        let expiring =
            entries().into_iter().filter_map(|(namespace, key, _, at)| Some((at?, namespace, key)));
        (bytes, expiring.collect())
    }

    proptest! {
        /// The counters are what counting anew gives, and forgetting what is expired changes no answer.
        #[test]
        fn the_books_of_bytes_and_expiries_are_exact(
            applies in prop::collection::vec(prop::collection::vec(change(), 0..6), 0..12),
            now_ms in 0i64..22,
        ) {
            let mut table = Table::default();
            for changes in applies {
                let bytes_max = table.bytes_with(&changes);
                for change in changes {
                    table.apply(change);
                }
                prop_assert!(table.bytes() <= bytes_max);
                prop_assert_eq!((table.bytes, table.expiries.clone()), recounted(&table));
            }
            let seen = |table: &Table| {
                let mut seen = Vec::new();
                for namespace in ["one", "two"] {
                    table.scan(namespace, b"", now_ms, &mut |key, value| seen.push((key.to_vec(), value.to_vec())));
                }
                seen
            };
            let before = seen(&table);
            for change in table.expired(now_ms, usize::MAX, &[]) {
                prop_assert_eq!(table.get(&change.namespace, &change.key, now_ms), None);
                table.apply(change);
            }
            prop_assert_eq!(seen(&table), before);
            prop_assert!(table.expiries.iter().all(|(at, ..)| *at > now_ms));
        }
    }

    #[test]
    fn what_is_written_anew_is_not_forgotten() {
        let put = |key: &str, expires_ms| StateChange {
            namespace: "n".into(),
            key: key.into(),
            value: Some(b"v".to_vec()),
            expires_ms,
        };
        let mut table = Table::default();
        table.apply(put("a", Some(5)));
        table.apply(put("b", Some(6)));
        table.apply(put("c", Some(7)));
        let keys =
            |expired: Vec<StateChange>| expired.into_iter().map(|change| change.key).collect::<Vec<_>>();
        assert_eq!(keys(table.expired(6, 9, &[put("a", None)])), [b"b"]);
        assert_eq!(keys(table.expired(9, 1, &[])), [b"a"]);
    }
}
