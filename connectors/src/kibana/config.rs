//! How Kibana is reached.

use std::path::PathBuf;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::{Secret, SecretError};

/// How Kibana is reached. [`KibanaConfig::default`] suits one on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KibanaConfig {
    /// Its address as a browser has it, with the base path if there is one. A proxy that the environment names is not used.
    pub url: String,
    /// The space that the dashboard is imported into; empty for the default one.
    pub space: String,
    /// The user of basic authentication; empty for none.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// An API key, as Elasticsearch shows it encoded.
    pub api_key: Secret,
    /// A file that holds the API key.
    pub api_key_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted beside Mozilla's roots.
    pub ca_certificate_file: Option<PathBuf>,
    /// From the request to the last byte of the answer. An import takes seconds.
    pub request_timeout_ms: u64,
    /// The longest answer that is understood.
    pub response_bytes_max: usize,
}

impl Default for KibanaConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:5601".to_owned(),
            space: String::new(),
            username: String::new(),
            password: Secret::default(),
            password_file: None,
            api_key: Secret::default(),
            api_key_file: None,
            ca_certificate_file: None,
            request_timeout_ms: 60_000,
            response_bytes_max: 16 << 20,
        }
    }
}

/// A setting that cannot work: the key and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KibanaConfigError {
    /// The address is none, or holds a password. It is not shown for that reason.
    #[error("url must be http://HOST:PORT or https://HOST:PORT, without user and password; mend it")]
    Url,
    /// No space can be called so.
    #[error("space is `{0}`; it must be lower-case letters, digits, `-` and `_`")]
    Space(String),
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
    /// Neither, half or too many of the ways to authenticate.
    #[error("set username and password, or api_key, or none of them")]
    Credentials,
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

impl KibanaConfig {
    /// Checks every setting, and that the files of secrets can be read.
    pub fn validate(&self) -> Result<(), KibanaConfigError> {
        for (key, value, min, max) in [
            ("request_timeout_ms", self.request_timeout_ms, 10, 600_000),
            ("response_bytes_max", self.response_bytes_max as u64, 1 << 10, 1 << 30),
        ] {
            if !(min..=max).contains(&value) {
                return Err(KibanaConfigError::OutOfRange { key, value, min, max });
            }
        }
        let in_space = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if !self.space.bytes().all(in_space) {
            return Err(KibanaConfigError::Space(self.space.clone()));
        }
        self.base()?;
        self.identity().map(drop)
    }

    /// What the paths of the API stand after.
    pub(super) fn base(&self) -> Result<String, KibanaConfigError> {
        match Url::parse(&self.url) {
            Ok(url)
                if matches!(url.scheme(), "http" | "https") && url.has_host() && !self.url.contains('@') =>
            {
                let url = self.url.trim_end_matches('/');
                Ok(if self.space.is_empty() { url.to_owned() } else { format!("{url}/s/{}", self.space) })
            }
            _ => Err(KibanaConfigError::Url),
        }
    }

    /// Who asks.
    pub(super) fn identity(&self) -> Result<Identity, KibanaConfigError> {
        let secret = |key, value: &Secret, file: &Option<PathBuf>| {
            Secret::from_value_or_file(value, file.as_deref())
                .map_err(|why| KibanaConfigError::Secret { key, why })
        };
        let password = secret("password", &self.password, &self.password_file)?;
        let api_key = secret("api_key", &self.api_key, &self.api_key_file)?;
        match (self.username.as_str(), password, api_key) {
            ("", None, None) => Ok(Identity::Nobody),
            ("", None, Some(key)) if key.expose().bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Identity::ApiKey(key))
            }
            ("", None, Some(_)) => Err(KibanaConfigError::ApiKey),
            (name, Some(password), None) if !name.is_empty() => {
                Ok(Identity::User { name: name.to_owned(), password })
            }
            _ => Err(KibanaConfigError::Credentials),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_names_its_key_and_what_to_do() {
        let base = KibanaConfig::default;
        let cases = [
            (KibanaConfig { url: "localhost:5601".into(), ..base() }, "url must be"),
            (KibanaConfig { url: "http://u:p@h:1".into(), ..base() }, "url must be"),
            (KibanaConfig { space: "a/b".into(), ..base() }, "space is `a/b`"),
            (KibanaConfig { request_timeout_ms: 1, ..base() }, "request_timeout_ms is 1; it must be from 10"),
            (KibanaConfig { username: "u".into(), ..base() }, "set username and password"),
            (KibanaConfig { password: "p".into(), ..base() }, "set username and password"),
            (KibanaConfig { api_key: "a b".into(), ..base() }, "api_key has characters"),
            (KibanaConfig { api_key: "***".into(), ..base() }, "api_key: it is `***`"),
        ];
        for (config, message) in cases {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        base().validate().unwrap();
    }

    #[test]
    fn a_space_is_part_of_the_path_and_a_secret_of_nothing() {
        let config = KibanaConfig {
            url: "https://kibana.example/base/".into(),
            space: "bitcoin".into(),
            username: "u".into(),
            password: "hunter2".into(),
            ..KibanaConfig::default()
        };
        assert_eq!(config.base().unwrap(), "https://kibana.example/base/s/bitcoin");
        let shown = format!("{config:?} {:?} {}", config.identity(), serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
