//! Appending to the log without giving up.

use std::sync::Arc;

use trombe_connectors::{Log, LogError, Message};

use crate::backoff::Backoff;
use crate::health::{Health, Part};

/// Appends to one topic until the log has taken it, and says meanwhile why it has not.
#[derive(Clone, Debug)]
pub(crate) struct Appender {
    log: Arc<dyn Log>,
    topic: &'static str,
    health: Health,
    backoff: Backoff,
}

/// A message of this key is larger than the log takes; none of the messages was appended.
#[derive(Debug)]
pub(super) struct TooLarge(pub(super) String);

impl Appender {
    pub(crate) fn new(log: Arc<dyn Log>, topic: &'static str, health: Health, backoff: Backoff) -> Self {
        Self { log, topic, health, backoff }
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Returns once the messages are durable.
    pub(super) async fn append(&self, messages: Vec<Message>) -> Result<(), TooLarge> {
        let mut failures = 0;
        loop {
            match self.log.append(self.topic, messages.clone()).await {
                Ok(_) => break,
                Err(LogError::MessageTooLarge { key, .. }) => return Err(TooLarge(key)),
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(topic = self.topic, %error, "what is to be appended waits for the log");
                    }
                    self.health.report(Part::Log, self.topic, Some(error.to_string()));
                }
            }
            tokio::time::sleep(self.backoff.wait(failures)).await;
            failures = failures.saturating_add(1);
        }
        if failures > 0 {
            self.health.report(Part::Log, self.topic, None);
        }
        Ok(())
    }
}
