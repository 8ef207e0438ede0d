//! The sink: it owns its tuples until their file is committed.

use std::time::Duration;

use tokio::runtime::Handle;
use trombe::{Anchor, DeferredBolt, Emitter, Failure, TaskContext, Tuple};
use trombe_connectors::Record;
use trombe_connectors::archive::{ArchiveError, Place, Writer};

use super::batches::{Batches, Key};
use super::config::ArchiveConfig;
use crate::health::{Health, Part};
use crate::signals::FeedOver;

/// Once the feed is over and nothing has come for this time, what waits is written as it is.
const LULL: Duration = Duration::from_millis(200);

/// What every task of the sink shares.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) config: ArchiveConfig,
    /// Records that a task may hold.
    pub(super) count_max: usize,
    pub(super) feed_over: FeedOver,
    pub(super) health: Health,
    pub(super) runtime: Handle,
}

/// Writes records to the archive, and acks them when they are committed.
pub(super) struct Archive {
    shared: Shared,
    writer: Writer,
    batches: Batches<Anchor>,
    context: Option<TaskContext>,
    /// When the last record came.
    last_at: Duration,
    is_away: bool,
}

impl Archive {
    pub(super) fn new(shared: Shared) -> Self {
        let writer = Writer::new(shared.place.clone(), shared.config.orphan_age_min());
        let batches = Batches::new(shared.config.clone());
        Self { shared, writer, batches, context: None, last_at: Duration::ZERO, is_away: false }
    }

    fn now(&self) -> Duration {
        self.context.as_ref().map(TaskContext::uptime).unwrap_or_default()
    }

    /// Says whether the archive can be written. While it cannot, the spouts pause, and the log is the buffer.
    fn report(&mut self, error: Option<&ArchiveError>) {
        let task = self.context.as_ref().map_or(0, |context| context.task);
        self.shared.health.report(Part::Index, &format!("archive {task}"), error.map(ToString::to_string));
        match error {
            Some(error) if !self.is_away => tracing::warn!(%error, "records wait for the archive"),
            None if self.is_away => tracing::info!("the archive is back"),
            _ => {}
        }
        self.is_away = error.is_some();
    }

    /// Writes one batch. It stays if that fails.
    fn write(&mut self, key: &Key) -> Result<(), ArchiveError> {
        let Some(batch) = self.batches.get(key) else { return Ok(()) };
        let (topic, partition) = key;
        let written = self.shared.runtime.block_on(self.writer.write(topic, *partition, &batch.records))?;
        tracing::debug!(topic, partition, ?written, "archived");
        if let Some(batch) = self.batches.remove(key) {
            batch.answers.into_iter().for_each(Anchor::ack);
        }
        Ok(())
    }
}

impl DeferredBolt for Archive {
    type In = Record;
    type Out = ();

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.context = Some(context.clone());
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple<Record>, _: &mut Emitter<()>) -> Result<(), Failure> {
        self.last_at = self.now();
        let (record, answer) = tuple.into_parts();
        self.batches.add(record, answer, self.last_at);
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<()>) -> Result<(), Failure> {
        let now = self.now();
        let is_last = self.shared.feed_over.is_set() && now.saturating_sub(self.last_at) >= LULL;
        while let Some(key) = self.batches.due(now, self.shared.count_max, is_last) {
            let written = self.write(&key);
            self.report(written.as_ref().err());
            written.map_err(Failure::retry)?;
        }
        Ok(())
    }
}
