//! Under which names the state of stateful bolts stands in the store.

use std::hash::{Hash, Hasher};

use serde::de::DeserializeOwned;

use super::{StateError, StateStore};
use crate::key::{KeyHasher, key_group};

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
    bytes.set(key);
    let value = store.get(&namespace, bytes.as_ref())?;
    let value = value.map(|value| serde_json::from_slice(&value)).transpose();
    value.map_err(|error| {
        StateError::new(namespace, format!("{error}; ask for the type that the bolt has as its `State`"))
    })
}

/// A key as the store has it: its group, so that a group's keys stand together, and then what the key's `Hash` writes. Keys are the same if
/// that is, as they are for groupings, which know nothing else of a key either.
///
/// Integers are written as [`KeyHasher`] reads them: little-endian, and `usize` like `u64`.
#[derive(Debug)]
pub(crate) struct KeyBytes {
    bytes: Vec<u8>,
    hasher: KeyHasher,
}

/// The bytes of a group.
const GROUP: usize = size_of::<u16>();

impl Default for KeyBytes {
    fn default() -> Self {
        Self { bytes: vec![0; GROUP], hasher: KeyHasher::default() }
    }
}

impl KeyBytes {
    /// Takes another key, in one reading both its bytes and its group.
    #[inline]
    pub(crate) fn set<K: Hash + ?Sized>(&mut self, key: &K) {
        self.bytes.truncate(GROUP);
        self.hasher = KeyHasher::default();
        key.hash(self);
        let group = key_group(self.hasher.finish());
        self.bytes[..GROUP].copy_from_slice(&group.to_be_bytes());
    }

    #[inline]
    pub(crate) fn group(&self) -> u16 {
        self.bytes.first_chunk().map_or(0, |group| u16::from_be_bytes(*group))
    }
}

impl AsRef<[u8]> for KeyBytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Hasher for KeyBytes {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.hasher.write_u8(n);
        self.bytes.push(n);
    }

    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.hasher.write_u16(n);
        self.bytes.extend(n.to_le_bytes());
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.hasher.write_u32(n);
        self.bytes.extend(n.to_le_bytes());
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.hasher.write_u64(n);
        self.bytes.extend(n.to_le_bytes());
    }

    fn write_u128(&mut self, n: u128) {
        self.hasher.write_u128(n);
        self.bytes.extend(n.to_le_bytes());
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        self.hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::key_hash;

    fn key<K: Hash + ?Sized>(key: &K) -> Vec<u8> {
        let mut written = KeyBytes::default();
        written.set(key);
        let (group, bytes) = written.as_ref().split_first_chunk().unwrap();
        assert_eq!(u16::from_be_bytes(*group), key_group(key_hash(key)));
        bytes.to_vec()
    }

    /// State in a store is found again only if these never change.
    #[test]
    fn keys_are_pinned() {
        assert_eq!(key("the"), b"the\xff");
        assert_eq!(key("the"), key(&String::from("the")));
        assert_eq!(key(&7_u32), [7, 0, 0, 0]);
        assert_eq!(key(&7_usize), key(&7_u64));
        assert_eq!(key(&("a", 7_u8)), b"a\xff\x07");
        assert_ne!(key(&("ab", "c")), key(&("a", "bc")));
    }
}
