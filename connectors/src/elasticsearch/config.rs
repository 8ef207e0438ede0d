//! Every setting of the Elasticsearch index, in one place.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use elasticsearch::http::Url;
use serde::{Deserialize, Serialize};

use crate::{Secret, SecretError};

/// How an Elasticsearch cluster is reached. [`ElasticsearchConfig::default`] suits three nodes on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticsearchConfig {
    /// The nodes, as `http://host:port` or `https://host:port`. Any of them serves any request; a proxy that the
    /// environment names is not used.
    pub urls: Vec<String>,
    /// Stands before the name of every index, so that several dashboards can share a cluster.
    pub index_prefix: String,
    /// The user of basic authentication; empty for none.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// An API key, as Elasticsearch shows it: the encoded one, or `id:key`.
    pub api_key: Secret,
    /// A file that holds the API key.
    pub api_key_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted beside Mozilla's roots.
    pub ca_certificate_file: Option<PathBuf>,
    /// From the request to the last byte of the answer.
    pub request_timeout_ms: u64,
    /// How long a node that was not reached yet, failed, or is long about its answer may take to connect and answer `GET /`.
    pub connect_timeout_ms: u64,
    /// A failed node is tried again after a wait that doubles up to this.
    pub health_interval_ms: u64,
    /// The body of one bulk request; a larger document goes alone. Elasticsearch advises a few megabytes.
    pub bulk_bytes_max: usize,
    /// The documents of one bulk request.
    pub bulk_count_max: usize,
    /// How long a document waits for others that go with it. 0 sends at once.
    pub bulk_age_ms: u64,
    /// Bulk requests under way at most. How many there really are follows from how the cluster copes with them.
    pub concurrency_max: usize,
    /// How often a document is tried before its caller is told to try later.
    pub tries_max: u32,
    /// The wait before another try; it doubles with each further one.
    pub retry_backoff_ms_min: u64,
    /// The longest such wait.
    pub retry_backoff_ms_max: u64,
    /// After an answer that no retry can mend (credentials, permissions) the cluster is left alone for so long.
    pub refused_pause_ms: u64,
    /// Compresses the requests, where the network is slower than the processor.
    pub compress: bool,
    /// When a write is answered.
    pub refresh: Refresh,
    /// The longest answer that is understood. One that does not say its length is refused only after it was received.
    pub response_bytes_max: usize,
    /// The documents that one search answers at most. Elasticsearch's `index.max_result_window` allows 10,000.
    pub read_count_max: usize,
    /// How long the cluster keeps a scan's state between two pages.
    pub scroll_ms: u64,
}

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// When it is durable. Searches see it within the index's `refresh_interval`.
    #[default]
    None,
    /// When searches see it, too. Much slower.
    WaitFor,
}

impl Default for ElasticsearchConfig {
    fn default() -> Self {
        Self {
            urls: [9200, 9201, 9202].map(|port| format!("http://127.0.0.1:{port}")).to_vec(),
            index_prefix: String::new(),
            username: String::new(),
            password: Secret::default(),
            password_file: None,
            api_key: Secret::default(),
            api_key_file: None,
            ca_certificate_file: None,
            request_timeout_ms: 30_000,
            connect_timeout_ms: 2_000,
            health_interval_ms: 1_000,
            bulk_bytes_max: 8 << 20,
            bulk_count_max: 5_000,
            bulk_age_ms: 5,
            concurrency_max: 8,
            tries_max: 5,
            retry_backoff_ms_min: 50,
            retry_backoff_ms_max: 2_000,
            refused_pause_ms: 10_000,
            compress: false,
            refresh: Refresh::None,
            response_bytes_max: 128 << 20,
            read_count_max: 2_000,
            scroll_ms: 60_000,
        }
    }
}

