//! Under which names the state of stateful bolts stands in the store.

use std::hash::{Hash, Hasher};

use serde::de::DeserializeOwned;

use super::{StateError, StateStore};
use crate::key::{key_group, key_hash};

/// The namespace of a bolt's state.
pub(crate) fn state_namespace(topology: &str, bolt: &str) -> String {
    format!("{topology}/{bolt}")
}

/// The state that a [`StatefulBolt`](crate::StatefulBolt) has stored for a key, as of its last snapshot: for whoever looks at it from outside.
///
/// ```
/// use trombe::{MemoryStore, stored_state};
/// let store = MemoryStore::new();
/// let count: Option<u64> = stored_state(&store, "word-count", "count", "the")?;
/// assert_eq!(count, None);
/// # Ok::<(), trombe::StateError>(())
/// ```
pub fn stored_state<V: DeserializeOwned>(
    store: &dyn StateStore,
    topology: &str,
    bolt: &str,
    key: &(impl Hash + ?Sized),
) -> Result<Option<V>, StateError> {
    let namespace = state_namespace(topology, bolt);
    let mut bytes = KeyBytes::default();
    bytes.begin(key_group(key_hash(key)));
    key.hash(&mut bytes);
    let value = store.get(&namespace, bytes.as_ref())?;
    let value = value.map(|value| serde_json::from_slice(&value)).transpose();
    value.map_err(|error| {
        StateError::new(namespace, format!("{error}; ask for the type that the bolt has as its `State`"))
    })
}

/// A key as the store has it: its group, so that a group's keys stand together, and then what the key's `Hash` writes. Keys are the same if
/// that is, as they are for groupings, which know nothing else of a key either.
///
/// Integers are written as [`KeyHasher`](crate::KeyHasher) reads them: little-endian, and `usize` like `u64`.
#[derive(Debug, Default)]
pub(crate) struct KeyBytes(Vec<u8>);

impl KeyBytes {
    pub(crate) fn group(&self) -> u16 {
        self.0.first_chunk().map_or(0, |group| u16::from_be_bytes(*group))
    }

    /// Begins a key of this group.
    pub(crate) fn begin(&mut self, group: u16) {
        self.0.clear();
        self.0.extend(group.to_be_bytes());
    }
}

impl AsRef<[u8]> for KeyBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Hasher for KeyBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u16(&mut self, n: u16) {
        self.write(&n.to_le_bytes());
    }

    fn write_u32(&mut self, n: u32) {
        self.write(&n.to_le_bytes());
    }

    fn write_u64(&mut self, n: u64) {
        self.write(&n.to_le_bytes());
    }

    fn write_u128(&mut self, n: u128) {
        self.write(&n.to_le_bytes());
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    /// Never asked for: the key is the bytes.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<K: Hash + ?Sized>(key: &K) -> Vec<u8> {
        let mut bytes = KeyBytes::default();
        bytes.begin(258);
        key.hash(&mut bytes);
        bytes.0
    }

    /// State in a store is found again only if these never change.
    #[test]
    fn keys_are_pinned() {
        assert_eq!(key("the"), b"\x01\x02the\xff");
        assert_eq!(key("the"), key(&String::from("the")));
        assert_eq!(key(&7_u32), [1, 2, 7, 0, 0, 0]);
        assert_eq!(key(&7_usize), key(&7_u64));
        assert_eq!(key(&("a", 7_u8)), b"\x01\x02a\xff\x07");
        assert_ne!(key(&("ab", "c")), key(&("a", "bc")));
    }
}
