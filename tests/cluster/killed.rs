//! Goal: whatever is killed, no document is lost, doubled or wrong. Method: `kill -9` the producer, the topology, a broker
//! and the Elasticsearch master while a sample feed runs at a hundred times its speed; compare with an undisturbed
//! embedded run. What takes longest to come back is killed last: the feed may end before it is there.

use std::time::{Duration, Instant};

use super::servers::{ALL_INDICES, Cluster, Daemon, Topology, exclusively, service};
use crate::support::{Bench, wait_within};

/// Six hours at the real rate of transactions: 216 seconds at this speed.
pub(super) const SAMPLE: [(&str, &str); 2] = [
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__HISTORY_HOURS", "6"),
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__TRANSACTIONS_PER_SECOND", "7"),
];
pub(super) const PRODUCE: [&str; 6] = ["produce", "feed", "--feed", "sample", "--speed", "100"];

/// The feed's whole length, and half as long again for a slow machine.
pub(super) const FEED_MAX: Duration = Duration::from_mins(5);
/// Until everything that waits is computed.
const CATCH_UP_MAX: Duration = Duration::from_mins(3);

/// More messages than this feed brings while a metric of the log is as old as it gets, a second.
const UNSEEN_COUNT_MAX: f64 = 2_000.0;

/// The undisturbed run's documents.
pub(super) fn expected() -> Vec<String> {
    let embedded = Bench::new();
    embedded.replay(&["sample"], &SAMPLE);
    ALL_INDICES.iter().map(|index| embedded.export(index)).collect()
}

/// Waits until the cluster holds exactly these documents, and says how many they are.
#[track_caller]
pub(super) fn expect_documents(cluster: &Cluster, expected: &[String]) -> usize {
    let deadline = Instant::now() + CATCH_UP_MAX;
    loop {
        let got = cluster.exports();
        if got == expected {
            return got.iter().map(|export| export.lines().count()).sum();
        }
        if Instant::now() > deadline {
            for ((index, expected), got) in ALL_INDICES.iter().zip(expected).zip(&got) {
                let (wanted, there) = (expected.lines().count(), got.lines().count());
                let wrong =
                    expected.lines().zip(got.lines()).filter(|(expected, got)| expected != got).count();
                eprintln!("{index}: {there} documents of {wanted}, {wrong} lines differ");
            }
            panic!("the cluster's documents are not the undisturbed run's");
        }
    }
}

/// Waits until everything that is in the log by now is computed.
#[track_caller]
pub(super) fn catch_up(topology: &Topology) {
    let end = topology.end();
    wait_within(CATCH_UP_MAX, "what had come before", || topology.committed() >= end);
}

/// How long `action` took and everything that had come meanwhile; `action` ends with everything running again.
fn recovery(what: &str, topology: &mut Topology, producer: &mut Daemon, action: impl FnOnce(&mut Topology)) {
    producer.expect_running("the producer");
    let (started, before) = (Instant::now(), topology.end());
    action(topology);
    wait_within(CATCH_UP_MAX, "messages after the kill", || topology.end() > before + UNSEEN_COUNT_MAX);
    catch_up(topology);
    eprintln!("{what}: killed, restarted and caught up in {:.1} s", started.elapsed().as_secs_f64());
}

fn master() -> String {
    let nodes = std::env::var("TROMBE_ELASTICSEARCH").unwrap();
    let nodes: Vec<&str> = nodes.split(',').collect();
    let url = format!("{}/_cat/master?h=node", nodes[0]);
    let output = std::process::Command::new("curl").args(["-s", "-m", "5", &url]).output().unwrap();
    let name = String::from_utf8(output.stdout).unwrap();
    let number = name.trim().trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned();
    assert!((1..=nodes.len()).any(|n| n.to_string() == number), "the master is `{name}`");
    number
}

#[test]
fn kills_of_everything_change_no_document() {
    let _servers = exclusively();
    let Some(cluster) = Cluster::find_mortal("cluster-killed") else {
        return;
    };
    let expected = expected();
    let mut topology = Topology::start(&cluster, &SAMPLE);
    let mut producer = Daemon::start(&cluster, "producer", &PRODUCE, &SAMPLE);
    wait_within(CATCH_UP_MAX, "messages to send again", || topology.end() > 5_000.0);

    let started = Instant::now();
    producer.expect_running("the producer");
    producer.kill();
    // Until then it only says again what the former producer has said, which would hide a loss.
    let repeated = 2.0 * topology.end() + UNSEEN_COUNT_MAX;
    producer = Daemon::start(&cluster, "producer", &PRODUCE, &SAMPLE);
    wait_within(CATCH_UP_MAX, "messages that are new", || topology.end() > repeated);
    eprintln!("the producer: killed, and all said again after {:.1} s", started.elapsed().as_secs_f64());

    let failed = |topology: &Topology| topology.reading("trombe_component_failed_total");
    let (failed_before, memory_before) = (failed(&topology), topology.daemon.resident_mib_max());
    recovery("the topology", &mut topology, &mut producer, |topology| {
        topology.daemon.kill();
        *topology = Topology::start(&cluster, &SAMPLE);
    });
    recovery("a broker", &mut topology, &mut producer, |_| {
        service("kafka", &["kill", "2"]);
        service("kafka", &["start", "2"]);
    });
    recovery("the Elasticsearch master", &mut topology, &mut producer, |_| {
        let master = master();
        service("elasticsearch", &["kill", &master]);
        service("elasticsearch", &["start", &master]);
    });

    producer.finish(FEED_MAX);
    let documents = expect_documents(&cluster, &expected);
    let (failed, sent) = (failed_before + failed(&topology), topology.end());
    assert!(failed.abs() < 0.5, "{failed} tuples failed: {}", topology.daemon.words());
    let memory = memory_before.max(topology.daemon.resident_mib_max());
    topology.daemon.interrupt();
    assert!(cluster.exports() == expected, "the end of the topology changed a document");
    eprintln!(
        "{sent} messages sent, {documents} documents compared, {failed} tuples failed, {memory} MiB at most"
    );
}
