use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Bench, binary, expect_success};

/// In the order of their start. The end of supervisord ends them in the reverse order: who writes, before who stores.
const GROUPS: [(&str, &[&str]); 3] = [
    ("es-kibana", &["elasticsearch1", "elasticsearch2", "elasticsearch3", "kibana"]),
    ("storm", &["kafka-9092", "kafka-9093", "kafka-9094", "topology", "topology-ui"]),
    ("producer", &["bpi", "blockchain"]),
];

/// Our own programs, which a configuration of the operator's never makes external.
const OURS: [&str; 4] = ["bpi", "blockchain", "topology", "topology-ui"];

type Section = BTreeMap<String, String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("supervisord")
}

fn sections() -> BTreeMap<String, Section> {
    let text = std::fs::read_to_string(folder().join("supervisord.conf")).unwrap();
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section.clone_into(&mut name);
            assert!(sections.insert(name.clone(), Section::new()).is_none(), "[{name}] stands twice");
        } else {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no key and value: {line}"));
            let known = sections.get_mut(&name).unwrap().insert(key.to_owned(), value.to_owned());
            assert!(known.is_none(), "{key} stands twice in [{name}]");
        }
    }
    sections
}

fn programs() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(_, programs)| programs.iter().copied())
}

/// What the script would run.
fn printed(bench: &Bench, program: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(folder().join("run"));
    command.args(["--print", program]).env("BITCOIN_DASHBOARD_BIN", binary());
    command.env("SERVICES_DATA", bench.path("data")).env_remove("BITCOIN_DASHBOARD__BACKEND");
    for home in ["KAFKA_HOME", "ES_HOME", "KIBANA_HOME"] {
        command.env_remove(home);
    }
    command.envs(environment.iter().copied()).output().unwrap()
}

#[test]
fn the_groups_are_the_seed_projects() {
    let sections = sections();
    for (group, programs) in GROUPS {
        assert_eq!(sections[&format!("group:{group}")]["programs"], programs.join(","));
    }
    let priority =
        |(group, _): &(&str, _)| sections[&format!("group:{group}")]["priority"].parse::<u32>().unwrap();
    assert!(GROUPS.is_sorted_by_key(priority));
    let mut expected: Vec<String> = programs().map(|program| format!("program:{program}")).collect();
    expected.extend(GROUPS.iter().map(|(group, _)| format!("group:{group}")));
    expected.extend(
        ["supervisord", "supervisorctl", "unix_http_server", "rpcinterface:supervisor"].map(Into::into),
    );
    expected.sort();
    assert_eq!(sections.keys().cloned().collect::<Vec<_>>(), expected, "and no listener on a network");
    assert_eq!(sections["unix_http_server"]["chmod"], "0700");
}

#[test]
fn every_program_is_restarted_drained_and_its_log_rotated() {
    let sections = sections();
    let mut priority_before = 0;
    for program in programs() {
        let section = &sections[&format!("program:{program}")];
        let number =
            |key: &str| -> u32 { section[key].parse().unwrap_or_else(|_| panic!("{program}: {key}")) };
        assert_eq!(section["command"], format!("%(here)s/run {program}"));
        let is_ours = OURS.contains(&program);
        // A topology whose state another has taken over stays ended; whatever else it ends with is a reason to start it again.
        let (autorestart, exitcodes) = match program {
            "topology" => ("unexpected", Some("3")),
            _ if is_ours => ("true", None),
            _ => ("unexpected", Some("0")),
        };
        assert_eq!(
            (&*section["autorestart"], section.get("exitcodes").map(|codes| &**codes)),
            (autorestart, exitcodes),
            "{program}"
        );
        assert_eq!(section["stopsignal"], "TERM", "{program}");
        assert!(number("stopwaitsecs") >= 10 && number("startretries") >= 3, "{program}");
        assert_eq!(section["killasgroup"], "true", "{program}");
        assert_eq!(section["redirect_stderr"], "true", "{program}");
        assert_eq!(section["stdout_logfile"], format!("%(here)s/var/log/{program}.log"));
        assert!(section["stdout_logfile_maxbytes"].ends_with("MB"), "{program}");
        assert!(number("stdout_logfile_backups") >= 1, "{program}");
        // The brokers stand before the topology in their group, the nodes before Kibana.
        let priority = number("priority");
        assert!(priority_before < priority, "{program}: {priority} is not after {priority_before}");
        priority_before = priority;
    }
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let bench = Bench::new();
    for store in ["", "other.db"] {
        for program in OURS {
            let output = printed(&bench, program, &[("BITCOIN_DASHBOARD_STORE", store)]);
            expect_success(&output);
            let printed = String::from_utf8(output.stdout).unwrap();
            let words: Vec<&str> = printed.lines().collect();
            assert_eq!(Path::new(words[0]), binary().canonicalize().unwrap());
            // An option that is not known is refused before the help is given.
            expect_success(&bench.run(words[1..].iter().copied().chain(["--help"])));
            assert_eq!(words.contains(&"other.db"), !store.is_empty(), "{words:?}");
        }
    }
}

