use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::stage::{Stage, signal};
use crate::support::{Bench, Kraken, free_address, get, wait_for};

const OURS: [&str; 4] = ["producer:bpi", "producer:blockchain", "storm:topology", "storm:topology-ui"];
const BROKERS: [&str; 3] = ["storm:kafka-9092", "storm:kafka-9093", "storm:kafka-9094"];

/// The blockchain's only source is nobody: its producer goes on trying, which is what it is there for.
fn configuration(kraken: &Kraken) -> String {
    kraken.configuration()
        + "[[producers.blockchain.sources]]\nprovider = \"mempool-space\"\n\
           websocket_url = \"ws://127.0.0.1:9/\"\nrest_url = \"http://127.0.0.1:9/\"\n"
}

#[test]
fn everything_runs_on_one_file_and_is_healed() {
    let (kraken, page, topology) = (Kraken::start(), free_address().to_string(), free_address().to_string());
    let stage = Stage::start("everything_runs_on_one_file_and_is_healed", |bench| {
        std::fs::write(bench.path("bitcoin-dashboard.toml"), configuration(&kraken)).unwrap();
        let configuration = bench.path("bitcoin-dashboard.toml").to_str().unwrap().to_owned();
        [
            ("BITCOIN_DASHBOARD__BACKEND", "embedded"),
            ("BITCOIN_DASHBOARD_CONFIG", &configuration),
            ("BITCOIN_DASHBOARD_UI_LISTEN", &page),
            ("BITCOIN_DASHBOARD_TOPOLOGY_LISTEN", &topology),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    });
    let Some(stage) = stage else { return };
    assert!(stage.programs().values().all(|(state, _)| state == "STOPPED"), "nothing starts by itself");

    stage.expect(&["start", "producer:", "storm:"]);
    let is_ready = || get(&page, "/ready").is_ok_and(|(status, _)| status == 200);
    wait_for("the page and the topology", is_ready);
    wait_for("a price on the page", || get(&page, "/").is_ok_and(|(_, body)| body.contains('€')));
    wait_for("the brokers' programs to end well", || {
        let programs = stage.programs();
        BROKERS.iter().all(|broker| programs[*broker].0 == "EXITED")
    });
    assert!(stage.log("kafka-9092").contains("the embedded store needs no broker"));

    let started = stage.pids(&OURS);
    signal("-KILL", &started);
    let healed = stage.wait_for_new(&OURS, &started);
    wait_for("the page again", is_ready);
    let answers = kraken.answers.load(Ordering::Relaxed);
    wait_for("new prices", || kraken.answers.load(Ordering::Relaxed) > answers + 3);

    stage.expect(&[&["restart"][..], &OURS].concat());
    let restarted = stage.wait_for_new(&OURS, &healed);
    wait_for("the page once more", is_ready);
    stage.expect(&["stop", "all"]);
    assert!(stage.programs().values().all(|(state, _)| ["STOPPED", "EXITED"].contains(&state.as_str())));
    for program in ["bpi", "blockchain"] {
        let log = stage.log(program);
        assert_eq!(log.matches("everything taken is stored").count(), 2, "{program} was cut off: {log}");
    }
    let log = stage.log("topology");
    assert_eq!(log.matches("what is unfinished is in the log").count(), 2, "{log}");
    assert!(!restarted.is_empty() && stage.bench.documents("btc-value").len() > 3);
    let left = stage.end();
    assert!(left.is_empty(), "left behind: {left:#?}");
}

const SERVICES: [&str; 7] = [
    "storm:kafka-9092",
    "storm:kafka-9093",
    "storm:kafka-9094",
    "es-kibana:elasticsearch1",
    "es-kibana:elasticsearch2",
    "es-kibana:elasticsearch3",
    "es-kibana:kibana",
];

/// A program that tells its arguments and goes on until it is ended.
fn stand_in(bench: &Bench, path: &str, ending: &str) {
    let file = bench.path(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, format!("#!/bin/sh\necho \"$0 $*\"\n{ending}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn distributions(bench: &Bench) -> Vec<(String, String)> {
    let on = format!("exec tail -f /dev/null {}", bench.path("").display());
    stand_in(bench, "kafka/bin/kafka-server-start.sh", &on);
    stand_in(bench, "kafka/bin/kafka-storage.sh", "");
    stand_in(bench, "es/bin/elasticsearch", &on);
    stand_in(bench, "kibana/bin/kibana", &on);
    std::fs::create_dir_all(bench.path("es/config")).unwrap();
    std::fs::write(bench.path("es/config/jvm.options"), "-Xshare:auto\n").unwrap();
    [("KAFKA_HOME", "kafka"), ("ES_HOME", "es"), ("KIBANA_HOME", "kibana")]
        .map(|(home, folder)| (home.to_owned(), bench.path(folder).to_str().unwrap().to_owned()))
        .to_vec()
}

#[test]
fn local_distributions_get_their_configuration_and_are_healed() {
    let stage = Stage::start("local_distributions_get_their_configuration_and_are_healed", distributions);
    let Some(stage) = stage else { return };
    stage.expect(&[&["start"][..], &SERVICES].concat());
    let started = stage.pids(&SERVICES);
    let file = |path: &str| {
        let text = std::fs::read_to_string(stage.bench.path("supervisord/var").join(path)).unwrap();
        assert!(!text.contains("0.0.0.0"), "{path}: {text}");
        text
    };
    for (node, port) in [("1", "9092"), ("2", "9093"), ("3", "9094")] {
        let broker = file(&format!("kafka-{port}/server.properties"));
        assert!(broker.contains(&format!("node.id={node}\n")), "{broker}");
        assert!(broker.contains("voters=1@127.0.0.1:19092,2@127.0.0.1:19093,3@127.0.0.1:19094"), "{broker}");
        assert!(
            broker
                .contains(&format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:1{port}"))
        );
        assert!(stage.log(&format!("kafka-{port}")).contains("kafka-storage.sh format --cluster-id"));
        let node_file = file(&format!("elasticsearch{node}/config/elasticsearch.yml"));
        assert!(node_file.contains("network.host: 127.0.0.1"), "{node_file}");
        let jvm = format!("elasticsearch{node}/config/jvm.options");
        assert_eq!(file(&jvm), "-Xshare:auto\n", "the distribution's own");
    }
    assert!(file("kibana/kibana.yml").contains("\"http://127.0.0.1:9202\""));
    assert!(Path::new(&stage.bench.path("supervisord/var/kibana/kibana.yml")).is_file());

    signal("-KILL", &started);
    let healed = stage.wait_for_new(&SERVICES, &started);
    for node in 1..=3 {
        let node_file = file(&format!("elasticsearch{node}/config/elasticsearch.yml"));
        assert!(
            node_file.contains("initial_master_nodes"),
            "a node that died before the first election: {node_file}"
        );
    }
    stage.expect(&["restart", "es-kibana:"]);
    stage.wait_for_new(&SERVICES[3..], &healed[3..]);
    let left = stage.end();
    assert!(left.is_empty(), "left behind: {left:#?}");
}
