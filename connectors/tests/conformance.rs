//! The embedded store keeps every promise of the log and the index.

use trombe_connectors::{EmbeddedStore, conformance};

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
