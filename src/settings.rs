//! The configuration: defaults, then a TOML file, then the environment, then the command line.
//!
//! The environment's names are the file's keys in capitals with two underscores between the levels:
//! `BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT=4` is `tasks_count = 4` under `[topology]`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use btc_dashboard_web::PageOptions;
use btc_producers::ProducersConfig;
use btc_topology::{ArchiveConfig, TopologyConfig};
use config::{Config, ConfigError, Environment, File, FileFormat};
use serde::{Deserialize, Serialize};
use trombe_connectors::{ElasticsearchConfig, EmbeddedConfig, KafkaConfig, KafkaStateConfig, KibanaConfig};

/// Read from the working folder if no file is named.
const DEFAULT_FILE: &str = "bitcoin-dashboard.toml";
const PREFIX: &str = "BITCOIN_DASHBOARD";
/// Settings that the environment gives as one word with commas.
const LISTS: [&str; 4] =
    ["page.hosts_allowed", "kafka.bootstrap_servers", "elasticsearch.urls", "secondary.urls"];

/// Everything that can be set. Each section belongs to one crate, which says what is allowed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the log and the index are.
    pub(crate) backend: Backend,
    /// Where the bolts' state of a cluster is.
    pub(crate) state: StatePlace,
    /// The log of a cluster.
    pub(crate) kafka: KafkaConfig,
    /// The bolts' state, if it is on Kafka.
    pub(crate) kafka_state: KafkaStateConfig,
    /// The index of a cluster.
    pub(crate) elasticsearch: ElasticsearchConfig,
    /// A second index, which receives every document too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secondary: Option<ElasticsearchConfig>,
    /// Where `setup` puts the Kibana dashboard.
    pub(crate) kibana: KibanaConfig,
    /// The embedded store; in a cluster it holds the bolts' state only, or nothing.
    pub(crate) store: EmbeddedConfig,
    /// The producers and the sample feed.
    pub(crate) producers: ProducersConfig,
    /// The Bitcoin topology.
    pub(crate) topology: TopologyConfig,
    /// The sink of the batch layer.
    pub(crate) archive: ArchiveConfig,
    /// The page.
    pub(crate) page: PageOptions,
}

/// Where the log and the index are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    /// In one file; no server is needed.
    #[default]
    Embedded,
    /// In Kafka and Elasticsearch.
    Cluster,
}

/// Where the bolts' state of a cluster is; an embedded log has it in its own file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatePlace {
    /// In a file on this host.
    #[default]
    Local,
    /// In a compacted topic: a topology that starts on another host goes on where the former one was.
    Kafka,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("there is no configuration file {}; mend --config", .0.display())]
    NoSuchFile(PathBuf),
    #[error("the configuration cannot be read: {0}; mend the file or the {PREFIX}__... variable")]
    Unreadable(String),
    #[error("in section [{section}]: {why}")]
    NotAllowed { section: &'static str, why: String },
}

impl Settings {
    /// Reads the file (the named one must exist) and the environment, and checks every value.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        builder = match file {
            Some(file) if !file.is_file() => return Err(SettingsError::NoSuchFile(file.to_owned())),
            Some(file) => builder.add_source(File::from(file).format(FileFormat::Toml)),
            None => builder.add_source(File::new(DEFAULT_FILE, FileFormat::Toml).required(false)),
        };
        let (verbatim, plain) = std::env::vars().partition(|(name, _)| is_verbatim(name));
        let parsed =
            LISTS.iter().fold(environment(plain).try_parsing(true).list_separator(","), |source, list| {
                source.with_list_parse_key(list)
            });
        let sources = builder.add_source(parsed).add_source(environment(verbatim));
        let read = sources.build().and_then(Config::try_deserialize);
        let settings: Self = read.map_err(|error| SettingsError::Unreadable(told(&error)))?;
        settings.validate()?;
        Ok(settings)
    }

    fn validate(&self) -> Result<(), SettingsError> {
        let refuse = |section| {
            move |why: Box<dyn std::error::Error>| SettingsError::NotAllowed { section, why: why.to_string() }
        };
        self.kafka.validate().map_err(Into::into).map_err(refuse("kafka"))?;
        self.kafka_state.validate().map_err(Into::into).map_err(refuse("kafka_state"))?;
        self.elasticsearch.validate().map_err(Into::into).map_err(refuse("elasticsearch"))?;
        self.kibana.validate().map_err(Into::into).map_err(refuse("kibana"))?;
        if let Some(secondary) = &self.secondary {
            secondary.validate().map_err(Into::into).map_err(refuse("secondary"))?;
        }
        self.store.validate().map_err(Into::into).map_err(refuse("store"))?;
        self.producers.validate().map_err(Into::into).map_err(refuse("producers"))?;
        self.topology.validate().map_err(Into::into).map_err(refuse("topology"))?;
        self.archive.validate().map_err(Into::into).map_err(refuse("archive"))?;
        self.page.check().map_err(Into::into).map_err(refuse("page"))
    }
}

/// What is wrong and where, but not what stands there where that may be a secret: a line of the file, or a word in the place of a
/// section.
fn told(error: &ConfigError) -> String {
    if let ConfigError::FileParse { uri, cause } = error {
        let cause = cause.to_string();
        let is_quoted =
            |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
        let lines: Vec<&str> = cause.lines().filter(|line| !is_quoted(line)).collect();
        return format!("{}: {}", uri.as_deref().unwrap_or(DEFAULT_FILE), lines.join(": "));
    }
    let text = error.to_string();
    let is_open =
        !["expected struct", "expected a map", "password", "api_key"].iter().any(|word| text.contains(word));
    match (text.split_once("invalid type: "), text.rsplit_once(", expected ")) {
        (Some((before, _)), Some((_, expected))) if !is_open => {
            format!("{before}invalid type, expected {expected}")
        }
        _ => text,
    }
}

/// The environment's settings among these variables.
fn environment(variables: HashMap<String, String>) -> Environment {
    Environment::with_prefix(PREFIX).prefix_separator("__").separator("__").source(Some(variables))
}

/// Whether a variable is kept letter for letter: a password of digits is no number, and `007` is not `7`.
fn is_verbatim(name: &str) -> bool {
    ["PASSWORD", "API_KEY", "USERNAME", "PREFIX", "SPACE", "GROUP"]
        .iter()
        .any(|ending| name.ends_with(ending))
}
