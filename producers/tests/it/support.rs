//! Settings in milliseconds instead of minutes, and a daemon under test.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use btc_producers::{BackoffConfig, ProduceError, ProducersConfig, Progress, Summary};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use trombe_connectors::Log;

use crate::memory_log::MemoryLog;

/// How long a condition may take to come true before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The defaults, with every wait shortened.
pub(crate) fn quick() -> ProducersConfig {
    let backoff = BackoffConfig { first_ms: 10, longest_ms: 100 };
    let mut config = ProducersConfig { backoff, ..ProducersConfig::default() };
    config.outbox.linger_ms = 1;
    config.outbox.retry_ms_max = 20;
    config.http.connect_ms_max = 2_000;
    config.http.headers_ms_max = 2_000;
    config.http.body_ms_max = 2_000;
    config.bpi.interval_ms = 10;
    config.bpi.probe_ms_max = 100;
    config
}

/// A daemon that runs until it is told to stop.
pub(crate) struct Daemon {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) progress: Arc<Progress>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Summary, ProduceError>>,
}

impl Daemon {
    /// Starts what `run` makes of a log, a progress and a shutdown.
    pub(crate) fn start<F>(
        log: Arc<MemoryLog>,
        run: impl FnOnce(Arc<dyn Log>, Arc<Progress>, Box<dyn Future<Output = ()> + Send + Unpin>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<Summary, ProduceError>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let progress = Arc::new(Progress::new());
        let shutdown = Box::new(Box::pin(async move {
            stopped.await.ok();
        }));
        let task = tokio::spawn(run(Arc::<MemoryLog>::clone(&log), Arc::clone(&progress), shutdown));
        Self { log, progress, stop, task }
    }

    /// Waits until its counters meet the condition.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Summary) -> bool) {
        until(&self.progress, what, condition).await;
    }

    /// Stops it, and gives its account.
    pub(crate) async fn stop(self) -> Result<Summary, ProduceError> {
        self.stop.send(()).ok();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the daemon stops").unwrap()
    }
}

/// Waits until the counters meet the condition.
pub(crate) async fn until(progress: &Progress, what: &str, condition: impl Fn(&Summary) -> bool) {
    let met = async {
        while !condition(&progress.summary()) {
            tokio::task::yield_now().await;
        }
    };
    let is_met = tokio::time::timeout(PATIENCE, met).await.is_ok();
    assert!(is_met, "never came true: {what}; {:#?}", progress.summary());
}

/// The recorded data beside the project (or at `TROMBE_DATA`); `None`, and a loud word, where they are not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TROMBE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = folder.join(path);
    if !path.exists() {
        eprintln!("skipped: no recorded data at {} (set TROMBE_DATA)", path.display());
    }
    path.exists().then_some(path)
}
