//! Goal: an index that is away costs nothing but time. Method: all Elasticsearch nodes killed for two minutes under a
//! sample feed at a hundred times its speed.

use std::time::{Duration, Instant};

use super::killed::{FEED_MAX, PRODUCE, SAMPLE, catch_up, expect_documents, expected};
use super::servers::{Cluster, Daemon, Topology, exclusively, service};
use crate::support::wait_for;

const OUTAGE: Duration = Duration::from_mins(2);

/// What the topology may hold on top of what it held before: its bounded queues.
const GROWTH_MIB_MAX: u64 = 150;

#[test]
fn two_minutes_without_elasticsearch_fail_no_tuple() {
    let _servers = exclusively();
    let Some(cluster) = Cluster::find_mortal("cluster-outage") else {
        return;
    };
    let expected = expected();
    let topology = Topology::start(&cluster, &SAMPLE);
    let producer = Daemon::start(&cluster, "producer", &PRODUCE, &SAMPLE);
    wait_for("the first documents", || topology.acked() > 5_000.0);
    let before = topology.daemon.resident_mib_max();

    for node in ["1", "2", "3"] {
        service("elasticsearch", &["kill", node]);
    }
    let down = Instant::now();
    wait_for("a word from /ready", || topology.ask("/ready").is_some_and(|(status, _)| status == 503));
    let (noticed, (_, why)) = (down.elapsed(), topology.ask("/ready").unwrap());
    while down.elapsed() < OUTAGE {
        assert_eq!(topology.ask("/ready").map(|(status, _)| status), Some(503));
        std::thread::park_timeout(Duration::from_secs(1));
    }
    let (lag, grown) = (topology.reading("trombe_consumer_lag"), topology.daemon.resident_mib_max());
    assert!(lag > 10_000.0, "the spouts did not pause: a lag of {lag}");
    assert!(grown < before + GROWTH_MIB_MAX, "{before} MiB before the outage, {grown} MiB in it");

    service("elasticsearch", &["start"]);
    let up = Instant::now();
    wait_for("/ready", || topology.ask("/ready").is_some_and(|(status, _)| status == 200));
    let resumed = up.elapsed();
    catch_up(&topology);
    let drained = up.elapsed();
    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    let failed = topology.reading("trombe_component_failed_total");
    assert!(failed.abs() < 0.5, "{failed} tuples failed: {}", topology.daemon.words());
    topology.daemon.interrupt();
    eprintln!(
        "Elasticsearch away for {OUTAGE:?}: noticed after {:.1} s ({why}), {lag} records waited in the log, \
         {before} MiB before and {grown} MiB at most, ready {:.1} s after the return, lag drained {:.1} s after it, \
         no tuple failed, {documents} documents compared",
        noticed.as_secs_f64(),
        resumed.as_secs_f64(),
        drained.as_secs_f64(),
    );
}
