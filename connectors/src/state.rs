//! Keyed state: values by namespace and key, and small facts about the store they are in.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// One change of [`State::state_apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Keys of different namespaces never meet.
    pub namespace: String,
    /// The key.
    pub key: Vec<u8>,
    /// The new value; `None` removes the key.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since the Unix epoch, by the machine's clock, from which the entry is gone; `None` keeps it.
    pub expires_ms: Option<i64>,
}

/// Why a state or meta operation failed. Every variant's message ends in what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The store is busy, full or away; the same call may succeed later.
    #[error("the store is away ({0}); try again")]
    Unavailable(String),
    /// The call can never succeed as it stands.
    #[error("the store refused the request: {0}; mend the request or the store")]
    Refused(String),
    /// A single change is larger than the store takes. None of its call's changes was made.
    #[error(
        "the change of key `{key}` has {bytes} bytes and {bytes_max} are allowed; make the value smaller or raise \
         `message_bytes_max`"
    )]
    TooLarge {
        /// Namespace, key, value and expiry together.
        bytes: usize,
        /// How many are allowed.
        bytes_max: usize,
        /// The key, as far as it is text.
        key: String,
    },
    /// The state has a new owner. No call of this store will ever change it again.
    #[error(
        "{0} has taken over the state, and nothing that this process writes counts any more; let that one go on, or end it \
         before you start this one again"
    )]
    Fenced(String),
}

impl StateError {
    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Keyed state that outlives the process. Called from several threads at a time; every call may block.
pub trait State: fmt::Debug + Send + Sync {
    /// The value of a key, unless it has expired.
    fn state_get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;

    /// Gives every key that starts with `prefix`, in byte order, with its value. All are from the same moment.
    fn state_scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError>;

    /// Applies all changes in their order, or none; they are durable when it returns.
    fn state_apply(&self, changes: Vec<StateChange>) -> Result<(), StateError>;

    /// A small fact about the store, such as the feed that fills it.
    fn meta_get(&self, key: &str) -> Result<Option<String>, StateError>;

    /// Sets a small fact about the store.
    fn meta_set(&self, key: &str, value: &str) -> Result<(), StateError>;
}

/// Milliseconds since the Unix epoch, by the machine's clock.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
