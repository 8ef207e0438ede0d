//! Keyed state: a small store trait, its in-memory implementation, a write-back cache over either, and the writer that stateful bolts share.

mod error;
mod keyed;
pub(crate) mod lineage;
mod memory;
mod names;
pub(crate) mod writer;

pub use error::{StateError, StateErrorKind};
pub use keyed::Keyed;
pub use memory::MemoryStore;
pub use names::stored_state;
pub(crate) use names::{KeyBytes, state_namespace};

/// A change of one key: a new value, or none to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Whose state it is; namespaces do not see one another.
    pub namespace: String,
    /// The key within the namespace.
    pub key: Vec<u8>,
    /// The new value; `None` removes the key.
    pub value: Option<Vec<u8>>,
    /// Unix time in milliseconds after which the store may forget the key.
    pub expires_ms: Option<i64>,
}

/// Where keyed state lives between flushes.
///
/// Called from the tasks' threads, several at a time; a call may block for as long as its disk or its servers take.
///
/// What a store shows is as durable as what it has acknowledged: a tuple that changes nothing, because its effect was found in the store, is
/// acked without a write. A store that is opened after a crash forces to the disk what it finds.
pub trait StateStore: Send + Sync {
    /// The value of a key, if it has one.
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;

    /// Shows `each` every key that begins with `prefix`, in the order of the keys, with its value.
    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError>;

    /// Makes all the changes or none, durably: when it returns `Ok`, a crash does not undo them. An error says by its
    /// [kind](StateErrorKind) whether to try again; after a permanent one, changes that were given together are tried task by task.
    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError>;
}

impl<S: StateStore + ?Sized> StateStore for std::sync::Arc<S> {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        (**self).get(namespace, key)
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        (**self).scan(namespace, prefix, each)
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        (**self).apply(changes)
    }
}
