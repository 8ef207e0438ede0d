//! Kibana's saved objects: importing them, and reading them back. 7.10 and later.

mod config;
#[doc(hidden)]
pub mod fuzzing;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, redirect};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::config::{KibanaConfig, KibanaConfigError};

use self::config::Identity;

/// Stands between the parts of an import. No saved object of ours has it in it.
const BOUNDARY: &str = "bitcoin-dashboard-saved-objects-5f2c1e7a";
/// How much of an answer that was not understood is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;
/// Objects that an error names; there may be hundreds.
const NAMED_MAX: usize = 5;

/// A Kibana.
#[derive(Clone)]
pub struct Kibana {
    client: Client,
    base: String,
    identity: Identity,
    response_bytes_max: usize,
}

/// Why Kibana did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KibanaError {
    /// The settings cannot work.
    #[error(transparent)]
    Config(#[from] KibanaConfigError),
    /// The certificates cannot be used.
    #[error("ca_certificate_file cannot be used ({0}); mend the file or the path")]
    Certificate(String),
    /// There is no answer, or not yet.
    #[error("{url} does not answer ({why}); start Kibana or mend kibana.url")]
    Unavailable {
        /// The address.
        url: String,
        /// Why.
        why: String,
    },
    /// 401 or 403.
    #[error("{url} does not let us ({status}); mend the credentials of [kibana] or what they may do")]
    Forbidden {
        /// The address.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// An answer that Kibana would not give.
    #[error("{url} answered {status} and not as Kibana does ({shown}); mend kibana.url")]
    Strange {
        /// The address.
        url: String,
        /// The answer's status.
        status: u16,
        /// The answer's beginning.
        shown: String,
    },
    /// Objects that were not imported.
    #[error("{count} objects were not imported ({why}); mend the file, or import into a Kibana from 7.10 on")]
    NotImported {
        /// How many.
        count: usize,
        /// The first of them, each with its reason.
        why: String,
    },
}

/// Type and id of a saved object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// E.g. `dashboard`.
    pub kind: String,
    /// The id.
    pub id: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.id)
    }
}

impl fmt::Debug for Kibana {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kibana").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Kibana {
    /// Checks the settings. Nothing is sent yet.
    pub fn connect(config: &KibanaConfig) -> Result<Self, KibanaError> {
        config.validate()?;
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_millis(config.request_timeout_ms));
        if let Some(file) = &config.ca_certificate_file {
            let unusable =
                |why: &dyn fmt::Display| KibanaError::Certificate(format!("{}: {why}", file.display()));
            let pem = std::fs::read(file).map_err(|error| unusable(&error))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            if certificates.is_empty() {
                return Err(unusable(&"there is no certificate in it"));
            }
            builder = certificates.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        let client = builder.build().map_err(|error| KibanaError::Certificate(cause(&error)))?;
        Ok(Self {
            client,
            base: config.base()?,
            identity: config.identity()?,
            response_bytes_max: config.response_bytes_max,
        })
    }

