//! Goal: the topology may die at any moment, as often as it likes, and on a cluster too no document is lost, doubled or wrong. Method:
//! `kill -9` it fifty times, and the producer now and then, at moments drawn from a seed while a feed runs; compare with an undisturbed
//! embedded run, byte by byte; once with the bolts' state in a file and once with it on Kafka.

use std::time::{Duration, Instant};

use super::killed::{FEED_MAX, expect_documents};
use super::servers::{ALL_INDICES, Cluster, Daemon, Topology, exclusively};
use crate::support::{Bench, Moments};

const KILLS: u32 = 50;

/// The producer is killed with every fifth topology of the first half. It begins its feed anew, and the second half of the kills shall
/// meet what has not been computed before.
const PRODUCER_EVERY: u32 = 5;
const PRODUCER_KILLS: u32 = KILLS / 2 / PRODUCER_EVERY;

/// The longest life of a topology: its start takes about half a second, so that most are hit at work.
const LIFE_MAX: Duration = Duration::from_secs(3);

/// Three hours: 108 seconds at this speed, longer than the kills take.
pub(super) const SAMPLE: [(&str, &str); 2] = [
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__HISTORY_HOURS", "3"),
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__TRANSACTIONS_PER_SECOND", "2"),
];
pub(super) const PRODUCE: [&str; 6] = ["produce", "feed", "--feed", "sample", "--speed", "100"];

#[test]
fn a_topology_killed_fifty_times_writes_the_undisturbed_documents() {
    survive("cluster-crashes", "local");
}

#[test]
fn a_topology_killed_fifty_times_goes_on_with_its_state_on_kafka() {
    survive("cluster-crashes-kafka", "kafka");
}

fn survive(test: &str, state: &str) {
    let _servers = exclusively();
    let Some(mut cluster) = Cluster::find(test) else {
        return;
    };
    let embedded = Bench::new();
    embedded.replay(&["sample"], &SAMPLE);
    let expected: Vec<String> = ALL_INDICES.iter().map(|index| embedded.export(index)).collect();
    let environment = [&SAMPLE[..], &[("BITCOIN_DASHBOARD__STATE", state)]].concat();

    let (started, mut moments, mut died) = (Instant::now(), Moments::new(), 0);
    let start = |cluster: &Cluster| Daemon::start(cluster, "producer", &PRODUCE, &environment);
    let mut producer = start(&cluster);
    for kill in 1..=KILLS {
        let mut topology =
            Daemon::start(&cluster, "topology", &["topology", "--feed", "sample"], &environment);
        std::thread::park_timeout(moments.below(LIFE_MAX));
        assert!(topology.is_running(), "kill {kill} with {moments}: {}", topology.words());
        topology.kill();
        died += 1;
        if kill % PRODUCER_EVERY == 0 && kill <= PRODUCER_EVERY * PRODUCER_KILLS {
            producer.kill();
            // With its state on Kafka a topology needs nothing of the folder it ran in.
            if state == "kafka" {
                cluster.bench = Bench::new();
            }
            producer = start(&cluster);
        }
    }
    let killing = started.elapsed();
    let topology = Topology::start(&cluster, &environment);
    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    let last = topology.metric("trombe_component_acked_total").unwrap_or_default();
    let sent = topology.metric("trombe_consumer_end_offset").unwrap_or_default();
    topology.daemon.interrupt();
    assert!(cluster.exports() == expected, "the end of the topology changed a document");
    eprintln!(
        "state {state}: {died} kills of the topology and {PRODUCER_KILLS} of the producer survived in {:.0} s with {moments}; {sent} messages in the \
         log, {last} acked by the last topology, {documents} documents compared",
        killing.as_secs_f64(),
    );
}
