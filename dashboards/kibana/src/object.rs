//! Saved objects in Kibana 7.10's shape.

use serde_json::{Value, json};

/// How indices and objects are named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) prefix: &'a str,
}

impl Names<'_> {
    pub(crate) fn of(self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// What a visualization is, apart from its name.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Kibana's name of the kind, e.g. `histogram`.
    pub(crate) kind: &'static str,
    pub(crate) params: Value,
    pub(crate) aggs: Vec<Value>,
    /// Fixed colours by series label.
    pub(crate) colors: Value,
}

/// Which documents a visualization is drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The index pattern's id without the prefix.
    pub(crate) pattern: &'static str,
    /// Lucene's query language; empty means all.
    pub(crate) query: &'static str,
}

impl Source {
    pub(crate) const fn all_of(pattern: &'static str) -> Self {
        Self { pattern, query: "" }
    }
}

/// A visualization; without a source it brings its own (TSVB) or needs none (text).
pub(crate) fn visualization(
    names: Names<'_>,
    (id, title, description): (&str, &str, &str),
    look: &Look,
    source: Option<Source>,
) -> Value {
    const REFERENCE: &str = "kibanaSavedObjectMeta.searchSourceJSON.index";
    let state = json!({ "title": title, "type": look.kind, "params": look.params, "aggs": look.aggs });
    let ui_state = match &look.colors {
        Value::Null => json!({}),
        colors => json!({ "vis": { "colors": colors } }),
    };
    let (search, references) = match source {
        None => (json!({}), json!([])),
        Some(Source { pattern, query }) => (
            json!({
                "query": { "query": query, "language": if query.is_empty() { "kuery" } else { "lucene" } },
                "filter": [],
                "indexRefName": REFERENCE,
            }),
            json!([{ "name": REFERENCE, "type": "index-pattern", "id": names.of(pattern) }]),
        ),
    };
    json!({
        "id": names.of(id),
        "type": "visualization",
        "attributes": {
            "title": title,
            "description": description,
            "version": 1,
            "visState": state.to_string(),
            "uiStateJSON": ui_state.to_string(),
            "kibanaSavedObjectMeta": { "searchSourceJSON": search.to_string() },
        },
        "references": references,
        "migrationVersion": { "visualization": "7.10.0" },
    })
}
