//! State that lasts as long as the process: for tests and for topologies that can be replayed from their source.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{StateChange, StateError, StateStore};

type Namespace = BTreeMap<Vec<u8>, Vec<u8>>;

/// A [`StateStore`] in memory. It never forgets a key before it is removed, expired or not.
#[derive(Debug, Default)]
pub struct MemoryStore {
    namespaces: Mutex<BTreeMap<String, Namespace>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Namespace>> {
        // Every change is made by whole map operations, so a panic elsewhere leaves nothing half done.
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for MemoryStore {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.lock().get(namespace).and_then(|keys| keys.get(key)).cloned())
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        if let Some(keys) = self.lock().get(namespace) {
            let from = (Bound::Included(prefix), Bound::Unbounded);
            keys.range::<[u8], _>(from)
                .take_while(|(key, _)| key.starts_with(prefix))
                .for_each(|(key, value)| each(key, value));
        }
        Ok(())
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        let mut namespaces = self.lock();
        for change in changes {
            if !namespaces.contains_key(&change.namespace) {
                namespaces.insert(change.namespace.clone(), Namespace::new());
            }
            let Some(keys) = namespaces.get_mut(&change.namespace) else { continue };
            match &change.value {
                Some(value) => keys.insert(change.key.clone(), value.clone()),
                None => keys.remove(&change.key),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> StateChange {
        let (key, value) = (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        StateChange { namespace: "n".into(), key, value, expires_ms: None }
    }

    #[test]
    fn a_scan_shows_the_prefix_in_order() {
        let store = MemoryStore::new();
        store.apply(&[put("b", "1"), put("ab", "2"), put("aa", "3"), put("a", "4")]).unwrap();
        store.apply(&[StateChange { value: None, ..put("ab", "") }]).unwrap();
        let mut seen = Vec::new();
        store
            .scan("n", b"a", &mut |key, value| {
                seen.push((key.to_vec(), value.to_vec()));
            })
            .unwrap();
        assert_eq!(seen, [(b"a".to_vec(), b"4".to_vec()), (b"aa".to_vec(), b"3".to_vec())]);
        assert_eq!(store.get("other", b"a"), Ok(None));
    }
}