    /// Imports saved objects, one JSON object a line, over those of the same types and ids. `Ok` means all of them.
    pub async fn import(&self, ndjson: &str, count: usize) -> Result<(), KibanaError> {
        let body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"dashboard.ndjson\"\r\n\
             Content-Type: application/ndjson\r\n\r\n{ndjson}\r\n--{BOUNDARY}--\r\n"
        );
        let request = self
            .post("_import?overwrite=true")
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body);
        self.send(request).await?.imported(&self.base, count)
    }

    /// Those of the objects that are there, as Kibana exports them.
    pub async fn export(&self, wanted: &[ObjectName]) -> Result<Vec<Value>, KibanaError> {
        let mut wanted: BTreeSet<&ObjectName> = wanted.iter().collect();
        // Kibana names those that are missing and exports nothing then; asked for the others, it gives them.
        while !wanted.is_empty() {
            let objects: Vec<Value> =
                wanted.iter().map(|name| json!({ "type": name.kind, "id": name.id })).collect();
            let body = json!({ "objects": objects, "excludeExportDetails": true }).to_string();
            let request = self.post("_export").header(CONTENT_TYPE, "application/json").body(body);
            if let Some(objects) = self.send(request).await?.exported(&self.base, &mut wanted)? {
                return Ok(objects);
            }
        }
        Ok(Vec::new())
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let request =
            self.client.post(format!("{}/api/saved_objects/{path}", self.base)).header("kbn-xsrf", "true");
        match &self.identity {
            Identity::Nobody => request,
            Identity::User { name, password } => request.basic_auth(name, Some(password.expose())),
            Identity::ApiKey(key) => request.header("authorization", format!("ApiKey {}", key.expose())),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, KibanaError> {
        let unavailable = |why: String| KibanaError::Unavailable { url: self.base.clone(), why };
        let mut answer = request.send().await.map_err(|error| unavailable(cause(&error)))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| unavailable(cause(&error)))? {
            if body.len() + chunk.len() > self.response_bytes_max {
                return Err(unavailable("its answer is longer than response_bytes_max".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(KibanaError::Forbidden { url: self.base.clone(), status: status.as_u16() })
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => {
                Err(unavailable(format!("status {status}, so it is not ready")))
            }
            _ => Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() }),
        }
    }
}

struct Answer {
    status: StatusCode,
    body: String,
}

impl Answer {
    /// To an import of so many objects.
    fn imported(&self, url: &str, count: usize) -> Result<(), KibanaError> {
        let Ok(imported) = serde_json::from_str::<Imported>(&self.body) else {
            return Err(self.strange(url));
        };
        if self.status == StatusCode::OK && imported.success && imported.success_count == count {
            return Ok(());
        }
        let failed = count.saturating_sub(imported.success_count).max(imported.errors.len()).max(1);
        let mut why: Vec<String> = imported.errors.iter().take(NAMED_MAX).map(told).collect();
        why.extend(imported.message);
        if why.is_empty() {
            why.push("without a reason".to_owned());
        }
        Err(KibanaError::NotImported { count: failed, why: why.join("; ") })
    }

    /// To an export: the objects, or `None` if some are missing, which are not wanted any more then.
    fn exported(
        &self,
        url: &str,
        wanted: &mut BTreeSet<&ObjectName>,
    ) -> Result<Option<Vec<Value>>, KibanaError> {
        if self.status == StatusCode::OK {
            let lines: Result<_, _> = self.body.lines().map(serde_json::from_str).collect();
            return lines.map(Some).map_err(|_| self.strange(url));
        }
        let refused: Refused = serde_json::from_str(&self.body).unwrap_or_default();
        let before = wanted.len();
        wanted.retain(|name| {
            let is_it = |missing: &Missing| missing.kind == name.kind && missing.id == name.id;
            !refused.attributes.objects.iter().any(is_it)
        });
        if wanted.len() == before { Err(self.strange(url)) } else { Ok(None) }
    }

    fn strange(&self, url: &str) -> KibanaError {
        let shown = self.body.chars().take(SHOWN_CHARS_MAX).collect();
        KibanaError::Strange { url: url.to_owned(), status: self.status.as_u16(), shown }
    }
}

/// The answer to an import, good or bad.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    success_count: usize,
    #[serde(default)]
    errors: Vec<Value>,
    /// Of an import that was refused as a whole.
    message: Option<String>,
}

/// The answer to an export of objects that are not all there.
#[derive(Default, Deserialize)]
struct Refused {
    attributes: MissingObjects,
}

#[derive(Default, Deserialize)]
struct MissingObjects {
    objects: Vec<Missing>,
}

#[derive(Deserialize)]
struct Missing {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

fn told(error: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} `{}`: {}", word(&error["type"]), word(&error["id"]), word(&error["error"]["type"]))
}

/// The innermost cause, which is the one to be mended.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
