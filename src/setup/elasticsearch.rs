//! The index templates and the indices that they are for.
//!
//! The indices are created too, empty: Kibana then knows their fields before the first document, and none can come to be
//! by a write that was quicker than its template.

use btc_es_mappings::{TEMPLATES, Template};
use serde_json::{Map, Value, json};
use trombe_connectors::{ElasticsearchConfig, ElasticsearchIndex, IndexError};

use super::differences::{Extras, differences};
use super::{Finding, Mode};

/// Composable templates come with it.
const OLDEST: (u32, u32) = (7, 10);
/// Settings of our templates that can be changed while an index is open.
const DYNAMIC: [&str; 2] = ["number_of_replicas", "refresh_interval"];

/// Why a cluster cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ElasticsearchError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("this is Elasticsearch {0}; use 7.10 or later")]
    TooOld(String),
}

/// Looks at every template and index, and brings about what `mode` allows.
pub(crate) async fn set_up(
    config: &ElasticsearchConfig,
    mode: Mode,
) -> Result<Vec<Finding>, ElasticsearchError> {
    let index = ElasticsearchIndex::connect(config)?;
    let version = index.version().await?;
    if is_too_old(&version) {
        return Err(ElasticsearchError::TooOld(version));
    }
    let mut findings = Vec::new();
    for template in TEMPLATES {
        findings.extend(template_findings(&index, template, &config.index_prefix, mode).await?);
        findings.extend(index_findings(&index, template, &config.index_prefix, mode).await?);
    }
    Ok(findings)
}

async fn template_findings(
    index: &ElasticsearchIndex,
    template: Template,
    prefix: &str,
    mode: Mode,
) -> Result<Vec<Finding>, IndexError> {
    let (name, wanted) = template.with_prefix(prefix);
    let found = index.template(&name).await?;
    let drift = match &found {
        None => vec![format!("template `{name}` is absent")],
        Some(found) => differences(
            &format!("template `{name}`"),
            &comparable(found),
            &comparable(&wanted),
            Extras::Reported,
        ),
    };
    if drift.is_empty() {
        return Ok(vec![Finding::Unchanged(format!("template `{name}`"))]);
    }
    if mode == Mode::Check || (mode == Mode::Complete && found.is_some()) {
        let advice = "run `setup --elasticsearch`";
        return Ok(drift.into_iter().map(|why| Finding::Differs(format!("{why}; {advice}"))).collect());
    }
    index.put_template(&name, &wanted).await?;
    let verb = if found.is_some() { "replaced" } else { "installed" };
    Ok(vec![Finding::Changed(format!("{verb} template `{name}`"))])
}

async fn index_findings(
    index: &ElasticsearchIndex,
    template: Template,
    prefix: &str,
    mode: Mode,
) -> Result<Vec<Finding>, IndexError> {
    let (name, wanted) = template.with_prefix(prefix);
    let Some(found) = index.definition(template.name).await? else {
        if mode == Mode::Check {
            return Ok(vec![Finding::Differs(format!(
                "index `{name}` is absent; run `setup --elasticsearch`"
            ))]);
        }
        index.create_index(template.name).await?;
        return Ok(vec![Finding::Changed(format!("created index `{name}`"))]);
    };
    let drift = IndexDrift::between(&name, &found, &wanted["template"]);
    let mut findings = Vec::new();
    if mode == Mode::Apply && !drift.dynamic.is_empty() {
        index.put_index_settings(template.name, &Value::Object(drift.dynamic)).await?;
        let why = drift.variable.join(", ");
        findings.push(Finding::Changed(format!("mended the settings of index `{name}` ({why})")));
    } else {
        let advice = "run `setup --elasticsearch`";
        findings.extend(drift.variable.iter().map(|why| Finding::Differs(format!("{why}; {advice}"))));
    }
    let remake = |why| Finding::Differs(format!("{why}; {}", remake(&name)));
    findings.extend(drift.fixed.into_iter().map(remake));
    if findings.is_empty() {
        findings.push(Finding::Unchanged(format!("index `{name}`")));
    }
    Ok(findings)
}

/// How an index that is there differs from its template, which changes nothing of it any more.
#[derive(Debug, Default, PartialEq)]
struct IndexDrift {
    /// What can be set while the index is open.
    variable: Vec<String>,
    /// The settings that mend it.
    dynamic: Map<String, Value>,
    /// What an index keeps for its life.
    fixed: Vec<String>,
}

