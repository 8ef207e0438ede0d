//! The engine's snapshot, as far as the page shows it.
//!
//! It arrives as plain JSON, so that the page depends on no engine type: a field that is missing is shown as absent.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use crate::format;

/// A running topology.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Snapshot {
    pub(crate) topology: String,
    pub(crate) uptime_ms: u64,
    pub(crate) components: Vec<Component>,
    pub(crate) edges: Vec<Edge>,
    /// The newest autopsies.
    pub(crate) failures: Vec<Failure>,
}

/// A spout, a bolt or a sink, all of its tasks together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) tasks: u64,
    pub(crate) emitted: u64,
    pub(crate) acked: u64,
    pub(crate) failed: u64,
    /// Of a spout: tuples that ended without being good.
    pub(crate) given_up: u64,
    pub(crate) pending: u64,
    pub(crate) executed: u64,
    pub(crate) execute_us_p50: Option<f64>,
    pub(crate) execute_us_p99: Option<f64>,
    /// Of a spout: from the emission of a tuple to the ack of its whole tree.
    pub(crate) complete_us_p50: Option<f64>,
    pub(crate) complete_us_p99: Option<f64>,
    pub(crate) queue_len: u64,
    pub(crate) restarts: u64,
    pub(crate) last_error: Option<String>,
}

impl Component {
    pub(crate) fn is_spout(&self) -> bool {
        self.kind.ends_with("spout")
    }
}

/// A stream between two components.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) stream: String,
    pub(crate) to: String,
    pub(crate) grouping: String,
    pub(crate) emitted: u64,
    pub(crate) acked: u64,
    pub(crate) failed: u64,
    /// Below zero only by a mistake of the engine.
    pub(crate) pending: i64,
}

/// The autopsy of a failed tuple.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) component: String,
    pub(crate) edge: String,
    pub(crate) task: u64,
    /// The spout whose tuple it was.
    pub(crate) spout: String,
    pub(crate) attempt: u64,
    /// Whether it will be tried again.
    pub(crate) kind: String,
    pub(crate) queued_us: Option<f64>,
    pub(crate) executed_us: Option<f64>,
    pub(crate) reason: String,
}

/// What all spouts or all components add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) emitted: u64,
    pub(crate) acked: u64,
    pub(crate) failed: u64,
    pub(crate) given_up: u64,
    pub(crate) pending: u64,
}

impl Snapshot {
    /// Understands the engine's snapshot; what cannot be understood is as good as absent.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        Self::deserialize(value)
            .inspect_err(|error| tracing::debug!(%error, "the snapshot is not understood"))
            .ok()
    }

    /// Of the spouts: what came in, and what became of it.
    pub(crate) fn totals(&self) -> Totals {
        let spouts = self.components.iter().filter(|component| component.is_spout());
        spouts.fold(Totals::default(), |sum, spout| Totals {
            emitted: sum.emitted.saturating_add(spout.emitted),
            acked: sum.acked.saturating_add(spout.acked),
            failed: sum.failed.saturating_add(spout.failed),
            given_up: sum.given_up.saturating_add(spout.given_up),
            pending: sum.pending.saturating_add(spout.pending),
        })
    }
}

/// What a producer says, as names and plain values; nested names are joined with a dot.
pub(crate) fn flattened(value: &Value) -> BTreeMap<String, String> {
    const DEPTH_MAX: u8 = 4;
    let mut flat = BTreeMap::new();
    flatten(value, String::new(), DEPTH_MAX, &mut flat);
    flat
}

fn flatten(value: &Value, name: String, depth: u8, flat: &mut BTreeMap<String, String>) {
    let inner = |key: &str| {
        if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") }
    };
    match value {
        Value::Object(fields) if depth > 0 => {
            for (key, value) in fields {
                flatten(value, inner(key), depth - 1, flat);
            }
        }
        Value::Array(items) if depth > 0 => {
            for (number, value) in items.iter().enumerate() {
                flatten(value, inner(&number.to_string()), depth - 1, flat);
            }
        }
        Value::String(text) => drop(flat.insert(name, text.clone())),
        Value::Number(number) if name.ends_with("_time_ms") => {
            let time = number.as_i64().and_then(DateTime::from_timestamp_millis);
            let name = name.trim_end_matches("_ms").to_owned();
            drop(flat.insert(name, time.map_or_else(String::new, format::second)));
        }
        Value::Number(number) if number.is_u64() => {
            drop(flat.insert(name, format::count(number.as_u64().unwrap_or_default())));
        }
        Value::Null => {}
        plain => drop(flat.insert(name, plain.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_fields_are_absent_not_fatal() {
        let value = json!({"topology": "bitcoin", "components": [
            {"name": "blocks", "kind": "async-spout", "emitted": 7, "acked": 4, "failed": 1, "given_up": 1, "pending": 1, "new": []},
            {"name": "parse", "kind": "bolt", "emitted": 70}
        ]});
        let snapshot = Snapshot::from_value(&value).unwrap();
        let totals = snapshot.totals();
        assert_eq!(
            (totals.emitted, totals.acked, totals.failed, totals.given_up, totals.pending),
            (7, 4, 1, 1, 1)
        );
        assert!(Snapshot::from_value(&json!(3)).is_none());
    }

    #[test]
    fn producers_are_flattened() {
        let flat = flattened(
            &json!({"bpi": {"source": "kraken", "polls": 3000, "gap": null}, "x": [true], "event_time_ms": 0}),
        );
        let shown: Vec<String> = flat.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            shown,
            [
                "bpi.polls=3\u{202f}000",
                "bpi.source=kraken",
                "event_time=1 Jan 1970, 00:00:00 UTC",
                "x.0=true"
            ]
        );
    }
}