/// A setting that cannot work: the key and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElasticsearchConfigError {
    /// A value outside its range.
    #[error("{key} is {value}; it must be from {min} to {max}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: u64,
        /// The least that is allowed.
        min: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// No node is named.
    #[error("urls is empty; name at least one node, such as http://127.0.0.1:9200")]
    NoUrls,
    /// A node's address is none. It is not shown whole, for it may hold a password.
    #[error("urls holds `{0}`; each must be http://HOST:PORT or https://HOST:PORT")]
    Url(String),
    /// A password in an address would be seen in logs.
    #[error("urls holds a user or password; set username and password instead")]
    CredentialsInUrl,
    /// No index name can begin like this.
    #[error(
        "index_prefix is `{0}`; it must be lower-case letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    Prefix(String),
    /// Two ways to authenticate.
    #[error("both a username and an api_key are set; keep one of them")]
    TwoCredentials,
    /// A user without a password, or a password without a user.
    #[error("username and password belong together; set both or none")]
    HalfCredentials,
    /// An API key with characters that no key has.
    #[error("api_key has characters that no key has; copy it again")]
    ApiKey,
    /// A password or key is not known.
    #[error("{key}: {why}")]
    Secret {
        /// The setting.
        key: &'static str,
        /// Why.
        why: SecretError,
    },
}

/// How requests say whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    Nobody,
    User { name: String, password: Secret },
    ApiKey(Secret),
}

