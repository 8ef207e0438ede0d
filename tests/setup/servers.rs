//! Against real servers, with a prefix of the test's own.

use std::process::Command;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use serde_json::{Value, json};

use super::said;
use crate::support::Bench;

/// The names of one test, which are removed with it.
pub(super) struct Names {
    pub(super) prefix: String,
    pub(super) bench: Bench,
    variable: &'static str,
    servers: String,
}

impl Names {
    /// `None`, with a loud word, where no servers are.
    pub(super) fn find(test: &str, variable: &'static str) -> Option<Self> {
        let Ok(servers) = std::env::var(variable) else {
            eprintln!("skipped: {test}: no servers (set {variable})");
            return None;
        };
        Some(Self {
            prefix: format!("{test}-{}-", std::process::id()),
            bench: Bench::new(),
            variable,
            servers,
        })
    }

    pub(super) fn setup(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
        let mut command = self.bench.command(["setup"].iter().chain(arguments));
        match self.variable {
            "TROMBE_KAFKA" => command
                .env("BITCOIN_DASHBOARD__KAFKA__BOOTSTRAP_SERVERS", &self.servers)
                .env("BITCOIN_DASHBOARD__KAFKA__TOPIC_PREFIX", &self.prefix),
            _ => command
                .env("BITCOIN_DASHBOARD__ELASTICSEARCH__URLS", &self.servers)
                .env("BITCOIN_DASHBOARD__ELASTICSEARCH__INDEX_PREFIX", &self.prefix),
        };
        said(&command.envs(environment.iter().copied()).output().unwrap())
    }

    /// A request to the first node of Elasticsearch.
    fn elasticsearch(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.servers.split(',').next().unwrap().trim_end_matches('/'));
        let mut command = Command::new("curl");
        command.args(["-s", "-X", method, &url, "-H", "content-type: application/json"]);
        if !body.is_null() {
            command.args(["-d", &body.to_string()]);
        }
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    }

    /// Writes documents as `export` prints them, to be found at once.
    pub(super) fn index(&self, index: &str, documents: &[Value]) {
        let index = format!("{}{index}", self.prefix);
        let lines = documents.iter().flat_map(|document| {
            let (id, version) = (&document["_id"], &document["_version"]);
            let action = json!({ "index": { "_id": id, "version": version, "version_type": "external" } });
            [action.to_string(), "\n".to_owned(), document["_source"].to_string(), "\n".to_owned()]
        });
        let file = self.bench.path("bulk.ndjson");
        std::fs::write(&file, lines.collect::<String>()).unwrap();
        let node = self.servers.split(',').next().unwrap().trim_end_matches('/');
        let mut command = Command::new("curl");
        command.args(["-s", &format!("{node}/{index}/_bulk?refresh=true&filter_path=errors")]);
        command.args(["-H", "content-type: application/x-ndjson", "--data-binary"]);
        let answer = command.arg(format!("@{}", file.display())).output().unwrap().stdout;
        assert_eq!(String::from_utf8(answer).unwrap(), r#"{"errors":false}"#, "{index}");
    }

    /// What Kibana asks; an empty query means all documents.
    pub(super) fn search(&self, pattern: &str, query: &Value, aggs: &Value) -> Value {
        let query = match query.as_str().unwrap() {
            "" => json!({ "match_all": {} }),
            query => json!({ "query_string": { "query": query, "analyze_wildcard": true } }),
        };
        self.elasticsearch(
            "POST",
            &format!("{pattern}/_search?size=0"),
            &json!({ "query": query, "aggs": aggs }),
        )
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        if self.variable == "TROMBE_ELASTICSEARCH" {
            for index in btc_es_mappings::TEMPLATES {
                let name = format!("{}{}", self.prefix, index.name);
                self.elasticsearch("DELETE", &name, &Value::Null);
                self.elasticsearch("DELETE", &format!("_index_template/{name}"), &Value::Null);
            }
        } else {
            let client: AdminClient<_> =
                ClientConfig::new().set("bootstrap.servers", &self.servers).create().unwrap();
            let topics: Vec<String> = btc_topology::TOPICS
                .iter()
                .chain([&"of-state"])
                .map(|topic| format!("{}{topic}", self.prefix))
                .collect();
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(client.delete_topics(&topics, &AdminOptions::new())).unwrap();
        }
    }
}

#[track_caller]
fn expect_all(out: &str, state: &str, count: usize) {
    let found = out.lines().filter(|line| line.contains(&format!(": {state}: "))).count();
    assert_eq!((found, out.lines().count()), (count, count), "{out}");
}