/// `setup` and the daemons each give the topics their retention: one that differs would undo the others'.
#[test]
fn every_program_is_told_the_same_retention_of_the_log() {
    let bench = Bench::new();
    let told = bench.path("told");
    std::fs::write(&told, "#!/bin/sh\necho \"$BITCOIN_DASHBOARD__TOPOLOGY__LOG_RETENTION_HOURS\"\n").unwrap();
    std::fs::set_permissions(&told, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = bench.path("its.toml");
    std::fs::write(&config, "topology.log_retention_hours=5\n").unwrap();
    let ours = [OURS.as_slice(), &["setup"]].concat();
    for (name, value, expected) in [
        ("BITCOIN_DASHBOARD__BACKEND", "cluster", "792\n"),
        ("BITCOIN_DASHBOARD__BACKEND", "embedded", "\n"),
        ("BITCOIN_DASHBOARD__TOPOLOGY__LOG_RETENTION_HOURS", "24", "24\n"),
        ("BITCOIN_DASHBOARD_CONFIG", config.to_str().unwrap(), "\n"),
    ] {
        for program in &ours {
            let mut command = Command::new(folder().join("run"));
            command.arg(program).env("SERVICES_DATA", bench.path("data"));
            for variable in ["BITCOIN_DASHBOARD__BACKEND", "BITCOIN_DASHBOARD__TOPOLOGY__LOG_RETENTION_HOURS"]
            {
                command.env_remove(variable);
            }
            let output = command.env("BITCOIN_DASHBOARD_BIN", &told).env(name, value).output().unwrap();
            expect_success(&output);
            assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{program}, {name}={value}");
        }
    }
}

#[test]
fn the_page_asks_the_topology_where_it_listens() {
    let bench = Bench::new();
    let at = [("BITCOIN_DASHBOARD_TOPOLOGY_LISTEN", "127.0.0.1:9999")];
    let words = |program| String::from_utf8(printed(&bench, program, &at).stdout).unwrap();
    assert!(words("topology").ends_with("topology\n--listen\n127.0.0.1:9999\n"));
    assert!(words("topology-ui").ends_with("--topology\nhttp://127.0.0.1:9999\n"));
}

#[test]
fn a_service_of_somebody_elses_ends_well_and_a_wrong_home_does_not() {
    let bench = Bench::new();
    let services = programs().filter(|program| !OURS.contains(program));
    for program in services {
        let output = printed(&bench, program, &[]);
        expect_success(&output);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("_HOME is not set") && said.contains("external"), "{said}");
        let output = printed(&bench, program, &[("BITCOIN_DASHBOARD__BACKEND", "embedded")]);
        expect_success(&output);
        assert!(String::from_utf8(output.stdout).unwrap().contains("the embedded store"), "{program}");
        let homes = ["KAFKA_HOME", "ES_HOME", "KIBANA_HOME"].map(|home| (home, "/nowhere"));
        let output = printed(&bench, program, &homes);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("_HOME=/nowhere; mend it"), "{said}");
    }
    for name in ["zookeeper", "kafka-12", "kafka-9095", "kafka-x9092", "elasticsearch4"] {
        assert!(!printed(&bench, name, &[]).status.success(), "no such program: {name}");
    }
}
