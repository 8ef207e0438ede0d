//! A task's view of its keyed state: what it needs in memory, the rest in the store.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StateChange, StateError, StateStore};

/// A write-back cache of typed values over a [`StateStore`].
///
/// A miss reads the store; a change stays in memory until [`flush`](Self::flush) hands all of them to the store in one atomic
/// [`apply`](StateStore::apply). Unchanged values are let go once there are more than `entries_max`; changed ones never,
/// so memory is bounded by `entries_max` plus what changes between two flushes.
///
/// Values are stored as JSON: legible with the store's own tools, and a field added later reads as its default.
///
/// ```
/// use std::sync::Arc;
/// use trombe::{Keyed, MemoryStore};
///
/// let store = Arc::new(MemoryStore::new());
/// let mut earned: Keyed<u64> = Keyed::new(store.clone(), "earned", 10_000);
/// *earned.get_mut_or_default("foundry")? += 312_500_000;
/// earned.flush()?;
///
/// let mut restarted: Keyed<u64> = Keyed::new(store, "earned", 10_000);
/// assert_eq!(restarted.get("foundry")?, Some(&312_500_000));
/// # Ok::<(), trombe::StateError>(())
/// ```
pub struct Keyed<V> {
    store: Arc<dyn StateStore>,
    namespace: String,
    entries_max: usize,
    entries: HashMap<Vec<u8>, Entry<V>>,
    dirty_count: usize,
}

#[derive(Debug)]
struct Entry<V> {
    /// `None`: the store has no such key (or will not, once it is flushed).
    value: Option<V>,
    dirty: bool,
}

impl<V: Serialize + DeserializeOwned> Keyed<V> {
    /// A view of `namespace` that keeps at most `entries_max` unchanged values in memory.
    pub fn new(store: Arc<dyn StateStore>, namespace: impl Into<String>, entries_max: usize) -> Self {
        Self { store, namespace: namespace.into(), entries_max, entries: HashMap::new(), dirty_count: 0 }
    }

    /// The value of a key.
    pub fn get(&mut self, key: impl AsRef<[u8]>) -> Result<Option<&V>, StateError> {
        Ok(self.entry(key.as_ref())?.value.as_ref())
    }

    /// The value of a key, to be changed. It counts as changed whether or not it is.
    pub fn get_mut(&mut self, key: impl AsRef<[u8]>) -> Result<Option<&mut V>, StateError> {
        let key = key.as_ref();
        if self.entry(key)?.value.is_none() {
            return Ok(None);
        }
        self.mark(key);
        Ok(self.entry(key)?.value.as_mut())
    }

    /// The value of a key, to be changed; a key without a value gets the default first.
    pub fn get_mut_or_default(&mut self, key: impl AsRef<[u8]>) -> Result<&mut V, StateError>
    where
        V: Default,
    {
        let key = key.as_ref();
        self.entry(key)?;
        self.mark(key);
        Ok(self.entry(key)?.value.get_or_insert_default())
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: V) {
        self.set(key.into(), Some(value));
    }

