//! The price poller.

use std::sync::Arc;

use crate::config::ProducersConfig;
use crate::error::ProduceError;
use crate::outbox::Outbox;
use crate::progress::Progress;
use crate::shutdown::Shutdown;

/// Polls until the shutdown, or until the writer is gone.
pub(crate) async fn poll_prices(
    _config: &ProducersConfig,
    _outbox: &Outbox,
    _progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    shutdown.clone().await;
    Ok(())
}
