//! Goal: the topology may die at any moment, as often as it likes, and on a cluster too no document is lost, doubled or wrong. Method:
//! `kill -9` it fifty times, and the producer now and then, at moments drawn from a seed while a feed runs; compare with an undisturbed
//! embedded run, byte by byte; once with the bolts' state in a file and once with it on Kafka.

use std::time::{Duration, Instant};

use super::killed::{FEED_MAX, expect_documents};
use super::servers::{ALL_INDICES, Cluster, Daemon, Topology, exclusively};
use crate::support::{Bench, Moments, wait_for};

const KILLS: u32 = 50;

/// Most topologies die so soon that they have computed nothing for good. Every so many, one lives until it has.
const PROGRESS_EVERY: u32 = 5;

/// The longest life of the others: a start takes about half a second.
const LIFE_MAX: Duration = Duration::from_secs(3);

/// Three hours: 108 seconds at this speed.
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

    let (started, mut moments, mut committed) = (Instant::now(), Moments::new(), 0.0);
    let start = |cluster: &Cluster| Daemon::start(cluster, "producer", &PRODUCE, &environment);
    let (mut producer, mut benches) = (start(&cluster), Vec::new());
    for kill in 1..=KILLS {
        if kill % PROGRESS_EVERY != 0 {
            let mut topology =
                Daemon::start(&cluster, "topology", &["topology", "--feed", "sample"], &environment);
            std::thread::park_timeout(moments.below(LIFE_MAX));
            assert!(topology.is_running(), "kill {kill} with {moments}: {}", topology.words());
            topology.kill();
            continue;
        }
        let mut topology = Topology::start(&cluster, &environment);
        let former = topology.committed();
        wait_for("something computed for good, or nothing left to compute", || {
            committed = topology.committed();
            committed > former || committed >= topology.end()
        });
        topology.daemon.kill();
        // A producer that begins anew repeats at first what was said; in the second half all is new.
        if kill <= KILLS / 2 {
            producer.kill();
            producer = start(&cluster);
        }
        // With its state on Kafka a topology needs nothing of the folder it ran in; the producer's words stay there.
        if state == "kafka" {
            benches.push(std::mem::replace(&mut cluster.bench, Bench::new()));
        }
    }
    assert!(committed > 0.0, "fifty topologies have computed nothing for good");
    let killing = started.elapsed();
    let topology = Topology::start(&cluster, &environment);
    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    let last = topology.acked();
    let sent = topology.end();
    topology.daemon.interrupt();
    assert!(cluster.exports() == expected, "the end of the topology changed a document");
    eprintln!(
        "state {state}: {KILLS} kills of the topology and {} of the producer survived in {:.0} s with {moments}; {sent} messages in the \
         log, {committed} computed for good before the last kill, {last} tuples acked by the last topology, {documents} documents compared",
        KILLS / 2 / PROGRESS_EVERY,
        killing.as_secs_f64(),
    );
}
