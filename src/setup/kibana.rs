//! The Kibana dashboard.
//!
//! Later versions of Kibana migrate what they import, so what they give back is not what was sent. What tells the two apart are the
//! objects' titles, a mark in the dashboard's description that is made of all that was sent, and the times at which the
//! objects were last written: an import writes all at once.

use std::collections::BTreeMap;

use btc_dashboard_kibana::{DASHBOARD_ID, ndjson, objects};
use chrono::{DateTime, Utc};
use serde_json::Value;
use trombe_connectors::{Kibana, KibanaConfig, KibanaError, ObjectName};

use super::{Finding, Mode};

/// An object that was written so much later than the others was edited. An import takes seconds.
const IMPORT_SECONDS_MAX: i64 = 60;

/// Looks at every saved object, and imports all of them if `mode` allows and one is not as it should be.
pub(crate) async fn set_up(
    config: &KibanaConfig,
    index_prefix: &str,
    mode: Mode,
) -> Result<Vec<Finding>, KibanaError> {
    let kibana = Kibana::connect(config)?;
    let wanted = marked(objects(index_prefix), index_prefix);
    let names: Vec<ObjectName> = wanted.iter().map(name).collect();
    let drift = drift(&kibana.export(&names).await?, &wanted);
    let dashboard = format!("dashboard `{index_prefix}{DASHBOARD_ID}`");
    if drift.is_empty() {
        return Ok(vec![Finding::Unchanged(format!("{dashboard} and its {} objects", wanted.len() - 1))]);
    }
    if mode == Mode::Check {
        let told = drift.into_iter().map(|why| Finding::Differs(format!("{why}; run `setup --kibana`")));
        return Ok(told.collect());
    }
    kibana.import(&ndjson(&wanted), wanted.len()).await?;
    let why = drift.join(", ");
    Ok(vec![Finding::Changed(format!("imported {dashboard} and its {} objects ({why})", wanted.len() - 1))])
}

/// The objects with their mark in the dashboard's description.
fn marked(mut objects: Vec<Value>, index_prefix: &str) -> Vec<Value> {
    let mark = fingerprint(&ndjson(&objects));
    let id = format!("{index_prefix}{DASHBOARD_ID}");
    for dashboard in objects.iter_mut().filter(|object| object["id"] == id.as_str()) {
        let description = text(&dashboard["attributes"]["description"]).to_owned();
        dashboard["attributes"]["description"] = format!("{description} Definition {mark:016x}.").into();
    }
    objects
}

/// FNV-1a.
fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// How the exported objects differ from the wanted ones.
fn drift(exported: &[Value], wanted: &[Value]) -> Vec<String> {
    let found: BTreeMap<ObjectName, &Value> = exported.iter().map(|object| (name(object), object)).collect();
    let mut drift = Vec::new();
    for object in wanted {
        let name = name(object);
        match found.get(&name) {
            None => drift.push(format!("{name} is absent")),
            Some(found) => {
                let keys: &[&str] =
                    if name.kind == "dashboard" { &["title", "description"] } else { &["title"] };
                let differs = |key: &&&str| found["attributes"][**key] != object["attributes"][**key];
                drift.extend(keys.iter().filter(differs).map(|key| format!("{name} has another {key}")));
            }
        }
    }
    drift.extend(edited(&found));
    drift
}

/// The objects that were written later than an import takes. Kibana 7 itself writes index patterns when it reads their fields.
fn edited(found: &BTreeMap<ObjectName, &Value>) -> Vec<String> {
    let written: Vec<(&ObjectName, DateTime<Utc>)> = found
        .iter()
        .filter(|(name, _)| name.kind != "index-pattern")
        .filter_map(|(name, object)| Some((name, text(&object["updated_at"]).parse().ok()?)))
        .collect();
    let Some(first) = written.iter().map(|(_, at)| *at).min() else { return Vec::new() };
    let is_later = |at: DateTime<Utc>| (at - first).num_seconds() > IMPORT_SECONDS_MAX;
    let later = written.into_iter().filter(|(_, at)| is_later(*at));
    later.map(|(name, at)| format!("{name} was edited at {}", at.format("%Y-%m-%dT%H:%M:%SZ"))).collect()
}

fn name(object: &Value) -> ObjectName {
    ObjectName { kind: text(&object["type"]).to_owned(), id: text(&object["id"]).to_owned() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_changed_differs() {
        let wanted = marked(objects("x-"), "x-");
        let mut exported = wanted.clone();
        for object in &mut exported {
            object["updated_at"] = json!("2026-11-21T16:00:30.123Z");
        }
        assert_eq!(drift(&exported, &wanted), Vec::<String>::new());

        let position = |id: &str| wanted.iter().position(|object| object["id"] == id).unwrap();
        let (price, value, board) =
            (position("x-btc-price"), position("x-btc-value"), position("x-bitcoin-dashboard"));
        exported[price]["updated_at"] = json!("2026-11-21T16:02:00.000Z");
        exported[value]["updated_at"] = json!("2026-11-22T16:02:00.000Z");
        exported[board]["attributes"]["description"] = json!("older");
        exported.remove(position("x-btc-volume-eur"));
        assert_eq!(
            drift(&exported, &wanted),
            [
                "visualization `x-btc-volume-eur` is absent",
                "dashboard `x-bitcoin-dashboard` has another description",
                "visualization `x-btc-price` was edited at 2026-11-21T16:02:00Z",
            ]
        );
    }

    #[test]
    fn the_mark_follows_from_everything_that_is_imported() {
        let mut changed = objects("");
        changed[0]["attributes"]["title"] = json!("btc-values");
        let description =
            |objects: Vec<Value>| marked(objects, "").pop().unwrap()["attributes"]["description"].clone();
        assert_ne!(description(changed), description(objects("")));
    }
}
