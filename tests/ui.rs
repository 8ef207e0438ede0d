//! Goal: `ui` shows a topology in another process, and stays up when that process ends or starts again. Method: a
//! producer on a local price server, a topology and a page as three processes on one store.

use std::sync::atomic::Ordering;

use crate::support::{Bench, Daemon, Kraken, free_address, get, wait_for};

fn body(address: &str, path: &str) -> String {
    get(address, path).map(|(_, answer)| answer).unwrap_or_default()
}

#[test]
fn the_page_outlives_the_topology() {
    let (bench, kraken) = (Bench::new(), Kraken::start());
    std::fs::write(bench.path("bitcoin-dashboard.toml"), kraken.configuration()).unwrap();
    let (store, topology_at, page_at) =
        (bench.store(), free_address().to_string(), free_address().to_string());
    let store = store.to_str().unwrap();
    let topology_url = format!("http://{topology_at}");
    let start_topology = || Daemon::start(&bench, &["topology", "--store", store, "--listen", &topology_at]);

    let page =
        Daemon::start(&bench, &["ui", "--store", store, "--listen", &page_at, "--topology", &topology_url]);
    wait_for("the page to miss the topology", || {
        let said = format!("the topology at {topology_at} has not answered since");
        body(&page_at, "/ready").contains(&said) && body(&page_at, "/").contains(&said)
    });

    let producer = Daemon::start(&bench, &["produce", "bpi", "--store", store]);
    let topology = start_topology();
    wait_for("the topology on the page", || body(&page_at, "/topology").contains("parse-prices"));
    wait_for("a first answer", || kraken.answers.load(Ordering::Relaxed) > 0);
    wait_for("a price on the page", || body(&page_at, "/").contains('€'));
    wait_for("readiness", || get(&page_at, "/ready").is_ok_and(|(status, _)| status == 200));

    topology.interrupt();
    wait_for("the page to say so", || body(&page_at, "/").contains("has not answered since"));
    assert!(body(&page_at, "/").contains('€'), "what is in the index is still shown");
    let topology = start_topology();
    wait_for("readiness again", || get(&page_at, "/ready").is_ok_and(|(status, _)| status == 200));
    wait_for("the page to take its word back", || !body(&page_at, "/").contains("has not answered since"));

    for daemon in [producer, page, topology] {
        daemon.interrupt();
    }
}
