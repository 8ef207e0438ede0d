//! What setting up a cluster needs: its version and the composable index templates.

use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::ElasticsearchIndex;
use super::cluster::Request;
use crate::IndexError;

impl ElasticsearchIndex {
    /// The version of the cluster, e.g. `9.5.3`.
    pub async fn version(&self) -> Result<String, IndexError> {
        let answer = self.cluster().call(&Request::new(Method::Get, "")).await?;
        version_in(&answer.found()?.unwrap_or_default())
    }

    /// A composable index template as it is installed, without its name; `None` if there is none. The cluster gives it with
    /// settings as text and in its own order.
    pub async fn template(&self, name: &str) -> Result<Option<Value>, IndexError> {
        let answer = self.cluster().call(&Request::new(Method::Get, path(name)?)).await?;
        if answer.status == 404 && answer.body.starts_with(b"{") {
            return Ok(None);
        }
        template_in(name, &answer.found()?.unwrap_or_default())
    }

    /// Installs a composable index template, or replaces it. Indices that exist keep the mappings they have.
    pub async fn put_template(&self, name: &str, template: &Value) -> Result<(), IndexError> {
        let request = Request::new(Method::Put, path(name)?).json(template);
        self.cluster().call(&request).await?.found().map(drop)
    }

    /// Removes a composable index template; nothing if there is none.
    pub async fn delete_template(&self, name: &str) -> Result<(), IndexError> {
        let answer = self.cluster().call(&Request::new(Method::Delete, path(name)?)).await?;
        if answer.status == 404 { Ok(()) } else { answer.found().map(drop) }
    }

    /// What an index has: `mappings`, `settings` and more; `None` if there is no such index. The name is without the prefix.
    pub async fn definition(&self, name: &str) -> Result<Option<Value>, IndexError> {
        let name = self.full_name(name)?;
        let answer = self.cluster().call(&Request::new(Method::Get, name)).await?;
        answer.found()?.map_or(Ok(None), |body| definition_in(&body))
    }

    /// Creates an index as the template of its name says. Whether it was this call that did so. The name is without the prefix.
    pub async fn create_index(&self, name: &str) -> Result<bool, IndexError> {
        let name = self.full_name(name)?;
        let answer = self.cluster().call(&Request::new(Method::Put, name)).await?;
        if answer.status == 400 && is_already_there(&answer.body) {
            return Ok(false);
        }
        answer.found().map(|_| true)
    }

    /// Changes settings of an index that is there, under their names without `index.`; the others stay. Refused with
    /// settings that an index keeps for its life. The name is without the prefix.
    pub async fn put_index_settings(&self, name: &str, settings: &Value) -> Result<(), IndexError> {
        let path = format!("{}/_settings", self.full_name(name)?);
        let body = serde_json::json!({ "index": settings });
        self.cluster().call(&Request::new(Method::Put, path).json(&body)).await?.found().map(drop)
    }

    fn full_name(&self, name: &str) -> Result<String, IndexError> {
        self.known_name(name).ok_or_else(|| IndexError::Refused(format!("`{name}` is no index name")))
    }

    /// Removes every index that has the prefix, with all documents. Refused without a prefix, for that would be all indices.
    pub async fn delete_all_indices(&self) -> Result<(), IndexError> {
        if self.prefix().is_empty() {
            return Err(IndexError::Refused("without index_prefix this would delete every index".to_owned()));
        }
        // Wildcards are not allowed in a deletion by default, so the names are asked for first.
        let path = format!("{}*?filter_path=*.settings.index.uuid", self.prefix());
        let body = self.cluster().call(&Request::new(Method::Get, path)).await?.found()?.unwrap_or_default();
        let indices: serde_json::Map<String, Value> = parsed(&body)?;
        for name in indices.keys() {
            self.cluster().call(&Request::new(Method::Delete, name)).await?.found()?;
        }
        Ok(())
    }
}

pub(super) fn version_in(body: &[u8]) -> Result<String, IndexError> {
    #[derive(Deserialize)]
    struct Info {
        version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        number: String,
    }
    Ok(parsed::<Info>(body)?.version.number)
}

pub(super) fn template_in(name: &str, body: &[u8]) -> Result<Option<Value>, IndexError> {
    #[derive(Deserialize)]
    struct Templates {
        index_templates: Vec<Template>,
    }
    #[derive(Deserialize)]
    struct Template {
        name: String,
        index_template: Value,
    }
    let mut templates = parsed::<Templates>(body)?.index_templates;
    templates.retain(|template| template.name == name);
    Ok(templates.pop().map(|template| template.index_template))
}

pub(super) fn definition_in(body: &[u8]) -> Result<Option<Value>, IndexError> {
    let by_name: serde_json::Map<String, Value> = parsed(body)?;
    Ok(by_name.into_iter().next().map(|(_, definition)| definition))
}

fn is_already_there(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["error"]["type"] == "resource_already_exists_exception"
}

fn path(name: &str) -> Result<String, IndexError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_name) {
        return Err(IndexError::Refused(format!("`{name}` is no name for a template")));
    }
    Ok(format!("_index_template/{name}"))
}

/// An answer that is not what was asked for comes from no working Elasticsearch.
pub(super) fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, IndexError> {
    serde_json::from_slice(body)
        .map_err(|error| IndexError::Unavailable(format!("the answer cannot be understood: {error}")))
}
