//! The wiring: spouts of all topics, and the sink.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use trombe::Topology;
use trombe_connectors::Log;
use trombe_connectors::archive::{Manifest, Place};

use super::bolt::{Archive, Shared};
use super::config::ArchiveConfig;
use crate::config::{ConfigError, TopologyConfig};
use crate::health::Health;
use crate::signals::FeedOver;
use crate::spout::{LogSpout, LogSpoutOptions};
use crate::topics::{BLOCKS, BPI, DEAD_LETTERS, TRANSACTIONS};

/// How often a task looks whether a batch has grown old.
const TICK_MS: u64 = 100;

/// Tuples on their way between two tasks; a block is megabytes, so they are fewer than elsewhere.
const BATCH_COUNT_MAX: usize = 32;

/// The topics that are not made of other topics, but for some of the dead letters.
const ARCHIVED: [&str; 4] = [BPI, BLOCKS, TRANSACTIONS, DEAD_LETTERS];

/// What is archived, and where.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// Where to.
    pub place: Place,
    /// What the archive there says of itself.
    pub manifest: Manifest,
    /// When records become files.
    pub config: ArchiveConfig,
}

/// The topology that writes the topics of `log` to an archive, ready to start with [`archive_engine`]'s limits.
///
/// It runs until it is shut down or, once `feed_over` is set, until the log is drained and all of it is committed. `health`
/// says whether it can write. It is to be called within a Tokio runtime, which does the requests.
///
/// Its consumer group bears the archive's id: another archive of the same log begins at the log's beginning.
pub fn archive(
    log: &Arc<dyn Log>,
    options: ArchiveOptions,
    config: &TopologyConfig,
    feed_over: FeedOver,
    health: Health,
) -> Result<Topology, ConfigError> {
    config.validate()?;
    options.config.validate()?;
    let topology = Topology::new("archive");
    let group = format!("{}-archive-{}", config.consumer_group, options.manifest.id);
    let spouts = ARCHIVED.map(|topic| {
        // At least once, whatever the documents are computed by: the archive makes it exactly once.
        let spout = LogSpoutOptions {
            poll_bytes_max: config.poll_bytes_max,
            poll_interval: Duration::from_millis(config.poll_interval_ms),
            commit_period: Duration::from_millis(config.commit_period_ms),
            lag_period: Duration::from_millis(config.lag_period_ms),
            // More than the sink holds: else all would wait for batches to grow old.
            pending_bytes_max: 2 * options.config.tasks_count * options.config.held_bytes_max,
            ..LogSpoutOptions::new(&group, topic)
        };
        let (log, feed_over, health) = (Arc::clone(log), feed_over.clone(), health.clone());
        let spout = move || LogSpout::new(Arc::clone(&log), spout.clone(), feed_over.clone(), health.clone());
        topology.spout(topic, spout).by(|record| &record.position.partition)
    });
    let shared = Shared {
        place: options.place,
        count_max: held_count_max(config, &options.config),
        config: options.config,
        feed_over,
        health,
        runtime: Handle::current(),
    };
    let tasks = shared.config.tasks_count;
    let [first, rest @ ..] = spouts;
    let records = rest.into_iter().fold(first, trombe::Input::and);
    records.tasks(tasks).tick_ms(TICK_MS).deferred("archive", move || Archive::new(shared.clone())).end();
    Ok(topology)
}

/// The engine's limits that go with [`archive`].
pub fn archive_engine(config: &TopologyConfig, archive: &ArchiveConfig) -> trombe::Config {
    trombe::Config {
        held_count_max: held_count_max(config, archive),
        batch_count_max: BATCH_COUNT_MAX,
        ..config.engine()
    }
}

/// Fewer than a spout may have out, divided among the tasks: else all of them would wait for batches to grow old.
fn held_count_max(config: &TopologyConfig, archive: &ArchiveConfig) -> usize {
    (config.spout_pending_count_max / archive.tasks_count / 2).max(1)
}
