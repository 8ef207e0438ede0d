//! Against real servers, with a prefix of the test's own.

use std::process::Command;

use serde_json::{Value, json};

use super::said;
use crate::support::Bench;

/// The names of one test, which are removed with it.
struct Names {
    prefix: String,
    variable: &'static str,
    servers: String,
}

impl Names {
    /// `None`, with a loud word, where no servers are.
    fn find(test: &str, variable: &'static str) -> Option<Self> {
        let Ok(servers) = std::env::var(variable) else {
            eprintln!("skipped: {test}: no servers (set {variable})");
            return None;
        };
        Some(Self { prefix: format!("{test}-{}-", std::process::id()), variable, servers })
    }

    fn setup(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
        let bench = Bench::new();
        let mut command = bench.command(["setup"].iter().chain(arguments));
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
}

impl Drop for Names {
    fn drop(&mut self) {
        if self.variable == "TROMBE_ELASTICSEARCH" {
            for index in btc_es_mappings::TEMPLATES {
                let name = format!("{}{}", self.prefix, index.name);
                self.elasticsearch("DELETE", &name, &Value::Null);
                self.elasticsearch("DELETE", &format!("_index_template/{name}"), &Value::Null);
            }
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
    let (ok, out, _) = names.setup(&["--elasticsearch"], &[]);
    assert!(!ok && out.contains(&format!("changed: replaced template `{value}`")), "{out}");
    assert!(out.contains(&index) && out.contains(&format!("delete or _reindex `{value}`")), "{out}");
    names.elasticsearch("DELETE", &value, &Value::Null);
    assert!(names.setup(&["--elasticsearch"], &[]).0);
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
