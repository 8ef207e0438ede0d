//! Partitions on their way to another member of the group.

use std::collections::BTreeMap;
use std::time::Duration;

use trombe_connectors::Revoked;

use super::LogSpout;

/// The partitions that are being revoked, with the time at which they are released at the latest.
pub(super) type Leaving = BTreeMap<u32, Duration>;

impl LogSpout {
    /// Notices what the group takes away, and lets go of it once its records are done and committed: then the next member begins
    /// behind them, and nothing is done twice. At the deadline it goes as it is.
    pub(super) fn rebalance(&mut self) {
        let now = self.uptime();
        for Revoked { partition, lost, .. } in self.consumer.as_mut().map_or_else(Vec::new, |c| c.revoking())
        {
            if lost {
                self.leaving.remove(&partition);
                self.forget(partition);
            } else {
                self.leaving.entry(partition).or_insert(now + self.options.release_max);
            }
        }
        let offsets = &self.offsets;
        let is_ready = |(partition, due): (&u32, &Duration)| !offsets.has_open(*partition) || *due <= now;
        if !self.leaving.iter().any(is_ready) {
            return;
        }
        let is_committed = self.commit();
        let offsets = &self.offsets;
        let ready = self
            .leaving
            .iter()
            .filter(|(partition, due)| **due <= now || (is_committed && !offsets.has_open(**partition)));
        let ready: Vec<u32> = ready.map(|(partition, _)| *partition).collect();
        self.release(&ready);
    }

    fn release(&mut self, partitions: &[u32]) {
        if partitions.is_empty() {
            return;
        }
        let topic = self.options.topic;
        for &partition in partitions {
            if self.offsets.has_open(partition) {
                tracing::warn!(
                    topic,
                    partition,
                    "released with records under way; they will be read again elsewhere"
                );
            }
            self.leaving.remove(&partition);
            self.forget(partition);
        }
        let revoked = |&partition| Revoked { topic: topic.to_owned(), partition, lost: false };
        let revoked: Vec<_> = partitions.iter().map(revoked).collect();
        if let Some(Err(error)) = self.consumer.as_mut().map(|consumer| consumer.release(&revoked)) {
            tracing::warn!(topic, %error, "partitions were not released; the group will take them");
        }
    }

    /// Nothing of the partition is this task's concern any more: late acks of its records change nothing.
    fn forget(&mut self, partition: u32) {
        self.offsets.forget(partition);
        self.condemned.forget(partition);
        self.polled.retain(|record| record.position.partition != partition);
        self.signals.health.forget_lag(self.options.topic, partition);
    }
}
