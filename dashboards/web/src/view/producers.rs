//! What the producers say of themselves: their counters, and how each source of a live feed fares.

use std::collections::BTreeMap;

use chrono::DateTime;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::topology::{section, wide_table};
use crate::{format, snapshot::flattened};

/// Where a live feed comes from; fields that are missing are absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Source {
    state: String,
    healthy: bool,
    messages: u64,
    failures: u64,
    last_message_ms: Option<i64>,
}

pub(super) fn producers(producer: Option<&Value>) -> Markup {
    let mut producer = producer.cloned().unwrap_or_default();
    let sources = producer
        .as_object_mut()
        .and_then(|fields| fields.remove("sources"))
        .and_then(|sources| BTreeMap::<String, Source>::deserialize(sources).ok())
        .unwrap_or_default();
    let facts = flattened(&producer);
    html! {
        @if !facts.is_empty() {
            (section("producer", "Producers", &html! {
                dl.facts { @for (name, value) in &facts { (fact(name, value)) } }
            }))
        }
        @if !sources.is_empty() { (section("sources", "Sources", &table(&sources))) }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name.replace('_', " ")) } dd { (value) } } }
}

fn table(sources: &BTreeMap<String, Source>) -> Markup {
    let columns = ["Source", "Messages", "Failures", "<Last message", "<State"];
    wide_table("sources", &columns, sources.iter().map(row).collect())
}

fn row((name, source): (&String, &Source)) -> Markup {
    let last = source.last_message_ms.and_then(DateTime::from_timestamp_millis);
    html! {
        tr {
            th scope="row" { (name) }
            td { (format::count(source.messages)) }
            td.bad[!source.healthy] { (format::count(source.failures)) }
            td.word { @match last { Some(at) => (format::second(at)), None => span.faint { "none yet" } } }
            td.reason.down[!source.healthy] { (source.state) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sources_are_a_table_and_the_rest_are_facts() {
        let html = producers(Some(&json!({
            "log_retries": 1_200, "sources": {"kraken": {"state": "live", "healthy": true, "messages": 7, "failures": 2,
            "last_message_ms": 1_730_332_800_000_i64, "new": 1}, "bitstamp": {}}
        })))
        .into_string();
        for part in
            ["<dt>log retries</dt><dd>1\u{202f}200</dd>", "kraken", "31 Oct 2024, 00:00:00 UTC", "none yet"]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("healthy"), "{html}");
        assert_eq!(producers(None).into_string(), "");
        assert!(producers(Some(&json!({"sources": 3, "x": 1}))).into_string().contains("<dt>x</dt>"));
    }
}
