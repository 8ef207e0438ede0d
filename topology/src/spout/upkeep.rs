//! What a spout does beside giving out records: committing, looking at its lag, burying what failed for the last time.

use trombe_connectors::{LogError, Position};

use super::{LogSpout, ProcessingGuarantee};

impl LogSpout {
    pub(super) fn commit_offsets(&mut self, offsets: &[(u32, u64)]) -> Result<(), LogError> {
        let positions = self.positions(offsets);
        if let (false, Some(consumer)) = (offsets.is_empty(), &mut self.consumer) {
            consumer.commit(&positions)?;
            self.offsets.committed(offsets);
        }
        Ok(())
    }

    /// As [`commit_offsets`](Self::commit_offsets), without waiting for the log: what is committed by now is noted, the rest is
    /// given again when the next commit is due.
    fn commit_offsets_later(&mut self, offsets: &[(u32, u64)]) -> Result<(), LogError> {
        let positions = self.positions(offsets);
        if let (false, Some(consumer)) = (offsets.is_empty(), &mut self.consumer) {
            let committed = consumer.commit_later(&positions)?;
            let committed: Vec<_> =
                committed.iter().map(|position| (position.partition, position.offset)).collect();
            self.offsets.committed(&committed);
        }
        Ok(())
    }

    fn positions(&self, offsets: &[(u32, u64)]) -> Vec<Position> {
        let topic = self.options.topic;
        let position =
            |&(partition, offset): &(u32, u64)| Position { topic: topic.to_owned(), partition, offset };
        offsets.iter().map(position).collect()
    }

    fn to_commit(&self) -> Vec<(u32, u64)> {
        match self.options.guarantee {
            ProcessingGuarantee::NoGuarantee => self.offsets.given_out(),
            _ => self.offsets.uncommitted(),
        }
    }

    /// Commits what may be. A failure costs nothing but that more is read again after a restart; whoever asks, it is not tried again
    /// before the next commit is due, as it may wait for brokers that are away, and meanwhile holds up the tasks of its thread.
    /// True: all is committed.
    pub(super) fn commit(&mut self) -> bool {
        (self.commit_error.is_none() || self.uptime() >= self.commit_at) && self.commit_now()
    }

    /// As [`commit`](Self::commit), also if the last one has just failed.
    pub(super) fn commit_now(&mut self) -> bool {
        let outcome = self.commit_offsets(&self.to_commit());
        self.note_commit(outcome)
    }

    fn note_commit(&mut self, outcome: Result<(), LogError>) -> bool {
        self.commit_error = outcome.err().map(|error| error.to_string());
        let committed = self.commit_error.is_none();
        self.commit_failures = if committed { 0 } else { self.commit_failures.saturating_add(1) };
        if !committed {
            let period = self.options.commit_period.saturating_mul(1 << self.commit_failures.min(5));
            self.commit_at = self.uptime() + period;
        }
        committed
    }

    pub(super) fn commit_when_due(&mut self) {
        if self.uptime() < self.commit_at {
            return;
        }
        let outcome = self.commit_offsets_later(&self.to_commit());
        if self.note_commit(outcome) {
            self.commit_at = self.uptime() + self.options.commit_period;
        }
    }

    pub(super) fn look_at_lag(&mut self) {
        let now = self.uptime();
        if let (true, Some(consumer)) = (now >= self.lag_at, &mut self.consumer) {
            self.lag_at = now + self.options.lag_period;
            match consumer.last_lag() {
                Ok(lags) => self.signals.health.set_lag(lags),
                Err(error) => tracing::debug!(%error, spout = self.name, "the lag is not known"),
            }
        }
    }

    /// Tells of records that retention deleted before they could be read: they are lost to the documents.
    pub(super) fn report_missed(&mut self) {
        let missed_count = self.consumer.as_ref().map_or(0, |consumer| consumer.missed());
        let count = missed_count.saturating_sub(self.missed_count);
        if count > 0 {
            self.missed_count = missed_count;
            self.signals.health.count_missed_records(count);
            tracing::error!(
                count,
                topic = self.options.topic,
                "retention deleted records before they were read; keep the log for longer"
            );
        }
    }

    /// Sends condemned records to the dead letters.
    pub(super) fn bury(&mut self) {
        let now = self.uptime();
        match self.condemned.take_written() {
            Some(written) => written.into_iter().for_each(|id| self.done(id)),
            None => self.bury_at = now + self.options.commit_period,
        }
        let (Some(consumer), Some(context)) = (&mut self.consumer, &self.context) else { return };
        if now < self.bury_at {
            return;
        }
        match self.condemned.write(&mut **consumer, &self.dead_letters, context) {
            Ok(gone) => gone.into_iter().for_each(|id| self.done(id)),
            Err(error) => {
                self.bury_at = now + self.options.commit_period;
                tracing::debug!(%error, spout = self.name, "failed records cannot be read for their dead letters yet");
            }
        }
    }
}