#[test]
fn elasticsearch_gets_what_is_missing_and_keeps_what_is_there() {
    let Some(names) = Names::find("setup-es", "TROMBE_ELASTICSEARCH") else { return };
    let (ok, out, _) = names.setup(&["--elasticsearch", "--check"], &[]);
    assert!(!ok);
    expect_all(&out, "differs", 14);
    let (ok, out, err) = names.setup(&["--elasticsearch"], &[]);
    assert!(ok, "{err}");
    expect_all(&out, "changed", 14);
    for arguments in [&["--elasticsearch"][..], &["--elasticsearch", "--check"]] {
        let (ok, out, err) = names.setup(arguments, &[]);
        assert!(ok, "{out}{err}");
        expect_all(&out, "unchanged", 14);
    }

    let (value, mut template) = btc_es_mappings::TEMPLATES[0].with_prefix(&names.prefix);
    template["template"]["mappings"]["properties"]["eur"] = json!({ "type": "float" });
    names.elasticsearch("PUT", &format!("_index_template/{value}"), &template);
    names.elasticsearch("DELETE", &value, &Value::Null);
    names.elasticsearch("PUT", &value, &Value::Null);
    names.elasticsearch("DELETE", &format!("{}btc-miner", names.prefix), &Value::Null);

    let (ok, out, err) = names.setup(&["--elasticsearch", "--check"], &[]);
    assert!(!ok && err.contains("differs in 3 places"), "{out}{err}");
    let template =
        format!("template `{value}`.template.mappings.properties.eur.type is float instead of double");
    let index = format!("mapping of index `{value}`.properties.eur.type is float instead of double");
    let absent = format!("index `{}btc-miner` is absent; run", names.prefix);
    for words in [&template, &index, &absent] {
        assert!(out.contains(words.as_str()), "{words}: {out}");
    }
    let (ok, out, err) = names.setup(&["--elasticsearch"], &[]);
    assert!(out.contains(&format!("changed: replaced template `{value}`")), "{out}");
    assert!(out.contains(&index) && out.contains(&format!("_reindex `{value}`, or delete it")), "{out}");
    assert!(
        ok && err.contains("still differs in 1 places"),
        "what cannot be mended fails no deployment: {err}"
    );
    assert!(!names.setup(&["--elasticsearch", "--check"], &[]).0);
    names.elasticsearch("DELETE", &value, &Value::Null);
    assert!(names.setup(&["--elasticsearch"], &[]).0);
    assert!(names.setup(&["--elasticsearch", "--check"], &[]).0);

    let slower = json!({ "index": { "number_of_replicas": 0, "refresh_interval": "30s" } });
    names.elasticsearch("PUT", &format!("{value}/_settings"), &slower);
    let (ok, out, err) = names.setup(&["--elasticsearch", "--check"], &[]);
    assert!(!ok && err.contains("differs in 2 places"), "{out}{err}");
    let (ok, out, err) = names.setup(&["--elasticsearch"], &[]);
    assert!(ok && out.contains(&format!("changed: mended the settings of index `{value}`")), "{out}{err}");
    assert!(names.setup(&["--elasticsearch", "--check"], &[]).0);
}

#[test]
fn kafka_gets_what_is_missing_and_what_has_changed() {
    let Some(names) = Names::find("setup-kafka", "TROMBE_KAFKA") else { return };
    let shorter = [("BITCOIN_DASHBOARD__TOPOLOGY__LOG_RETENTION_HOURS", "5")];
    let (ok, out, _) = names.setup(&["--kafka", "--check"], &[]);
    assert!(!ok);
    expect_all(&out, "differs", 4);
    let (ok, out, err) = names.setup(&["--kafka"], &[]);
    assert!(ok && out.contains("with 9 partitions and 3 replicas"), "{out}{err}");
    expect_all(&out, "changed", 4);
    for arguments in [&["--kafka"][..], &["--kafka", "--check"]] {
        let (ok, out, err) = names.setup(arguments, &[]);
        assert!(ok, "{out}{err}");
        expect_all(&out, "unchanged", 4);
    }
    let (ok, out, _) = names.setup(&["--kafka", "--check"], &shorter);
    assert!(!ok && out.contains("retention.ms") && out.contains("instead of 18000000; run"), "{out}");
    let (ok, out, _) = names.setup(&["--kafka"], &shorter);
    assert!(ok, "{out}");
    expect_all(&out, "changed", 4);
    assert!(names.setup(&["--kafka", "--check"], &shorter).0);
}

/// Only with state on Kafka is there a topic of the state; what would lose state is told and never changed.
#[test]
fn kafka_gets_the_topic_of_the_state_if_it_has_the_state() {
    let Some(names) = Names::find("setup-state", "TROMBE_KAFKA") else { return };
    let state = [("BITCOIN_DASHBOARD__BACKEND", "cluster"), ("BITCOIN_DASHBOARD__STATE", "kafka")];
    let of = |settings: &[(&'static str, &'static str)]| [&state[..], settings].concat();
    let setup = |check: bool, settings: &[(&'static str, &'static str)]| {
        let arguments = ["--kafka", "--store", "dir/of-state.db", "--check"];
        names.setup(&arguments[..if check { 4 } else { 3 }], &of(settings))
    };
    let topic = format!("`{}of-state`", names.prefix);
    let (ok, out, _) = setup(true, &[]);
    assert!(!ok && out.contains(&format!("topic {topic} is absent; run")), "{out}");
    expect_all(&out, "differs", 5);
    let (ok, out, err) = setup(false, &[]);
    assert!(ok && out.contains(&format!("created compacted topic {topic} with 1 partitions")), "{out}{err}");
    for check in [true, false] {
        let (ok, out, err) = setup(check, &[]);
        assert!(ok, "{out}{err}");
        expect_all(&out, "unchanged", 5);
    }

    let less = [("BITCOIN_DASHBOARD__KAFKA__MIN_INSYNC_REPLICAS", "1")];
    let (ok, out, _) = setup(true, &less);
    let wanted = format!("min.insync.replicas of topic {topic} is 2 instead of 1; run");
    assert!(!ok && out.contains(&wanted), "{out}");
    let (ok, out, _) = setup(true, &[("BITCOIN_DASHBOARD__KAFKA_STATE__PARTITIONS_COUNT", "2")]);
    assert!(!ok && out.contains(&format!("topic {topic} has 1 partitions instead of 2; mend")), "{out}");

    // A topic of the log in its place would lose state.
    let (ok, out, _) = names.setup(&["--kafka", "--check", "--store", "p3-btc-bpi.db"], &of(&[]));
    assert!(!ok && out.contains("cleanup.policy of topic"), "{out}");
    assert!(out.contains("is delete instead of compact; mend"), "{out}");
}
