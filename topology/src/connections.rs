//! What the topology stands on: its log, its index and its state.

use std::fmt;
use std::sync::Arc;

use trombe::StateStore;
use trombe_connectors::{EmbeddedStore, Index, Log};

use crate::StoredState;

/// The stores behind one Bitcoin topology. Clones share them.
#[derive(Clone)]
pub struct Connections {
    /// Where the messages are, and where dead letters go. It has the topics that [`create_topics`](crate::create_topics) makes.
    pub log: Arc<dyn Log>,
    /// Where the documents go.
    pub index: Arc<dyn Index>,
    /// What the bolts know.
    pub state: Arc<dyn StateStore>,
    /// A second index that receives every document too, at its own pace: it is fed through the topic
    /// [`DOCUMENTS`](crate::DOCUMENTS), which [`create_documents_topic`](crate::create_documents_topic) makes.
    pub secondary: Option<Arc<dyn Index>>,
    /// The id of what `state` keeps. It is stored with every committed offset, so that a new or lost state reads the log anew
    /// (see [`ConsumerOptions::identity`](trombe_connectors::ConsumerOptions::identity)).
    pub identity: String,
}

impl Connections {
    /// All of it in one embedded store.
    pub fn embedded(store: EmbeddedStore) -> Self {
        Self {
            log: Arc::new(store.clone()),
            index: Arc::new(store.clone()),
            state: Arc::new(StoredState::new(store)),
            secondary: None,
            identity: String::new(),
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("log", &self.log)
            .field("index", &self.index)
            .field("secondary", &self.secondary)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
