//! The index templates and the indices that they are for.
//!
//! The indices are created too, empty: Kibana then knows their fields before the first document, and none can come to be
//! by a write that was quicker than its template.

use btc_es_mappings::{TEMPLATES, Template};
use serde_json::{Value, json};
use trombe_connectors::{ElasticsearchConfig, ElasticsearchIndex, IndexError};

use super::differences::{Extras, differences};
use super::{Finding, Mode};

/// Composable templates come with it.
const OLDEST: (u32, u32) = (7, 10);

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
    let drift = index_drift(&name, &found, &wanted["template"]);
    Ok(if drift.is_empty() { vec![Finding::Unchanged(format!("index `{name}`"))] } else { drift })
}

/// How an index that is there differs from its template, which changes nothing of it any more.
fn index_drift(name: &str, found: &Value, wanted: &Value) -> Vec<Finding> {
    let path = |part: &str| format!("{part} of index `{name}`");
    let (is, should_be) = (flat_settings(&found["settings"]), flat_settings(&wanted["settings"]));
    let settings = differences(&path("setting"), &is, &should_be, Extras::Ignored);
    let settings = settings.into_iter().map(|why| {
        let is_fixed = why.contains("number_of_shards");
        let advice = if is_fixed { remake(name) } else { format!("set it by PUT /{name}/_settings") };
        format!("{why}; {advice}")
    });
    let mappings = differences(&path("mapping"), &found["mappings"], &wanted["mappings"], Extras::Reported);
    let mappings = mappings.into_iter().map(|why| format!("{why}; {}", remake(name)));
    settings.chain(mappings).map(Finding::Differs).collect()
}

fn remake(name: &str) -> String {
    format!(
        "a template does not reach an index that is there: delete or _reindex `{name}` (es-mappings/README.md)"
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
fn flat_settings(settings: &Value) -> Value {
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
    fn an_index_that_differs_is_told_with_what_to_do() {
        let (_, body) = TEMPLATES[0].with_prefix("");
        let mut found = body["template"].clone();
        found["settings"]["index"]["uuid"] = json!("x");
        assert_eq!(index_drift("btc-value", &found, &body["template"]), []);
        found["settings"]["index"]["number_of_replicas"] = json!("0");
        found["mappings"]["properties"]["eur"]["type"] = json!("float");
        let told: Vec<String> =
            index_drift("btc-value", &found, &body["template"]).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "differs: setting of index `btc-value`.number_of_replicas is 0 instead of 2; \
                 set it by PUT /btc-value/_settings",
                "differs: mapping of index `btc-value`.properties.eur.type is float instead of double; a template does not \
                 reach an index that is there: delete or _reindex `btc-value` (es-mappings/README.md)",
            ]
        );
    }
}
