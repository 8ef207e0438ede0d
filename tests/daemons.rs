//! Goal: producers and topology are the same program whether they share a process or only the store. Method: a local
//! server answers as a price API; `produce` and `topology` run beside each other on one store, `record` and `replay`
//! go through files, and both end in the same kind of document.

use std::sync::atomic::Ordering;

use crate::support::{Bench, Daemon, Kraken, wait_for};

#[test]
fn producer_and_topology_share_a_store_across_processes() {
    let (bench, kraken) = (Bench::new(), Kraken::start());
    std::fs::write(bench.path("bitcoin-dashboard.toml"), kraken.configuration()).unwrap();
    let store = bench.store();
    let store = store.to_str().unwrap();
    let producer = Daemon::start(&bench, &["produce", "bpi", "--store", store]);
    wait_for("a first answer", || kraken.answers.load(Ordering::Relaxed) > 0);
    let topology = Daemon::start(&bench, &["topology", "--store", store]);
    wait_for("two prices", || bench.documents("btc-value").len() >= 2);
    producer.interrupt();
    topology.interrupt();
    let values = bench.documents("btc-value");
    assert!(values.iter().all(|value| value["_source"]["source"] == "kraken"), "{values:#?}");
    assert_eq!(bench.documents("btc-raw-bpi")[0]["_source"]["feed"], "live");
}

#[test]
fn what_is_recorded_can_be_replayed() {
    let (bench, kraken) = (Bench::new(), Kraken::start());
    // The websockets of the chain have nobody to talk to here, which must not disturb the prices.
    let nobody = format!("http://{}/", kraken.address);
    let chain = format!(
        "[[producers.blockchain.sources]]\nprovider = \"mempool-space\"\nwebsocket_url = \"ws://127.0.0.1:9/\"\nrest_url = \"{nobody}\"\n"
    );
    std::fs::write(bench.path("bitcoin-dashboard.toml"), kraken.configuration() + &chain).unwrap();
    let folder = bench.path("recording");
    let folder = folder.to_str().unwrap();
    let recorder = Daemon::start(&bench, &["record", "--out", folder]);
    wait_for("five answers", || kraken.answers.load(Ordering::Relaxed) >= 5);
    recorder.interrupt();
    bench.replay(&["recording", folder], &[]);
    let values = bench.documents("btc-value");
    let exact: Vec<&str> =
        values.iter().map(|value| value["_source"]["eur_exact"].as_str().unwrap()).collect();
    assert!(exact.len() >= 4 && exact.contains(&"60000.5"), "{exact:?}");
}
