//! Goal: a topology that is killed goes on, on another host, with the state and the offsets of the former one. Method: its state is on
//! Kafka; `kill -9` it in the midst of a feed and once more after it, start it in an empty folder each time, compare with an
//! undisturbed embedded run.

use super::killed::{FEED_MAX, expect_documents};
use super::servers::{ALL_INDICES, Cluster, Daemon, Topology, exclusively};
use crate::support::{Bench, SHORT_SAMPLE, wait_for};

const PRODUCE: [&str; 4] = ["produce", "feed", "--feed", "sample"];

#[test]
fn state_on_kafka_is_restored_on_another_host_and_little_is_read_again() {
    let _servers = exclusively();
    let Some(mut cluster) = Cluster::find("cluster-restored") else {
        return;
    };
    let embedded = Bench::new();
    embedded.replay(&["sample"], &SHORT_SAMPLE);
    let expected: Vec<String> = ALL_INDICES.iter().map(|index| embedded.export(index)).collect();
    let environment = [&SHORT_SAMPLE[..], &[("BITCOIN_DASHBOARD__STATE", "kafka")]].concat();

    let acked = |topology: &Topology| topology.metric("trombe_component_acked_total").unwrap_or(0.0);
    let first = Topology::start(&cluster, &environment);
    let producer = Daemon::start(&cluster, "producer", &PRODUCE, &environment);
    wait_for("the first tuples", || acked(&first) > 500.0);
    first.daemon.kill();

    // Nothing of the former host is here.
    cluster.bench = Bench::new();
    let second = Topology::start(&cluster, &environment);
    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    wait_for("commits", || second.metric("trombe_consumer_lag") == Some(0.0));
    let sent = second.metric("trombe_consumer_end_offset").unwrap_or_default();
    let computed = acked(&second);
    second.daemon.kill();

    cluster.bench = Bench::new();
    let third = Topology::start(&cluster, &environment);
    wait_for("the third topology", || third.metric("trombe_consumer_lag") == Some(0.0));
    let again = acked(&third);
    let words = third.daemon.words();
    third.daemon.interrupt();
    assert!(words.contains("state in topic"), "{words}");
    assert!(again < sent / 10.0, "{again} tuples of {sent} messages were computed again");
    assert!(cluster.exports() == expected, "the third topology changed a document");
    eprintln!(
        "{sent} messages in the log; {computed} tuples acked by the second topology, {again} by the third; {documents} documents \
         compared"
    );
}
