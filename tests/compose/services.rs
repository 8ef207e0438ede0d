use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::document::{compose, file, services, words};
use crate::support::{Bench, expect_success};

/// What ends when it has done its work.
const JOBS: [&str; 2] = ["setup", "setup-kibana"];
const STACK: [&str; 13] = [
    "bpi",
    "blockchain",
    "elasticsearch1",
    "elasticsearch2",
    "elasticsearch3",
    "kafka1",
    "kafka2",
    "kafka3",
    "kibana",
    "setup",
    "setup-kibana",
    "topology",
    "topology-ui",
];

/// Of the many words that a service may have, those that are used here; another one is a slip or needs a thought.
const SERVICE_KEYS: [&str; 21] = [
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "hostname",
    "image",
    "logging",
    "mem_limit",
    "networks",
    "pids_limit",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
];

fn is_ours(service: &Value) -> bool {
    service["image"].as_str().unwrap().starts_with("bitcoin-dashboard:")
}

fn environment(service: &Value) -> Vec<(String, String)> {
    let pairs = service["environment"].as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

#[test]
fn the_whole_stack_is_there() {
    let expected: BTreeSet<String> = STACK.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(services().keys().cloned().collect::<BTreeSet<_>>(), expected);
    for key in compose().as_object().unwrap().keys() {
        let known =
            ["name", "services", "networks", "volumes"].contains(&key.as_str()) || key.starts_with("x-");
        assert!(known, "unknown at the top: {key}");
    }
    for (name, service) in services() {
        for key in service.as_object().unwrap().keys() {
            assert!(SERVICE_KEYS.contains(&key.as_str()), "{name}: unknown key {key}");
        }
    }
}

#[test]
fn every_service_has_its_limits_its_health_and_time_to_drain() {
    for (name, service) in services() {
        for key in ["mem_limit", "pids_limit", "stop_grace_period", "restart"] {
            assert!(!service[key].is_null(), "{name} has no {key}");
        }
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(service["logging"]["options"]["max-size"].is_string(), "{name}: its log grows for ever");
        assert_eq!(
            service["read_only"] == true,
            is_ours(&service),
            "{name}: our own program writes to volumes only"
        );
        let health = &service["healthcheck"];
        if JOBS.contains(&name.as_str()) {
            assert_eq!(health["disable"], true, "{name} ends by itself");
            assert!(service["restart"].as_str().unwrap().starts_with("on-failure:"), "{name}");
            continue;
        }
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(words(&health["test"]).len() > 1, "{name} has no health check");
        for key in ["interval", "timeout", "retries", "start_period"] {
            assert!(!health[key].is_null(), "{name}'s health check has no {key}");
        }
    }
}

#[test]
fn nothing_is_reachable_from_beyond_this_machine() {
    let mut published = Vec::new();
    for (name, service) in services() {
        assert!(service["network_mode"].is_null() && service["privileged"].is_null(), "{name}");
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
            published.push(name.clone());
        }
        let networks = words(&service["networks"]);
        if name.starts_with("kafka") || name.starts_with("elasticsearch") {
            assert_eq!(networks, ["services"], "{name} has no password, so it has no way in or out");
        }
    }
    assert_eq!(published, ["kibana", "topology-ui"], "what a person looks at, and nothing else");
    assert_eq!(compose()["networks"]["services"]["internal"], true);
}

