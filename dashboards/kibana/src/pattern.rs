//! Index patterns (data views).
//!
//! Each carries its fields, made from the index templates: Kibana 7.10 then shows an index without documents, or one that does
//! not exist yet, as empty; without them it would complain of it. Later versions ask Elasticsearch in any case.

use std::collections::BTreeMap;

use btc_es_mappings::{Field, TEMPLATES, Template};
use serde_json::{Value, json};

use crate::object::Names;

/// Prices.
pub(crate) const VALUE: &str = "btc-value";
/// Transactions by hour.
pub(crate) const VOLUME: &str = "btc-volume";
/// Rewards by period, outside of the dashboard's time range.
pub(crate) const MINER: &str = "btc-miner";
/// Messages as they were received.
pub(crate) const RAW: &str = "btc-raw";
/// What was not understood.
pub(crate) const DEAD_LETTER: &str = "btc-dead-letter";
/// All indices, outside of the time range.
pub(crate) const NEWEST: &str = "btc-newest";
/// The same with times shown as ages.
pub(crate) const AGE: &str = "btc-age";

/// All indices together.
const EVERY_INDEX: &str = "btc-*";

pub(crate) fn all(names: Names<'_>) -> Vec<Value> {
    let number = |pattern: &str| json!({ "id": "number", "params": { "pattern": pattern } });
    vec![
        pattern(names, VALUE, "btc-value", true, &json!({ "eur": number("0,0.00") })),
        pattern(
            names,
            VOLUME,
            "btc-volume",
            true,
            &json!({
                "max_tx_btc": number("0,0.00"),
                "max_tx_eur": number("0,0"),
                "volume_btc": number("0,0"),
                "volume_eur": number("0,0.[00]a"),
            }),
        ),
        pattern(
            names,
            MINER,
            "btc-miner",
            false,
            &json!({ "blocks": number("0,0"), "reward_btc": number("0,0.00"), "reward_eur": number("0,0") }),
        ),
        pattern(names, RAW, "btc-raw-*", true, &json!({})),
        pattern(names, DEAD_LETTER, "btc-dead-letter", true, &json!({})),
        pattern(names, NEWEST, EVERY_INDEX, false, &json!({})),
        pattern(
            names,
            AGE,
            EVERY_INDEX,
            false,
            &json!({ "@timestamp": { "id": "relative_date", "params": {} } }),
        ),
    ]
}

fn pattern(names: Names<'_>, id: &str, title: &str, has_time: bool, formats: &Value) -> Value {
    let mut attributes = json!({
        "title": names.of(title),
        "fields": Value::Array(fields(title)).to_string(),
        "fieldFormatMap": formats.to_string(),
    });
    if has_time {
        attributes["timeFieldName"] = json!("@timestamp");
    }
    json!({
        "id": names.of(id),
        "type": "index-pattern",
        "attributes": attributes,
        "references": [],
        "migrationVersion": { "index-pattern": "7.6.0" },
    })
}

/// What Kibana would find out about the indices that the title means.
fn fields(title: &str) -> Vec<Value> {
    let means = |index: &str| match title.strip_suffix('*') {
        Some(start) => index.starts_with(start),
        None => index == title,
    };
    let found: BTreeMap<String, Field> = TEMPLATES
        .iter()
        .filter(|template| means(template.name))
        .flat_map(Template::fields)
        .map(|field| (field.name.clone(), field))
        .collect();
    let meta = [
        ("_id", "string", true),
        ("_index", "string", true),
        ("_score", "number", false),
        ("_source", "_source", false),
    ];
    let meta = meta.map(|(name, kind, is_usable)| spec(name, kind, name, is_usable, false));
    let own = found.values().map(|field| {
        let kind = match field.kind.as_str() {
            "keyword" => "string",
            "date" => "date",
            _ => "number",
        };
        spec(&field.name, kind, &field.kind, field.is_indexed, field.is_indexed)
    });
    own.chain(meta).collect()
}

fn spec(name: &str, kind: &str, es_kind: &str, is_usable: bool, has_doc_values: bool) -> Value {
    json!({
        "name": name,
        "type": kind,
        "esTypes": [es_kind],
        "count": 0,
        "scripted": false,
        "searchable": is_usable,
        "aggregatable": is_usable,
        "readFromDocValues": has_doc_values,
    })
}
