//! Where the bolts keep their state: a store of the connectors behind the engine's trait, and how long it is kept.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trombe::{StateError, StateErrorKind, StateStore};
use trombe_connectors::State;

/// A store of the connectors as the engine's [`StateStore`]. The engine and the connectors do not know each other; this is where
/// they meet.
#[derive(Clone, Debug)]
pub struct StoredState(Arc<dyn State>);

impl StoredState {
    /// State in this store.
    pub fn new(store: impl State + 'static) -> Self {
        Self(Arc::new(store))
    }
}

impl From<Arc<dyn State>> for StoredState {
    fn from(store: Arc<dyn State>) -> Self {
        Self(store)
    }
}

impl StateStore for StoredState {
    fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.0.state_get(namespace, key).map_err(|error| told(namespace, &error))
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        self.0.state_scan(namespace, prefix, each).map_err(|error| told(namespace, &error))
    }

    fn apply(&self, changes: &[trombe::StateChange]) -> Result<(), StateError> {
        let namespace = changes.first().map_or("", |change| &change.namespace);
        let changes = changes.iter().cloned().map(|change| trombe_connectors::StateChange {
            namespace: change.namespace,
            key: change.key,
            value: change.value,
            expires_ms: change.expires_ms,
        });
        self.0.state_apply(changes.collect()).map_err(|error| told(namespace, &error))
    }
}

/// What the store said, in the engine's words.
fn told(namespace: &str, error: &trombe_connectors::StateError) -> StateError {
    let kind = match error {
        trombe_connectors::StateError::Fenced(_) => StateErrorKind::Superseded,
        passing if passing.is_transient() => StateErrorKind::Transient,
        _ => StateErrorKind::Permanent,
    };
    StateError::of(kind, namespace, error)
}

/// How long state is kept after it was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    hours: Option<u32>,
}

impl Retention {
    /// State is kept for so many hours; `None`: for ever.
    pub(crate) fn new(hours: Option<u32>) -> Self {
        Self { hours }
    }

    /// When state written now may be forgotten. It follows the clock and not the feed, so that a replay of old blocks
    /// keeps its state as long as a live feed does.
    pub(crate) fn expires_ms(self) -> Option<i64> {
        self.hours.map(|hours| chrono::Utc::now().timestamp_millis() + i64::from(hours) * 3_600_000)
    }
}

/// A value as it stands in the store: JSON, legible with the store's own tools.
pub(crate) fn encode<V: Serialize>(namespace: &str, value: &V) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| StateError::new(namespace, error))
}

/// The value that stands in the store.
pub(crate) fn decode<V: DeserializeOwned>(namespace: &str, row: &[u8]) -> Result<V, StateError> {
    serde_json::from_slice(row).map_err(|error| {
        let why = format!("a row cannot be read ({error}); restore or delete the store");
        StateError::of(StateErrorKind::Permanent, namespace, why)
    })
}

#[cfg(test)]
mod tests {
    use trombe::MemoryStore;
    use trombe_connectors::{EmbeddedStore, StateError as Told, conformance};

    use super::*;

    /// A store of the engine as one of the connectors, whose suite it is to stand.
    #[derive(Debug)]
    struct Engines<S>(S);

    impl<S: StateStore + std::fmt::Debug> State for Engines<S> {
        fn state_get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Told> {
            self.0.get(namespace, key).map_err(|error| Told::Refused(error.reason))
        }

        fn state_scan(
            &self,
            namespace: &str,
            prefix: &[u8],
            each: &mut dyn FnMut(&[u8], &[u8]),
        ) -> Result<(), Told> {
            self.0.scan(namespace, prefix, each).map_err(|error| Told::Refused(error.reason))
        }

        fn state_apply(&self, changes: Vec<trombe_connectors::StateChange>) -> Result<(), Told> {
            let changes = changes.into_iter().map(|change| trombe::StateChange {
                namespace: change.namespace,
                key: change.key,
                value: change.value,
                expires_ms: change.expires_ms,
            });
            self.0.apply(&changes.collect::<Vec<_>>()).map_err(|error| Told::Refused(error.reason))
        }

        fn meta_get(&self, _: &str) -> Result<Option<String>, Told> {
            Err(Told::Refused("the engine asks for no facts".to_owned()))
        }

        fn meta_set(&self, _: &str, _: &str) -> Result<(), Told> {
            Err(Told::Refused("the engine notes no facts".to_owned()))
        }
    }

    #[test]
    fn the_engines_store_conforms_and_so_does_a_store_behind_the_engines_trait() {
        conformance::state_without_expiry(&Engines(MemoryStore::new()));
        let embedded = EmbeddedStore::open_in_memory().unwrap();
        conformance::state_without_expiry(&Engines(StoredState::new(embedded)));
    }

    #[test]
    fn what_cannot_pass_is_not_told_as_if_it_could() {
        let too_large = Told::TooLarge { bytes: 2, bytes_max: 1, key: "k".to_owned() };
        let cases = [
            (Told::Unavailable(String::new()), StateErrorKind::Transient),
            (Told::Refused(String::new()), StateErrorKind::Permanent),
            (too_large, StateErrorKind::Permanent),
            (Told::Fenced(String::new()), StateErrorKind::Superseded),
        ];
        for (error, kind) in cases {
            assert_eq!(told("n", &error), StateError::of(kind, "n", &error));
        }
    }
}