type Limit = (&'static str, u64, RangeInclusive<u64>);

impl ElasticsearchConfig {
    /// Checks every setting, and that the files of secrets can be read.
    ///
    /// ```
    /// use trombe_connectors::ElasticsearchConfig;
    ///
    /// let mistake = ElasticsearchConfig { tries_max: 0, ..ElasticsearchConfig::default() }.validate().unwrap_err();
    /// assert_eq!(mistake.to_string(), "tries_max is 0; it must be from 1 to 100");
    /// ```
    pub fn validate(&self) -> Result<(), ElasticsearchConfigError> {
        for (key, value, range) in self.limits() {
            if !range.contains(&value) {
                let (min, max) = (*range.start(), *range.end());
                return Err(ElasticsearchConfigError::OutOfRange { key, value, min, max });
            }
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let prefix = &self.index_prefix;
        if prefix.len() > 100 || !prefix.bytes().all(allowed) || prefix.starts_with(['-', '_', '.']) {
            return Err(ElasticsearchConfigError::Prefix(prefix.clone()));
        }
        self.nodes()?;
        self.identity().map(drop)
    }

    fn limits(&self) -> [Limit; 15] {
        let backoff_ms = self.retry_backoff_ms_min..=600_000;
        [
            ("request_timeout_ms", self.request_timeout_ms, 10..=600_000),
            ("connect_timeout_ms", self.connect_timeout_ms, 1..=60_000),
            ("health_interval_ms", self.health_interval_ms, 10..=600_000),
            ("bulk_bytes_max", self.bulk_bytes_max as u64, 1 << 10..=1 << 30),
            ("bulk_count_max", self.bulk_count_max as u64, 1..=100_000),
            ("bulk_age_ms", self.bulk_age_ms, 0..=60_000),
            ("concurrency_max", self.concurrency_max as u64, 1..=256),
            ("tries_max", u64::from(self.tries_max), 1..=100),
            ("retry_backoff_ms_min", self.retry_backoff_ms_min, 1..=600_000),
            ("retry_backoff_ms_max", self.retry_backoff_ms_max, backoff_ms),
            ("refused_pause_ms", self.refused_pause_ms, 0..=600_000),
            ("response_bytes_max", self.response_bytes_max as u64, 1 << 10..=1 << 32),
            ("read_count_max", self.read_count_max as u64, 1..=10_000),
            ("scroll_ms", self.scroll_ms, 1_000..=3_600_000),
            ("urls", self.urls.len() as u64, 0..=256),
        ]
    }

    /// The nodes' addresses.
    pub(super) fn nodes(&self) -> Result<Vec<Url>, ElasticsearchConfigError> {
        if self.urls.is_empty() {
            return Err(ElasticsearchConfigError::NoUrls);
        }
        self.urls.iter().map(|text| node(text)).collect()
    }

    /// Who asks.
    pub(super) fn identity(&self) -> Result<Identity, ElasticsearchConfigError> {
        let secret = |key, value: &Secret, file: &Option<PathBuf>| {
            Secret::from_value_or_file(value, file.as_deref())
                .map_err(|why| ElasticsearchConfigError::Secret { key, why })
        };
        let password = secret("password", &self.password, &self.password_file)?;
        let api_key = secret("api_key", &self.api_key, &self.api_key_file)?;
        match (password, api_key) {
            (None, None) if self.username.is_empty() => Ok(Identity::Nobody),
            (None, Some(key)) if self.username.is_empty() => {
                let is_key = key.expose().bytes().all(|byte| byte.is_ascii_graphic());
                if is_key { Ok(Identity::ApiKey(key)) } else { Err(ElasticsearchConfigError::ApiKey) }
            }
            (_, Some(_)) => Err(ElasticsearchConfigError::TwoCredentials),
            (Some(password), None) if !self.username.is_empty() => {
                Ok(Identity::User { name: self.username.clone(), password })
            }
            _ => Err(ElasticsearchConfigError::HalfCredentials),
        }
    }
}

fn node(text: &str) -> Result<Url, ElasticsearchConfigError> {
    if text.contains('@') {
        return Err(ElasticsearchConfigError::CredentialsInUrl);
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(ElasticsearchConfigError::Url(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> ElasticsearchConfig {
        ElasticsearchConfig::default()
    }

    #[test]
    fn every_mistake_names_its_key_and_what_to_do() {
        let key = || Secret::from("a2V5");
        let cases = [
            (ElasticsearchConfig { urls: vec![], ..base() }, "urls is empty"),
            (
                ElasticsearchConfig { urls: vec!["localhost:9200".into()], ..base() },
                "urls holds `localhost:9200`",
            ),
            (ElasticsearchConfig { urls: vec!["ftp://h".into()], ..base() }, "urls holds `ftp://h`"),
            (
                ElasticsearchConfig { urls: vec!["http://u:p@h:1".into()], ..base() },
                "urls holds a user or password",
            ),
            (ElasticsearchConfig { index_prefix: "_x".into(), ..base() }, "index_prefix is `_x`"),
            (ElasticsearchConfig { index_prefix: "A".into(), ..base() }, "index_prefix is `A`"),
            (ElasticsearchConfig { username: "u".into(), ..base() }, "username and password belong together"),
            (ElasticsearchConfig { password: "p".into(), ..base() }, "username and password belong together"),
            (
                ElasticsearchConfig { username: "u".into(), api_key: key(), ..base() },
                "both a username and an api_key",
            ),
            (
                ElasticsearchConfig { password: "p".into(), api_key: key(), ..base() },
                "both a username and an api_key",
            ),
            (ElasticsearchConfig { api_key: "a b".into(), ..base() }, "api_key has characters"),
            (ElasticsearchConfig { api_key: "***".into(), ..base() }, "api_key: it is `***`"),
            (
                ElasticsearchConfig { retry_backoff_ms_max: 1, ..base() },
                "retry_backoff_ms_max is 1; it must be from 50",
            ),
        ];
        for (config, message) in cases {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        base().validate().unwrap();
    }

    #[test]
    fn no_secret_is_shown() {
        let config = ElasticsearchConfig { username: "u".into(), password: "hunter2".into(), ..base() };
        let shown = format!("{config:?} {:?} {}", config.identity(), serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
        let back: ElasticsearchConfig =
            serde_json::from_str(&serde_json::to_string(&base()).unwrap()).unwrap();
        assert_eq!(back, base(), "what is printed can be read back where no secret is set");
        assert!(serde_json::from_str::<ElasticsearchConfig>(r#"{"url": []}"#).is_err());
    }
}
