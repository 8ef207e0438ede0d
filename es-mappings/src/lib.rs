//! The index templates beside this crate's `src`, one file each: the body of `PUT _index_template/<name>`.
//!
//! They are compiled in, so that one binary installs them (`setup`) and the Kibana dashboard is built from the same
//! fields that the documents have. Architecture invariant: nothing here speaks to a server.

use serde_json::{Value, json};

/// One composable index template, of the one index that has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// The template's and the index's name without a prefix, e.g. `btc-value`.
    pub name: &'static str,
    text: &'static str,
}

/// One property of a template's mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, e.g. `@timestamp`.
    pub name: String,
    /// `date`, `double`, `keyword` or `long`.
    pub kind: String,
    /// Whether queries and aggregations can use it. Texts of any length are only stored.
    pub is_indexed: bool,
}

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(Template { name: $name, text: include_str!(concat!("../", $name, ".json")) }),*]
    };
}

/// All templates.
pub const TEMPLATES: [Template; 7] = templates![
    "btc-value",
    "btc-volume",
    "btc-miner",
    "btc-raw-bpi",
    "btc-raw-blocks",
    "btc-raw-transactions",
    "btc-dead-letter",
];

impl Template {
    /// The template of this name.
    pub fn named(name: &str) -> Option<Self> {
        TEMPLATES.into_iter().find(|template| template.name == name)
    }

    /// The template's name and body for indices whose names begin with `prefix`.
    ///
    /// # Panics
    /// If the file is no JSON, which a test rules out.
    pub fn with_prefix(&self, prefix: &str) -> (String, Value) {
        let name = format!("{prefix}{}", self.name);
        let mut body: Value = serde_json::from_str(self.text).expect("the template is JSON");
        body["index_patterns"] = json!([name]);
        (name, body)
    }

    /// The mapping's properties, by name.
    pub fn fields(&self) -> Vec<Field> {
        let (_, body) = self.with_prefix("");
        let properties = body["template"]["mappings"]["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, mapping)| Field {
                name: name.clone(),
                kind: mapping["type"].as_str().unwrap_or_default().to_owned(),
                is_indexed: mapping["index"] != json!(false),
            })
            .collect()
    }
}
