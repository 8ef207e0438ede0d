//! The holder of the websockets.

use std::sync::Arc;

use crate::config::ProducersConfig;
use crate::error::ProduceError;
use crate::outbox::Outbox;
use crate::progress::Progress;
use crate::shutdown::Shutdown;

/// Holds the websockets until the shutdown, or until the writer is gone.
pub(crate) async fn hold_websockets(
    _config: &ProducersConfig,
    _outbox: &Outbox,
    _progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    shutdown.clone().await;
    Ok(())
}