impl IndexDrift {
    fn between(name: &str, found: &Value, wanted: &Value) -> Self {
        let path = |part: &str| format!("{part} of index `{name}`");
        let mut drift = Self::default();
        let is = Value::Object(flat_settings(&found["settings"]));
        for (key, should_be) in flat_settings(&wanted["settings"]) {
            let alone = json!({ &key: &should_be });
            let why = differences(&path("setting"), &is, &alone, Extras::Ignored);
            if !DYNAMIC.contains(&key.as_str()) {
                drift.fixed.extend(why);
            } else if !why.is_empty() {
                drift.variable.extend(why);
                drift.dynamic.insert(key, should_be);
            }
        }
        let mappings =
            differences(&path("mapping"), &found["mappings"], &wanted["mappings"], Extras::Reported);
        drift.fixed.extend(mappings);
        drift
    }
}

fn remake(name: &str) -> String {
    format!(
        "a template does not reach an index that is there: _reindex `{name}`, or delete it and read the log again, which \
         brings documents back only as far as the log's retention reaches (es-mappings/README.md)"
    )
}

/// A template without what Elasticsearch adds of its own, settings under their short names.
fn comparable(template: &Value) -> Value {
    let inner = &template["template"];
    let mut kept = json!({
        "index_patterns": template["index_patterns"],
        "priority": template["priority"],
        "version": template["version"],
        "_meta": template["_meta"],
        "template": { "settings": flat_settings(&inner["settings"]), "mappings": inner["mappings"] },
    });
    for key in ["composed_of", "data_stream"] {
        if let Some(foreign) = template.get(key).filter(|value| **value != json!([])) {
            kept[key] = foreign.clone();
        }
    }
    kept
}

/// `index.number_of_shards` whichever way it is nested.
fn flat_settings(settings: &Value) -> Map<String, Value> {
    let nested = settings.get("index").unwrap_or(settings).as_object().into_iter().flatten();
    nested.map(|(key, value)| (key.trim_start_matches("index.").to_owned(), value.clone())).collect()
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        for (version, expected) in
            [("7.9.3", true), ("7.10.2", false), ("8.0.0-rc1", false), ("10.0.0", false)]
        {
            assert_eq!(is_too_old(version), expected, "{version}");
        }
    }

    #[test]
    fn what_elasticsearch_adds_is_no_difference_and_what_an_operator_changed_is() {
        let (_, wanted) = TEMPLATES[0].with_prefix("");
        let mut found = wanted.clone();
        found["composed_of"] = json!([]);
        found["created_date_millis"] = json!(1);
        found["template"]["settings"]["index"]["number_of_shards"] = json!("3");
        let drift =
            |found: &Value| differences("t", &comparable(found), &comparable(&wanted), Extras::Reported);
        assert_eq!(drift(&found), Vec::<String>::new());
        found["template"]["settings"]["index"]["codec"] = json!("best_compression");
        found["template"]["mappings"]["properties"]["eur"]["type"] = json!("float");
        found["data_stream"] = json!({});
        let found = drift(&found);
        assert_eq!(
            found,
            [
                "t.template.mappings.properties.eur.type is float instead of double",
                "t.template.settings.codec is there and should not be",
                "t.data_stream is there and should not be",
            ]
        );
    }

    #[test]
    fn what_of_an_index_can_be_set_is_told_apart_from_what_it_keeps() {
        let (_, body) = TEMPLATES[0].with_prefix("");
        let mut found = body["template"].clone();
        found["settings"]["index"]["uuid"] = json!("x");
        let drift = |found: &Value| IndexDrift::between("btc-value", found, &body["template"]);
        assert_eq!(drift(&found), IndexDrift::default());
        found["settings"]["index"]["number_of_replicas"] = json!("0");
        found["settings"]["index"].as_object_mut().unwrap().remove("refresh_interval");
        found["settings"]["index"]["number_of_shards"] = json!("1");
        found["mappings"]["properties"]["eur"]["type"] = json!("float");
        let drift = drift(&found);
        assert_eq!(
            drift.variable,
            [
                "setting of index `btc-value`.number_of_replicas is 0 instead of 2",
                "setting of index `btc-value`.refresh_interval is absent",
            ]
        );
        assert_eq!(
            Value::Object(drift.dynamic),
            json!({ "number_of_replicas": 2, "refresh_interval": "1s" })
        );
        assert_eq!(
            drift.fixed,
            [
                "setting of index `btc-value`.number_of_shards is 1 instead of 3",
                "mapping of index `btc-value`.properties.eur.type is float instead of double",
            ]
        );
    }
}
