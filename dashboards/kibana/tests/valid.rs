//! Goal: Kibana 7.10 and later import the dashboard and draw every panel of it. Method: all the rules by which an import
//! fails, and those by which a panel would be empty, on the committed file; and each rule on a planted mistake.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod validator;

use btc_dashboard_kibana::{ndjson, objects};
use serde_json::{Value, json};

use crate::validator::faults;

#[test]
fn the_committed_file_is_what_the_generator_writes() {
    let committed = include_str!("../bitcoin-dashboard.ndjson");
    assert!(committed == ndjson(&objects("")), "run cargo run -p btc-dashboard-kibana and commit the file");
}

#[test]
fn every_object_is_valid_with_and_without_a_prefix() {
    for prefix in ["", "other-"] {
        assert_eq!(faults(&ndjson(&objects(prefix)), prefix), Vec::<String>::new());
    }
}

#[test]
fn a_prefix_reaches_everything() {
    let text = ndjson(&objects("other-"));
    assert!(!text.replace("other-btc-", "").contains("\"btc-"), "an id or an index is without its prefix");
    assert_ne!(faults(&text, ""), Vec::<String>::new());
}

#[test]
fn all_that_the_dashboard_promises_is_on_it() {
    let text = ndjson(&objects(""));
    for title in [
        "Price of one BTC",
        "Volume per hour in BTC",
        "Volume per hour in EUR",
        "Largest transaction per hour in BTC",
        "Largest transaction per hour, newest first",
        "Top miners of the day in BTC",
        "Top miners of the day in EUR",
        "Top miners of the month in BTC",
        "Top miners of the month in EUR",
        "Dead letters by reason",
        "Ingestion rate (messages per minute)",
        "Freshness: age of the newest document",
    ] {
        assert!(text.contains(&format!("\"title\":\"{title}\"")), "no panel {title}");
    }
}

/// Changes the JSON in the string attribute at `path` of the object `id`.
fn alter_inner(all: &mut [Value], id: &str, path: &str, alter: impl FnOnce(&mut Value)) {
    let attribute = find(all, id)["attributes"].pointer_mut(path).unwrap();
    let mut inner = serde_json::from_str(attribute.as_str().unwrap()).unwrap();
    alter(&mut inner);
    *attribute = json!(inner.to_string());
}

fn find<'a>(all: &'a mut [Value], id: &str) -> &'a mut Value {
    all.iter_mut().find(|object| object["id"] == id).unwrap()
}

/// Changes a visualization's state.
fn alter_state(all: &mut [Value], id: &str, path: &str, value: Value) {
    alter_inner(all, id, "/visState", |state| *state.pointer_mut(path).unwrap() = value);
}

type Mistake = (&'static str, fn(&mut Vec<Value>));

#[rustfmt::skip]
const MISTAKES: [Mistake; 32] = [
    ("has the keys", |all| all.push(json!({ "exportedCount": 1 }))),
    ("is of an unknown type", |all| find(all, "btc-price")["type"] = json!("lens")),
    ("has the versions", |all| find(all, "btc-price")["migrationVersion"] = json!({ "visualization": "7.11.0" })),
    ("has the versions", |all| find(all, "bitcoin-dashboard")["migrationVersion"] = json!({ "dashboard": "7.11.0" })),
    ("unknown attribute", |all| find(all, "bitcoin-dashboard")["attributes"]["controlGroupInput"] = json!({})),
    ("is there twice", |all| { let again = all[0].clone(); all.push(again); }),
    ("refers to no", |all| { all.remove(0); }),
    ("refers to no", |all| all.retain(|object| object["id"] != "btc-price")),
    ("/visState is no JSON", |all| find(all, "btc-price")["attributes"]["visState"] = json!("{")),
    ("searchSourceJSON is no JSON", |all| find(all, "btc-price")["attributes"]["kibanaSavedObjectMeta"] = json!({})),
    ("/panelsJSON is no JSON", |all| find(all, "bitcoin-dashboard")["attributes"]["panelsJSON"] = json!("[")),
    ("two titles", |all| alter_state(all, "btc-price", "/title", json!("Price"))),
    ("unknown kind", |all| alter_state(all, "btc-price", "/type", json!("lines"))),
    ("two kinds", |all| alter_state(all, "btc-miners-day-btc", "/params/type", json!("horizontal_bar"))),
    ("its references []", |all| find(all, "btc-price")["references"] = json!([])),
    ("\"eur_price\" is not possible", |all| alter_state(all, "btc-price", "/aggs/0/params/field", json!("eur_price"))),
    ("\"source\" is not possible", |all| alter_state(all, "btc-price", "/aggs/0/params/field", json!("source"))),
    ("\"raw_base64\" is not possible", |all| alter_state(all, "btc-dead-reasons", "/aggs/2/params/field", json!("raw_base64"))),
    ("\"volume_btc\" is not possible", |all| alter_state(all, "btc-volume-btc", "/aggs/1/params/field", json!("volume_btc"))),
    ("cannot be a bucket", |all| alter_state(all, "btc-price", "/aggs/3/schema", json!("bucket"))),
    ("which it does not measure", |all| alter_state(all, "btc-largest-table", "/aggs/3/params/orderBy", json!("9"))),
    ("the aggregation \"1\" twice", |all| alter_state(all, "btc-price", "/aggs/1/id", json!("1"))),
    ("draws", |all| alter_state(all, "btc-price", "/params/seriesParams/0/data/id", json!("7"))),
    ("missing axis", |all| alter_state(all, "btc-price", "/params/seriesParams/0/valueAxis", json!("ValueAxis-2"))),
    ("an axis without a unit", |all| alter_state(all, "btc-price", "/params/valueAxes/0/title", json!({}))),
    ("missing field pereod", |all| alter_inner(all, "btc-miners-day-btc", "/kibanaSavedObjectMeta/searchSourceJSON",
        |search| search["query"]["query"] = json!("blocks:>0 AND pereod:/[0-9]{4}:x/"))),
    ("matches no template", |all| alter_state(all, "btc-ingestion", "/params/index_pattern", json!("raw-*"))),
    ("matches no template", |all| find(all, "btc-value")["attributes"]["title"] = json!("btc-values")),
    ("the time field \"time\"", |all| find(all, "btc-value")["attributes"]["timeFieldName"] = json!("time")),
    ("no aggregatable", |all| alter_inner(all, "btc-value", "/fields", |fields| fields[1]["type"] = json!("string"))),
    ("overlap", |all| alter_inner(all, "bitcoin-dashboard", "/panelsJSON", |panels| panels[1]["gridData"]["x"] = json!(29))),
    ("has no reference", |all| alter_inner(all, "bitcoin-dashboard", "/panelsJSON",
        |panels| panels[1]["panelRefName"] = json!("panel_99"))),
];

#[test]
fn each_planted_mistake_is_found() {
    for (number, (word, plant)) in MISTAKES.into_iter().enumerate() {
        let mut all = objects("");
        plant(&mut all);
        let found = faults(&ndjson(&all), "");
        assert!(
            found.iter().any(|fault| fault.contains(word)),
            "mistake {number} ({word}) went unnoticed: {found:#?}"
        );
    }
    assert_eq!(faults("{\n", ""), ["line 1 is no JSON object"]);
}
