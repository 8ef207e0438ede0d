//! A task's view of its keyed state: what it needs in memory, the rest in the store.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StateChange, StateError, StateErrorKind, StateStore};
use crate::failure::Failure;

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
    /// The keys of the entries that are marked so.
    dirty: Vec<Vec<u8>>,
    /// The keys in the write under way, those included that have changed again since.
    writing: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Entry<V> {
    /// `None`: the store has no such key (or will not, once it is flushed).
    value: Option<V>,
    mark: Mark,
}

/// How an entry stands to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// The store has it.
    Clean,
    /// It is part of the write under way, and has not changed since that began.
    Writing,
    /// It has changed, and no write has begun since.
    Dirty,
}

impl<V: Serialize + DeserializeOwned> Keyed<V> {
    /// A view of `namespace` that keeps at most `entries_max` unchanged values in memory.
    pub fn new(store: Arc<dyn StateStore>, namespace: impl Into<String>, entries_max: usize) -> Self {
        Self {
            store,
            namespace: namespace.into(),
            entries_max,
            entries: HashMap::new(),
            dirty: Vec::new(),
            writing: Vec::new(),
        }
    }

    /// The value of a key.
    pub fn get(&mut self, key: impl AsRef<[u8]>) -> Result<Option<&V>, StateError> {
        Ok(self.entry(key.as_ref())?.0.value.as_ref())
    }

    /// The value of a key, to be changed. It counts as changed whether or not it is.
    pub fn get_mut(&mut self, key: impl AsRef<[u8]>) -> Result<Option<&mut V>, StateError> {
        let (entry, dirty) = self.entry(key.as_ref())?;
        if entry.value.is_some() {
            entry.change(key.as_ref(), dirty);
        }
        Ok(entry.value.as_mut())
    }

    /// The value of a key, to be changed; a key without a value gets the default first.
    pub fn get_mut_or_default(&mut self, key: impl AsRef<[u8]>) -> Result<&mut V, StateError>
    where
        V: Default,
    {
        let (entry, dirty) = self.entry(key.as_ref())?;
        entry.change(key.as_ref(), dirty);
        Ok(entry.value.get_or_insert_default())
    }

