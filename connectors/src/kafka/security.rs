//! Who the client is, and how its connections are protected.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config::KafkaConfigError;
use crate::Secret;

/// Encryption and authentication. A secret comes from the environment or a file of its own rather than from a
/// configuration file that others read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSecurity {
    /// How connections are protected.
    pub security_protocol: SecurityProtocol,
    /// How the client proves who it is, with the two SASL protocols.
    pub sasl_mechanism: Option<SaslMechanism>,
    /// The name of the client.
    pub username: Option<String>,
    /// The client's password.
    pub password: Secret,
    /// A file that holds the client's password, of at most 64 KiB; a line break at its end does not count.
    pub password_file: Option<PathBuf>,
    /// The certificates of authorities that brokers' certificates are checked against; `None` uses the system's.
    pub ssl_ca_location: Option<PathBuf>,
    /// The client's own certificate, PEM.
    pub ssl_certificate_location: Option<PathBuf>,
    /// The client's private key, PEM.
    pub ssl_key_location: Option<PathBuf>,
    /// The passphrase of the private key.
    pub ssl_key_password: Secret,
    /// A file that holds the passphrase of the private key, as `password_file` does.
    pub ssl_key_password_file: Option<PathBuf>,
}

/// Kafka's `security.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    #[default]
    #[serde(alias = "PLAINTEXT")]
    Plaintext,
    /// Encrypted; the client is known by its certificate, if it has one.
    #[serde(alias = "SSL")]
    Ssl,
    /// Authenticated but not encrypted.
    #[serde(alias = "SASL_PLAINTEXT")]
    SaslPlaintext,
    /// Encrypted and authenticated.
    #[serde(alias = "SASL_SSL")]
    SaslSsl,
}

impl SecurityProtocol {
    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    fn is_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

/// Kafka's `sasl.mechanism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaslMechanism {
    /// Name and password as they are.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge and response with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge and response with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl KafkaSecurity {
    pub(super) fn validate(&self) -> Result<(), KafkaConfigError> {
        let invalid = |key: &str, value: &str, allowed: &str| {
            Err(KafkaConfigError {
                key: format!("security.{key}"),
                value: value.to_owned(),
                allowed: allowed.to_owned(),
            })
        };
        let protocol = self.security_protocol;
        let needs_tls = protocol.is_encrypted()
            || self.sasl_mechanism.is_some_and(|mechanism| mechanism != SaslMechanism::Plain);
        if needs_tls && !cfg!(feature = "kafka-tls") {
            let (key, value) = match self.sasl_mechanism {
                Some(mechanism) if !protocol.is_encrypted() => ("sasl_mechanism", mechanism.name()),
                _ => ("security_protocol", protocol.name()),
            };
            return invalid(
                key,
                value,
                "left out, as this program has no TLS; build with `--features kafka-tls`",
            );
        }
        if protocol.is_sasl() {
            if self.sasl_mechanism.is_none() {
                return invalid("sasl_mechanism", "absent", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
            }
            if self.username.is_none() {
                return invalid("username", "absent", "given with a SASL protocol");
            }
            if self.password.is_empty() && self.password_file.is_none() {
                return invalid("password", "absent", "given with a SASL protocol, or `password_file`");
            }
        } else if self.sasl_mechanism.is_some() {
            let allowed = "left out, or security_protocol sasl_plaintext or sasl_ssl";
            return invalid("sasl_mechanism", "given", allowed);
        }
        Ok(())
    }

    /// The client library's settings, secrets included.
    pub(super) fn settings(&self) -> Result<Vec<(&'static str, String)>, KafkaConfigError> {
        let mut settings = vec![("security.protocol", self.security_protocol.name().to_owned())];
        let mut set = |key, value: Option<String>| settings.extend(value.map(|value| (key, value)));
        set("sasl.mechanism", self.sasl_mechanism.map(|mechanism| mechanism.name().to_owned()));
        set("sasl.username", self.username.clone());
        set("sasl.password", secret("password", &self.password, self.password_file.as_ref())?);
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        set("ssl.ca.location", path(&self.ssl_ca_location));
        set("ssl.certificate.location", path(&self.ssl_certificate_location));
        set("ssl.key.location", path(&self.ssl_key_location));
        let key_password =
            secret("ssl_key_password", &self.ssl_key_password, self.ssl_key_password_file.as_ref());
        set("ssl.key.password", key_password?);
        Ok(settings)
    }
}

fn secret(key: &str, value: &Secret, file: Option<&PathBuf>) -> Result<Option<String>, KafkaConfigError> {
    let secret = Secret::from_value_or_file(value, file.map(PathBuf::as_path));
    let secret = secret.map_err(|error| KafkaConfigError {
        key: format!("security.{key}"),
        value: format!("not known: {error}"),
        allowed: "given as a value or in a file".to_owned(),
    });
    Ok(secret?.map(|secret| secret.expose().to_owned()))
}
