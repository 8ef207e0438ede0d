//! The sections of a configuration file.

use std::fmt::Display;

use btc_dashboard_web::PageOptions;
use btc_producers::ProducersConfig;
use btc_topology::TopologyConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trombe_connectors::{ElasticsearchConfig, EmbeddedConfig, KafkaConfig, KibanaConfig};

/// The sections that any backend has; `src/settings.rs` puts them together in the same way.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    store: EmbeddedConfig,
    producers: ProducersConfig,
    topology: TopologyConfig,
    page: PageOptions,
}

impl Sections {
    fn is_valid(&self) -> bool {
        let Self { store, producers, topology, page } = self;
        let results = [
            store.validate().map_err(|error| error.to_string()),
            producers.validate().map_err(|error| error.to_string()),
            topology.validate().map_err(|error| error.to_string()),
            page.check().map_err(|error| error.to_string()),
        ];
        for reason in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(!reason.is_empty());
        }
        results.iter().all(Result::is_ok)
    }
}

/// What is read and written again is the same configuration, and as valid.
pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    // Passwords are not written, so these are not read again.
    let servers = is_valid(text, ElasticsearchConfig::validate)
        | is_valid(text, KafkaConfig::validate)
        | is_valid(text, KibanaConfig::validate);
    let Some(sections) = read::<Sections>(text) else { return servers };
    let valid = sections.is_valid();
    let written = toml::to_string(&sections).expect("a configuration can be written");
    let again = read::<Sections>(&written).expect("our own configuration");
    assert_eq!(toml::to_string(&again).expect("as before"), written);
    assert_eq!(again.is_valid(), valid);
    valid
}

/// Whether it can be read, and is allowed; a refusal has words.
fn is_valid<T: DeserializeOwned, E: Display>(text: &str, validate: impl Fn(&T) -> Result<(), E>) -> bool {
    let reason = read(text).map(|config| validate(&config).err().map(|error| error.to_string()));
    assert!(reason.iter().flatten().all(|reason| !reason.is_empty()));
    reason.is_some_and(|reason| reason.is_none())
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    toml::from_str(text).ok()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let defaults = toml::to_string(&Sections::default()).expect("the defaults can be written");
    let index = "urls = [\"http://127.0.0.1:9200\", \"https://[::1]:9201/path\"]\nindex_prefix = \"a-\"\n";
    let short = "[topology]\ntasks_count = 4\n[page]\nhosts_allowed = [\"example.org\"]\n";
    let log = "bootstrap_servers = [\"127.0.0.1:9092\"]\ncompression = \"zstd\"\n[security]\nsecurity_protocol = \"SASL_SSL\"\n\
         username = \"u\"\npassword = \"secret\"\n[properties]\n\"socket.keepalive.enable\" = \"true\"\n";
    let kibana = "url = \"http://127.0.0.1:5601\"\nusername = \"u\"\npassword = \"secret\"\n";
    vec![defaults.into_bytes(), index.into(), short.into(), log.into(), kibana.into()]
}