    /// Removes a key.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.set(key.into(), None);
    }

    /// How many changes the next flush will write.
    pub fn dirty_count(&self) -> usize {
        self.dirty_count
    }

    /// The changes since the last flush as the store will be given them, in the order of their keys.
    ///
    /// For whoever has to write several views in one apply: write them, then call [`flushed`](Self::flushed) on each.
    pub fn changes(&self) -> Result<Vec<StateChange>, StateError> {
        let mut changes = Vec::with_capacity(self.dirty_count);
        for (key, entry) in self.entries.iter().filter(|(_, entry)| entry.dirty) {
            let value = entry.value.as_ref().map(serde_json::to_vec).transpose();
            let value = value.map_err(|error| StateError::new(&self.namespace, error))?;
            let (namespace, key) = (self.namespace.clone(), key.clone());
            changes.push(StateChange { namespace, key, value, expires_ms: None });
        }
        changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(changes)
    }

    /// Says that [`changes`](Self::changes) are in the store.
    pub fn flushed(&mut self) {
        self.dirty_count = 0;
        for entry in self.entries.values_mut() {
            entry.dirty = false;
        }
        self.evict();
    }

    /// Writes all changes at once; after an error they are all still there for the next flush.
    pub fn flush(&mut self) -> Result<(), StateError> {
        if self.dirty_count > 0 {
            self.store.apply(&self.changes()?)?;
            self.flushed();
        }
        Ok(())
    }

    fn entry(&mut self, key: &[u8]) -> Result<&mut Entry<V>, StateError> {
        if !self.entries.contains_key(key) {
            let value = match self.store.get(&self.namespace, key)? {
                Some(bytes) => Some(self.decode(key, &bytes)?),
                None => None,
            };
            self.evict();
            self.entries.insert(key.to_vec(), Entry { value, dirty: false });
        }
        self.entries.get_mut(key).ok_or_else(|| StateError::new(&self.namespace, "an entry vanished"))
    }

    fn decode(&self, key: &[u8], bytes: &[u8]) -> Result<V, StateError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let key = String::from_utf8_lossy(key);
            StateError::new(&self.namespace, format!("the value of `{key}` cannot be read: {error}"))
        })
    }

    fn mark(&mut self, key: &[u8]) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.dirty_count += usize::from(!entry.dirty);
            entry.dirty = true;
        }
    }

    fn set(&mut self, key: Vec<u8>, value: Option<V>) {
        let before = self.entries.insert(key, Entry { value, dirty: true });
        self.dirty_count += usize::from(before.is_none_or(|entry| !entry.dirty));
    }

    /// Lets half of the unchanged entries go when there are too many, so that the sweep is paid for by what it frees.
    fn evict(&mut self) {
        let clean = self.entries.len() - self.dirty_count;
        if clean < self.entries_max.max(1) {
            return;
        }
        let mut surplus = clean - self.entries_max / 2;
        self.entries.retain(|_, entry| {
            let goes = surplus > 0 && !entry.dirty;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

impl<V> fmt::Debug for Keyed<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("namespace", &self.namespace)
            .field("entries", &self.entries.len())
            .field("dirty_count", &self.dirty_count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn keyed(store: &Arc<MemoryStore>, entries_max: usize) -> Keyed<u32> {
        Keyed::new(Arc::clone(store) as Arc<dyn StateStore>, "n", entries_max)
    }

    #[test]
    fn nothing_is_stored_before_a_flush_and_everything_after_it() {
        let store = Arc::new(MemoryStore::new());
        let mut state = keyed(&store, 8);
        state.put("a", 1);
        state.put("a", 2);
        state.put("b", 3);
        state.remove("b");
        assert_eq!(state.dirty_count(), 2);
        assert_eq!(keyed(&store, 8).get("a"), Ok(None));
        state.flush().unwrap();
        assert_eq!(state.dirty_count(), 0);
        assert_eq!(keyed(&store, 8).get("a"), Ok(Some(&2)));
        assert_eq!(keyed(&store, 8).get("b"), Ok(None));
    }

    #[test]
    fn memory_is_bounded_but_no_change_is_evicted() {
        let store = Arc::new(MemoryStore::new());
        let mut state = keyed(&store, 10);
        for key in 0..100_u8 {
            state.put(vec![key], u32::from(key));
        }
        assert_eq!(state.entries.len(), 100);
        state.flush().unwrap();
        assert!(state.entries.len() <= 10);
        for key in 0..100_u8 {
            assert_eq!(state.get([key]), Ok(Some(&u32::from(key))));
            assert!(state.entries.len() <= 10);
        }
    }

    #[test]
    fn a_value_of_another_type_is_an_error_that_names_the_key() {
        let store = Arc::new(MemoryStore::new());
        let change = StateChange {
            namespace: "n".into(),
            key: b"k".to_vec(),
            value: Some(b"true".to_vec()),
            expires_ms: None,
        };
        store.apply(&[change]).unwrap();
        let error = keyed(&store, 1).get("k").unwrap_err();
        assert!(error.to_string().starts_with("state of `n`: the value of `k` cannot be read"), "{error}");
    }
}