    /// Changes a value, the default for a key without one, by a copy: after an error or a panic nothing is changed. With the value that was
    /// there: to let go of it is up to the caller, as its `Drop` may panic when everything is changed.
    pub(crate) fn change(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut V) -> Result<(), Failure>,
    ) -> Result<(&V, Option<V>), Failure>
    where
        V: Clone + Default,
    {
        let (entry, dirty) = self.entry(key)?;
        let mut value = entry.value.clone().unwrap_or_default();
        change(&mut value)?;
        entry.change(key, dirty);
        let before = entry.value.take();
        Ok((entry.value.insert(value), before))
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
        self.dirty.len()
    }

    /// The changes since the last flush as the store will be given them, in the order of their keys.
    ///
    /// For whoever has to write several views in one apply: write them, then call [`flushed`](Self::flushed) on each.
    pub fn changes(&self) -> Result<Vec<StateChange>, StateError> {
        let mut changes = Vec::with_capacity(self.dirty.len());
        // Values are small, and what is reserved for a text of unknown length is not.
        let mut json = Vec::new();
        for key in &self.dirty {
            json.clear();
            let value = self.entries.get(key).and_then(|entry| entry.value.as_ref());
            let value = value.map(|value| serde_json::to_writer(&mut json, value).map(|()| json.clone()));
            let value = value.transpose().map_err(|error| self.unwritable(key, &error))?;
            let (namespace, key) = (self.namespace.clone(), key.clone());
            changes.push(StateChange { namespace, key, value, expires_ms: None });
        }
        changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(changes)
    }

    /// Says that [`changes`](Self::changes) are in the store.
    pub fn flushed(&mut self) {
        self.write_began();
        self.written();
    }

    /// Says that [`changes`](Self::changes) are being written: until [`written`](Self::written) says that they are, they
    /// are kept in memory, and those who change meanwhile are changes again.
    pub(crate) fn write_began(&mut self) {
        debug_assert!(self.writing.is_empty(), "one write at a time");
        self.writing = std::mem::take(&mut self.dirty);
        self.remark(Mark::Dirty, Mark::Writing);
    }

    /// Says that what was being written is in the store.
    pub(crate) fn written(&mut self) {
        self.remark(Mark::Writing, Mark::Clean);
        self.writing.clear();
        self.evict();
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Lets everything go that is in memory.
    pub(crate) fn clear(&mut self) {
        self.dirty.clear();
        self.writing.clear();
        self.entries.clear();
    }

    /// How many values are in memory.
    pub(crate) fn entries_count(&self) -> usize {
        self.entries.len()
    }

    fn remark(&mut self, from: Mark, to: Mark) {
        for key in &self.writing {
            if let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.mark == from) {
                entry.mark = to;
            }
        }
    }

    /// Writes all changes at once; after an error they are all still there for the next flush.
    pub fn flush(&mut self) -> Result<(), StateError> {
        if !self.dirty.is_empty() {
            self.store.apply(&self.changes()?)?;
            self.flushed();
        }
        Ok(())
    }

    /// The entry of a key, and the keys of those to be written.
    #[inline]
    fn entry(&mut self, key: &[u8]) -> Result<(&mut Entry<V>, &mut Vec<Vec<u8>>), StateError> {
        if self.entries.len() >= self.entries_max {
            self.evict();
        }
        let entry = match self.entries.entry_ref(key) {
            EntryRef::Occupied(entry) => entry.into_mut(),
            EntryRef::Vacant(vacant) => {
                let bytes = self.store.get(&self.namespace, key)?;
                let value = bytes.map(|bytes| decode(&self.namespace, key, &bytes)).transpose()?;
                vacant.insert(Entry { value, mark: Mark::Clean })
            }
        };
        Ok((entry, &mut self.dirty))
    }

    fn unwritable(&self, key: &[u8], error: &serde_json::Error) -> StateError {
        let why = format!("the value of `{}` has no JSON ({error}); change its type", key.escape_ascii());
        StateError::of(StateErrorKind::Permanent, &self.namespace, why)
    }

    fn set(&mut self, key: Vec<u8>, value: Option<V>) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = value;
            entry.change(&key, &mut self.dirty);
        } else {
            self.dirty.push(key.clone());
            self.entries.insert(key, Entry { value, mark: Mark::Dirty });
        }
    }

    /// Lets half of the unchanged entries go when there are too many, so that the sweep is paid for by what it frees.
    fn evict(&mut self) {
        // An entry that has changed while it was being written is counted twice.
        let clean = self.entries.len().saturating_sub(self.dirty.len() + self.writing.len());
        if clean < self.entries_max.max(1) {
            return;
        }
        let mut surplus = clean - self.entries_max / 2;
        self.entries.retain(|_, entry| {
            let goes = surplus > 0 && entry.mark == Mark::Clean;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

fn decode<V: DeserializeOwned>(namespace: &str, key: &[u8], bytes: &[u8]) -> Result<V, StateError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let key = key.escape_ascii();
        let why = format!(
            "the value of `{key}` cannot be read ({error}); take a type that reads what older ones have written, or begin with an \
             empty store"
        );
        StateError::of(StateErrorKind::Permanent, namespace, why)
    })
}

impl<V> Entry<V> {
    #[inline]
    fn change(&mut self, key: &[u8], dirty: &mut Vec<Vec<u8>>) {
        if self.mark != Mark::Dirty {
            self.mark = Mark::Dirty;
            dirty.push(key.to_vec());
        }
    }
}

impl<V> fmt::Debug for Keyed<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("namespace", &self.namespace)
            .field("entries", &self.entries.len())
            .field("dirty_count", &self.dirty.len())
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
    fn what_changes_while_it_is_written_is_written_again() {
        let store = Arc::new(MemoryStore::new());
        let mut state = keyed(&store, 0);
        state.put("a", 1);
        state.put("b", 1);
        let first = state.changes().unwrap();
        state.write_began();
        assert_eq!(state.changes(), Ok(Vec::new()));
        let one_more = |value: &mut u32| {
            *value += 1;
            Ok(())
        };
        state.change(b"a", one_more).unwrap();
        assert!(state.change(b"b", |value| Err(Failure::retry(std::mem::take(value)))).is_err());
        assert_eq!(state.entries_count(), 2, "neither is in the store yet");
        store.apply(&first).unwrap();
        state.written();
        let second = state.changes().unwrap();
        assert_eq!(second.iter().map(|change| &change.key[..]).collect::<Vec<_>>(), [b"a"]);
        assert_eq!(state.entries_count(), 1);
        assert_eq!(state.get("a"), Ok(Some(&2)));
        assert_eq!(state.get("b"), Ok(Some(&1)));
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
        assert!(error.to_string().ends_with("or begin with an empty store"), "{error}");
        assert_eq!(error.kind, StateErrorKind::Permanent, "asked again, it would be the same");
    }
}
