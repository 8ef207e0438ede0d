//! Goal: the templates hold exactly the fields of the topology's documents. Method: serialise each kind of document with every field
//! set, and compare both ways; then let a real server take them, if `TROMBE_ELASTICSEARCH` names one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod server;

use std::collections::BTreeSet;

use btc_es_mappings::{TEMPLATES, Template};
use btc_topology::documents::{
    DEAD_LETTER, DeadLetterDocument, INDICES, MINER, MinerDocument, RAW_BLOCKS, RAW_BPI, RAW_TRANSACTIONS,
    RawBlockFields, RawDocument, VALUE, VOLUME, ValueDocument, VolumeDocument,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::server::Server;

const TIME: &str = "2024-10-19T12:34:56Z";
const TIME_MS: &str = "2024-10-19T12:34:56.789Z";
/// The greatest sum that both the document and Elasticsearch's `long` can say.
const SAT: u64 = i64::MAX as u64;

/// A document of each index with every field set. Where a field comes, this does not compile without it.
fn examples() -> Vec<(&'static str, Value)> {
    let mut examples = computed();
    examples.extend(received());
    examples
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn source(document: &impl Serialize) -> Value {
    serde_json::to_value(document).unwrap()
}

fn computed() -> Vec<(&'static str, Value)> {
    let value = ValueDocument {
        timestamp: text(TIME),
        eur: 62_000.5,
        eur_exact: text("62000.5"),
        source: text("kraken"),
    };
    let volume = VolumeDocument {
        timestamp: text(TIME),
        volume_sat: SAT,
        volume_btc: 1.5,
        volume_eur: 1e12,
        volume_eur_exact: text("1000000000000"),
        adjusted_volume_sat: SAT,
        max_tx_sat: SAT,
        max_tx_btc: 1.5,
        max_tx_eur: Some(1.5),
        max_tx_eur_exact: Some(text("1.5")),
        max_tx_hash: Some("ab".repeat(32)),
        tx_count: SAT,
        priced_share: 1.0,
    };
    let miner = MinerDocument {
        timestamp: text(TIME),
        period: text("2024-10-19"),
        miner: text("AntPool"),
        blocks: 1,
        reward_sat: SAT,
        reward_btc: 3.125,
        reward_eur: 1.5,
        reward_eur_exact: text("1.5"),
        priced_share: 0.5,
    };
    vec![(VALUE, source(&value)), (VOLUME, source(&volume)), (MINER, source(&miner))]
}

fn received() -> Vec<(&'static str, Value)> {
    let long = || "é".repeat(500_000);
    let block = RawBlockFields {
        hash: "00".repeat(32),
        height: Some(u32::MAX),
        time: text(TIME),
        miner: text("AntPool"),
        reward_sat: Some(SAT),
        tx_count: Some(u32::MAX),
        outputs_sat: Some(SAT),
        largest_tx: Some("ab".repeat(32)),
        largest_tx_sat: Some(SAT),
    };
    let raw = RawDocument {
        timestamp: text(TIME_MS),
        key: "k".repeat(100_000),
        source: text("mempool.space"),
        feed: text("sample"),
        message: Some(long()),
        message_base64: Some(long()),
        block: None,
    };
    let letter = DeadLetterDocument {
        timestamp: text(TIME_MS),
        reason: "why".repeat(30_000),
        source: text("kraken"),
        feed: text("live"),
        topic: Some(text("p3-btc-bpi")),
        partition: Some(8),
        offset: Some(SAT),
        raw_base64: long(),
        raw_bytes: SAT,
    };
    vec![
        (RAW_BPI, source(&raw)),
        (RAW_TRANSACTIONS, source(&raw)),
        (RAW_BLOCKS, source(&RawDocument { block: Some(block), ..raw })),
        (DEAD_LETTER, source(&letter)),
    ]
}

#[test]
fn there_is_a_template_for_every_index() {
    let names: BTreeSet<&str> = TEMPLATES.iter().map(|template| template.name).collect();
    assert_eq!(names, INDICES.into_iter().collect());
}

#[test]
fn templates_and_documents_have_the_same_fields_of_fitting_types() {
    for (index, document) in examples() {
        let fields = Template::named(index).unwrap().fields();
        let names: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let document = document.as_object().unwrap();
        assert_eq!(names, document.keys().map(String::as_str).collect(), "{index}");
        for field in fields {
            let value = &document[&field.name];
            let fits = match field.kind.as_str() {
                "long" => value.is_u64(),
                "double" => value.is_f64(),
                "keyword" => value.is_string(),
                "date" => chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).is_ok(),
                _ => false,
            };
            assert!(fits, "{index}: {} as {}", field.name, field.kind);
        }
    }
}

#[test]
fn templates_are_strict_and_spread_over_three_nodes() {
    for template in TEMPLATES {
        let (name, body) = template.with_prefix("other-");
        assert_eq!(body["index_patterns"], json!([name]));
        assert_eq!(name, format!("other-{}", template.name));
        let settings = json!({ "number_of_shards": 3, "number_of_replicas": 2, "refresh_interval": "1s" });
        assert_eq!(body["template"]["settings"]["index"], settings, "{name}");
        assert_eq!(body["template"]["mappings"]["dynamic"], "strict", "{name}");
        assert_eq!(body["_meta"]["version"], body["version"], "{name}");
    }
}

/// What a real server makes of them, among others that a text may be longer than any term of Lucene's.
#[test]
fn a_server_takes_every_document_and_refuses_unknown_fields() {
    let Some(server) = Server::of_environment("a_server_takes_every_document") else { return };
    let prefix = format!("m-{}-", std::process::id());
    for (index, document) in examples() {
        let (name, body) = Template::named(index).unwrap().with_prefix(&prefix);
        assert_eq!(server.send("PUT", &format!("/_index_template/{name}"), &body).0, 200, "{name}");
        let (status, answer) = server.send("PUT", &format!("/{name}/_doc/1?refresh=true"), &document);
        let (_, stored) = server.send("GET", &format!("/{name}/_doc/1"), &Value::Null);
        let mut unknown = document.clone();
        unknown["colour"] = json!("red");
        let (unknown_status, _) = server.send("PUT", &format!("/{name}/_doc/2"), &unknown);
        let nulls = document.as_object().unwrap().keys().map(|key| (key.clone(), Value::Null)).collect();
        let (null_status, _) = server.send("PUT", &format!("/{name}/_doc/3"), &Value::Object(nulls));
        server.send("DELETE", &format!("/{name}"), &Value::Null);
        server.send("DELETE", &format!("/_index_template/{name}"), &Value::Null);
        assert_eq!((status, unknown_status, null_status), (201, 400, 201), "{name}: {answer}");
        assert!(stored["_source"] == document, "{name} gives another document back");
    }
}
