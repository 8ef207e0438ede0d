//! The live daemons: what polls and what holds sockets, each with its own way into the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use trombe_connectors::Log;

use crate::blockchain::hold_websockets;
use crate::bpi::poll_prices;
use crate::config::ProducersConfig;
use crate::error::ProduceError;
use crate::message::FeedKind;
use crate::outbox::Outbox;
use crate::progress::{Progress, Summary};
use crate::shutdown::{Shutdown, share};

/// Polls the price sources until the shutdown.
///
/// `Ok` means that every message that was taken is stored.
pub async fn bpi(
    log: Arc<dyn Log>,
    config: ProducersConfig,
    progress: Arc<Progress>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Summary, ProduceError> {
    run(log, config, Parts { prices: true, chain: false }, progress, share(shutdown)).await
}

/// Holds the websockets of the chain feeds until the shutdown.
///
/// `Ok` means that every message that was taken is stored.
pub async fn blockchain(
    log: Arc<dyn Log>,
    config: ProducersConfig,
    progress: Arc<Progress>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Summary, ProduceError> {
    run(log, config, Parts { prices: false, chain: true }, progress, share(shutdown)).await
}

/// Which of the live feeds to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) prices: bool,
    pub(crate) chain: bool,
}

impl Parts {
    pub(crate) const ALL: Self = Self { prices: true, chain: true };
}

pub(crate) async fn run(
    log: Arc<dyn Log>,
    config: ProducersConfig,
    parts: Parts,
    progress: Arc<Progress>,
    shutdown: Shutdown,
) -> Result<Summary, ProduceError> {
    config.validate()?;
    let (outbox, writer) = Outbox::open(log, &config, FeedKind::Live, Arc::clone(&progress));
    let taken = take(&config, parts, &outbox, &progress, &shutdown).await;
    drop(outbox);
    writer.finish(&shutdown).await?;
    taken?;
    Ok(progress.summary())
}

/// Takes from the feeds until the shutdown, or until the writer is gone.
///
/// After the shutdown a feed may still hand over the message in its hand, within the drain time.
pub(crate) async fn take(
    config: &ProducersConfig,
    parts: Parts,
    outbox: &Outbox,
    progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    let prices =
        async { if parts.prices { poll_prices(config, outbox, progress, shutdown).await } else { Ok(()) } };
    let chain = async {
        if parts.chain { hold_websockets(config, outbox, progress, shutdown).await } else { Ok(()) }
    };
    let drained = async {
        shutdown.clone().await;
        sleep(Duration::from_millis(config.outbox.drain_ms_max)).await;
    };
    tokio::select! {
        taken = async { tokio::try_join!(prices, chain) } => taken.map(drop),
        // At least one message was in a hand that could not let go of it.
        () = drained => Err(ProduceError::Undelivered {
            undelivered: progress.undelivered() + 1,
            drain_ms_max: config.outbox.drain_ms_max,
        }),
        // The writer says why when it is joined.
        () = outbox.closed() => Ok(()),
    }
}
