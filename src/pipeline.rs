//! The topology over a store: started, watched, ended.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use btc_dashboard_web::Status;
use btc_topology::{Connections, FeedOver, Health, TopologyConfig, bitcoin};
use tokio::task::block_in_place;
use trombe::EndError;
use trombe_connectors::StateError;

use crate::advance::Advance;
use crate::counters::counters;
use crate::interrupt::Interrupt;

/// An interrupted topology may take this long to drain. What is left then is in the log and comes again.
const DRAIN_MS_MAX: u64 = 1_000;

/// How soon a waiting `drain` sees an interrupt.
const INTERRUPT_MS_MAX: u64 = 100;

/// How soon the process sees that the topology has ended by itself.
const END_LOOK_MS: u64 = 100;

/// A running Bitcoin topology.
pub(crate) struct Pipeline {
    running: trombe::Running,
    feed_over: FeedOver,
    health: Health,
}

impl Pipeline {
    /// Starts the topology.
    pub(crate) fn start(connections: Connections, config: TopologyConfig) -> anyhow::Result<Self> {
        let (feed_over, health) = (FeedOver::new(), Health::new());
        let engine = config.engine();
        let topology = bitcoin(connections, config, feed_over.clone(), health.clone())?;
        let running = block_in_place(|| topology.start(engine)).context("the topology does not start")?;
        Ok(Self { running, feed_over, health })
    }

    /// Lets the topology do everything that is in the log, or as much as it can. False if the interrupt came first.
    pub(crate) fn drain(&self, interrupt: &Interrupt) -> bool {
        self.feed_over.set();
        block_in_place(|| {
            loop {
                if self.running.wait_for(Duration::from_millis(INTERRUPT_MS_MAX)) {
                    return true;
                }
                if interrupt.peek().is_some() {
                    return false;
                }
            }
        })
    }

    /// Completes if the topology ends by itself; [`shutdown`](Self::shutdown) says why.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let observer = self.observer();
        async move {
            while observer.error().is_none() {
                tokio::time::sleep(Duration::from_millis(END_LOOK_MS)).await;
            }
        }
    }

    /// Stops reading the log, finishes what is under way, and ends. An error if the topology has ended by itself.
    pub(crate) fn shutdown(self) -> Result<trombe::Summary, EndError> {
        block_in_place(|| self.running.shutdown(Duration::from_millis(DRAIN_MS_MAX))).into_result()
    }

    /// The running topology's books, readable after its end too.
    pub(crate) fn observer(&self) -> trombe::Observer {
        self.running.observer()
    }

    /// What the page and `/ready` show; without an `advance` the producers are other processes.
    pub(crate) fn status_source(&self, advance: Option<Advance>) -> btc_dashboard_web::StatusSource {
        let (observer, health) = (self.observer(), self.health.clone());
        Arc::new(move || {
            let away = health.away();
            let status = Status {
                ready: away.is_none(),
                why: away.or_else(|| health.secondary_away()).or_else(|| missed(&health)),
                lag: health.lag(),
                counters: counters(&health),
                ..Status::default()
            };
            match advance.as_ref().map(Advance::now) {
                None => Status {
                    topology: serde_json::to_value(observer.snapshot()).ok(),
                    history_done: true,
                    ..status
                },
                Some(standing) => Status {
                    topology: serde_json::to_value(standing.snapshot).ok(),
                    producer: serde_json::to_value(standing.produced).ok(),
                    history_done: standing.history_done,
                    history_count: standing.computed,
                    history_share: standing.share,
                    why: status.why.or(standing.mute),
                    ..status
                },
            }
        })
    }
}

/// Whether it has ended because another process has taken its state over.
pub(crate) fn is_superseded(error: &anyhow::Error) -> bool {
    error.downcast_ref::<EndError>().is_some_and(EndError::is_superseded)
        || matches!(error.downcast_ref(), Some(StateError::Fenced(_)))
}

/// What is lost for good does not hold anything up, but must be said.
fn missed(health: &Health) -> Option<String> {
    let count = health.missed_records();
    (count > 0).then(|| {
        format!(
            "{count} messages were deleted by the log's retention before they were read; \
             raise `topology.log_retention_hours`"
        )
    })
}
