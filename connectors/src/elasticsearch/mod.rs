//! The index on an Elasticsearch cluster, 7.10 to 9.x (tested with 9.5.3), through the official client's transport.

#![allow(dead_code, reason = "the bulk path that uses the rest lands next")]

use crate::backoff;
mod cluster;
mod config;
mod fault;
mod nodes;
mod templates;

use std::fmt;
use std::sync::Arc;

pub use self::config::{ElasticsearchConfig, ElasticsearchConfigError, Refresh};

use self::cluster::Cluster;
use crate::{IndexError, acceptable};

/// An Elasticsearch cluster as an [`Index`](crate::Index). Clones share connections and limits.
#[derive(Clone)]
pub struct ElasticsearchIndex {
    cluster: Arc<Cluster>,
    prefix: Arc<str>,
}

impl ElasticsearchIndex {
    /// Checks the settings and prepares the connections. Nothing is sent yet, so the cluster may be away.
    pub fn connect(config: &ElasticsearchConfig) -> Result<Self, IndexError> {
        config.validate().map_err(|error| IndexError::Refused(error.to_string()))?;
        let cluster = Arc::new(Cluster::new(config)?);
        Ok(Self { cluster, prefix: config.index_prefix.as_str().into() })
    }

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The index's name in the cluster.
    fn full_name(&self, name: &str) -> Result<String, IndexError> {
        if acceptable::is_index_name(name) {
            Ok(format!("{}{name}", self.prefix))
        } else {
            Err(IndexError::Refused(format!("`{name}` is no index name")))
        }
    }
}

impl fmt::Debug for ElasticsearchIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElasticsearchIndex").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}
