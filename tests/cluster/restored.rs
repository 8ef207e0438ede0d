//! Goal: a topology goes on, on another host, with the state and the offsets of the former one, whether that one is dead or alive. Method: its
//! state is on Kafka; `kill -9` it in the midst of a feed and once more after it, or leave it to itself; start it in an empty
//! folder each time, compare with an undisturbed embedded run.

use std::time::{Duration, Instant};

use super::crashes;
use super::killed::{FEED_MAX, expect_documents};
use super::servers::{ALL_INDICES, Cluster, Daemon, Topology, exclusively};
use crate::support::{Bench, SHORT_SAMPLE, wait_for};

/// From the successor's start until the former owner of the state has ended: the takeover, and the former one's next write with all that it
/// may wait for.
const END_MAX: Duration = Duration::from_mins(1);

/// What a topology ends with when another has taken its state over.
const SUPERSEDED: i32 = 3;

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

    let mut first = Topology::start(&cluster, &environment);
    let producer = Daemon::start(&cluster, "producer", &PRODUCE, &environment);
    wait_for("the first tuples", || first.acked() > 500.0);
    first.daemon.kill();

    // Nothing of the former host is here.
    cluster.bench = Bench::new();
    let mut second = Topology::start(&cluster, &environment);
    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    wait_for("commits", || second.metric("trombe_consumer_lag") == Some(0.0));
    let sent = second.end();
    let computed = second.acked();
    second.daemon.kill();

    cluster.bench = Bench::new();
    let third = Topology::start(&cluster, &environment);
    wait_for("the third topology", || third.metric("trombe_consumer_lag") == Some(0.0));
    let again = third.acked();
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

#[test]
fn a_topology_whose_state_another_takes_over_ends_by_itself() {
    let _servers = exclusively();
    let Some(mut cluster) = Cluster::find("cluster-taken-over") else {
        return;
    };
    let embedded = Bench::new();
    embedded.replay(&["sample"], &crashes::SAMPLE);
    let expected: Vec<String> = ALL_INDICES.iter().map(|index| embedded.export(index)).collect();
    let environment = [&crashes::SAMPLE[..], &[("BITCOIN_DASHBOARD__STATE", "kafka")]].concat();

    let mut topology = Topology::start(&cluster, &environment);
    let producer = Daemon::start(&cluster, "producer", &crashes::PRODUCE, &environment);
    let (mut benches, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        wait_for("tuples", || topology.acked() > 500.0);
        // Nothing of the former host is here, and it lives.
        benches.push(std::mem::replace(&mut cluster.bench, Bench::new()));
        let started = Instant::now();
        let mut former = std::mem::replace(&mut topology, Topology::start(&cluster, &environment)).daemon;
        let code = former.end(END_MAX);
        waits.push(started.elapsed());
        let words = former.words();
        assert_eq!(code, Some(SUPERSEDED), "{words}");
        let last = words.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains("has taken over the state"), "{last}");
    }
    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    wait_for("commits", || topology.metric("trombe_consumer_lag") == Some(0.0));
    topology.daemon.interrupt();
    assert!(cluster.exports() == expected, "the end of the topology changed a document");
    let last = waits.iter().max().unwrap().as_secs_f64();
    eprintln!(
        "{} living topologies taken over, ended {last:.1} s after the start of their successor at the latest; {documents} documents compared",
        waits.len(),
    );
}
