//! What the process says about itself.

use std::sync::Arc;

/// Asked about once a second; must not block.
pub type StatusSource = Arc<dyn Fn() -> Status + Send + Sync>;

/// The state of the process behind the page.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Whether everything needed is there; `/ready` answers 503 otherwise.
    pub ready: bool,
    /// Why it is not ready, or what limps although it is.
    pub why: Option<String>,
    /// The engine's snapshot of the running topology.
    pub topology: Option<serde_json::Value>,
    /// What the producers say of themselves: an object of names and plain values.
    pub producer: Option<serde_json::Value>,
    /// Whether the feed's history is read and the feed has gone over to the present.
    pub history_done: bool,
    /// How many messages of the history have been read.
    pub history_read_count: u64,
    /// How many there are, where the feed knows it.
    pub history_expected_count: Option<u64>,
}
