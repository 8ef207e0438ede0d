//! The embedded store and the simulated log and index keep every promise of the log, the index and the state.

use std::sync::Arc;

use trombe_connectors::simulated::Calm;
use trombe_connectors::{EmbeddedStore, SimulatedIndex, SimulatedLog, conformance};

fn store() -> EmbeddedStore {
    EmbeddedStore::open_in_memory().expect("a store opens")
}

#[tokio::test]
async fn the_embedded_log_conforms() {
    conformance::log(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_index_conforms() {
    conformance::index(store).await;
}

#[test]
fn the_embedded_state_conforms() {
    conformance::state(&store());
}

#[tokio::test]
async fn the_simulated_log_conforms() {
    conformance::log(|| SimulatedLog::new(Arc::new(Calm))).await;
}

#[tokio::test]
async fn the_simulated_index_conforms() {
    conformance::index(|| SimulatedIndex::new(Arc::new(Calm))).await;
}
