//! The configuration: defaults, then a TOML file, then the environment, then the command line.
//!
//! The environment's names are the file's keys in capitals with two underscores between the levels:
//! `BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT=4` is `tasks_count = 4` under `[topology]`.

use std::path::{Path, PathBuf};

use btc_dashboard_web::PageOptions;
use btc_producers::ProducersConfig;
use btc_topology::TopologyConfig;
use config::{Config, Environment, File, FileFormat};
use serde::{Deserialize, Serialize};
use trombe_connectors::EmbeddedConfig;

/// Read from the working folder if no file is named.
const DEFAULT_FILE: &str = "bitcoin-dashboard.toml";
const PREFIX: &str = "BITCOIN_DASHBOARD";

/// Everything that can be set. Each section belongs to one crate, which says what is allowed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The embedded store.
    pub(crate) store: EmbeddedConfig,
    /// The producers and the sample feed.
    pub(crate) producers: ProducersConfig,
    /// The Bitcoin topology.
    pub(crate) topology: TopologyConfig,
    /// The page.
    pub(crate) page: PageOptions,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("there is no configuration file {}; mend --config", .0.display())]
    NoSuchFile(PathBuf),
    #[error("the configuration cannot be read: {0}; mend the file or the {PREFIX}__... variable")]
    Unreadable(#[from] config::ConfigError),
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
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("page.hosts_allowed");
        let settings: Self = builder.add_source(environment).build()?.try_deserialize()?;
        settings.validate()?;
        Ok(settings)
    }

    fn validate(&self) -> Result<(), SettingsError> {
        let refuse = |section| {
            move |why: Box<dyn std::error::Error>| SettingsError::NotAllowed { section, why: why.to_string() }
        };
        self.store.validate().map_err(Into::into).map_err(refuse("store"))?;
        self.producers.validate().map_err(Into::into).map_err(refuse("producers"))?;
        self.topology.validate().map_err(Into::into).map_err(refuse("topology"))?;
        self.page.check().map_err(Into::into).map_err(refuse("page"))
    }
}
