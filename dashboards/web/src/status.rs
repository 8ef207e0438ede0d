//! What the process says about itself.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use trombe_connectors::Lag;

/// Asked about once a second; must not block.
pub type StatusSource = Arc<dyn Fn() -> Status + Send + Sync>;

/// The state of the process behind the page; `/api/status` passes it on to a page in another process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Whether everything needed is there; `/ready` answers 503 otherwise.
    pub ready: bool,
    /// Why it is not ready, or what limps although it is.
    pub why: Option<String>,
    /// The engine's snapshot of the running topology.
    pub topology: Option<serde_json::Value>,
    /// How far the topology's consumers are behind, by topic and partition.
    pub lag: Vec<Lag>,
    /// What was counted beside the engine's books.
    pub counters: Vec<Counter>,
    /// What the producers say of themselves: an object of names and plain values.
    pub producer: Option<serde_json::Value>,
    /// Whether the feed's history is computed and the feed has gone over to the present.
    pub history_done: bool,
    /// How many messages of the history are computed.
    pub history_count: u64,
    /// How much of the history that is, from 0 to 1, where its end is known.
    pub history_share: Option<f64>,
}

/// A number that only grows, for `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// As Prometheus wants it, ending in `_total`. Counters of one name stand together.
    pub name: Cow<'static, str>,
    /// What it counts.
    pub help: Cow<'static, str>,
    /// What tells it from others of its name.
    pub labels: Vec<(Cow<'static, str>, String)>,
    /// The count since the start.
    pub value: u64,
}