#[test]
fn everything_that_is_named_is_there() {
    let (compose, services) = (compose(), services());
    let declared = |kind: &str| compose[kind].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let mut used = (BTreeSet::new(), BTreeSet::new());
    for (name, service) in &services {
        used.0.extend(words(&service["networks"]));
        for volume in words(&service["volumes"]) {
            let (volume, target) = volume.split_once(':').unwrap();
            assert!(target.starts_with('/'), "{name}: {target}");
            used.1.insert(volume.to_owned());
        }
        for (needed, condition) in service["depends_on"].as_object().into_iter().flatten() {
            let needed_service = services.get(needed).unwrap_or_else(|| panic!("{name} waits for {needed}"));
            let is_job = JOBS.contains(&needed.as_str());
            let expected = if is_job { "service_completed_successfully" } else { "service_healthy" };
            assert_eq!(condition["condition"], expected, "{name} waits for {needed}");
            assert!(is_job || needed_service["healthcheck"]["test"].is_array(), "{needed}");
        }
        // Every host that our program is told to reach is a service on one of its networks.
        for (variable, value) in environment(service).iter().filter(|_| is_ours(service)) {
            for address in value.split(',').filter(|address| address.contains(':')) {
                let host = address.trim_start_matches("http://").split(':').next().unwrap();
                let target = services.get(host).unwrap_or_else(|| panic!("{name}: {variable} names {host}"));
                let theirs = words(&target["networks"]);
                let is_shared = words(&service["networks"]).iter().any(|network| theirs.contains(network));
                assert!(is_shared, "{name} cannot reach {host}");
            }
        }
    }
    assert_eq!(used, (declared("networks"), declared("volumes")));
}

#[test]
fn three_brokers_and_three_nodes_make_one_cluster_each() {
    let services = services();
    for number in 1..=3 {
        let broker = &services[&format!("kafka{number}")]["environment"];
        assert_eq!(broker["KAFKA_NODE_ID"], number);
        assert_eq!(broker["KAFKA_ADVERTISED_LISTENERS"], format!("PLAINTEXT://kafka{number}:9092"));
        let voters = broker["KAFKA_CONTROLLER_QUORUM_VOTERS"].as_str().unwrap();
        assert!(voters.contains(&format!("{number}@kafka{number}:9093")), "{voters}");
        let node = &services[&format!("elasticsearch{number}")]["environment"];
        assert_eq!(node["node.name"], format!("elasticsearch{number}"));
        for list in ["discovery.seed_hosts", "cluster.initial_master_nodes"] {
            assert!(node[list].as_str().unwrap().split(',').any(|name| name == node["node.name"]), "{list}");
        }
    }
}

#[test]
fn our_program_takes_the_commands_and_the_settings() {
    let bench = Bench::new();
    let ours = services().into_iter().filter(|(_, service)| is_ours(service));
    for (name, service) in ours {
        let command = words(&service["command"]);
        // An option that is not known is refused before the help is given.
        expect_success(&bench.run(command.iter().map(String::as_str).chain(["--help"])));
        let checked = bench.command(["check-config"]).envs(environment(&service)).output().unwrap();
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
        let in_force = String::from_utf8(checked.stdout).unwrap();
        assert!(in_force.contains("backend = \"cluster\""), "{name}: {in_force}");
        // Docker starts it again whatever its exit code: it must have nothing that another one could have taken over.
        assert!(in_force.contains("state = \"local\""), "{name}: {in_force}");
        let store = words(&service["volumes"]);
        assert_eq!(
            store.contains(&"topology:/data".to_owned()),
            name == "topology",
            "{name} keeps {store:?}"
        );
    }
}

/// By tools that know the whole schema, where they are.
#[test]
fn the_schema_is_kept() {
    let path = file("docker-compose.yml");
    let path = path.to_str().unwrap();
    let schema = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", path];
    let compose = ["docker", "compose", "--file", path, "config", "--quiet"];
    for (tool, words, is_there) in [
        ("check-jsonschema", &schema[..], &["check-jsonschema", "--version"][..]),
        ("docker compose", &compose[..], &["docker", "compose", "version"][..]),
    ] {
        let run = |words: &[&str]| Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
        if run(is_there).is_ok_and(|output| output.status.success()) {
            expect_success(&run(words).unwrap());
        } else {
            eprintln!("skipped: the_schema_is_kept: no {tool} here");
        }
    }
}
