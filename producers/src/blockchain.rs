//! The holder of the websockets.
//!
//! Each source has two workers. The *holder* keeps a websocket open, subscribes, and moves what comes into the
//! outbox; it does nothing else, so that the socket is read as fast as the log takes it. The *errand runner*
//! fetches by HTTP what the websocket did not tell: the blocks of a gap, and the coinbase of a block.

mod dialect;
mod errands;
pub(crate) mod fuzzing;
mod holder;
mod rest;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_tungstenite::Connector;

use crate::config::{ChainSource, ProducersConfig};
use crate::error::ProduceError;
use crate::http::Http;
use crate::outbox::Outbox;
use crate::progress::Progress;
use crate::shutdown::Shutdown;
use crate::tls;

use errands::Errand;

/// Holds the websockets until the shutdown, or until the writer is gone.
pub(crate) async fn hold_websockets(
    config: &ProducersConfig,
    outbox: &Outbox,
    progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    let http = Http::new(&config.http)?;
    let connector = Connector::Rustls(Arc::new(tls::client_config(&config.http)?));
    let workers = config.blockchain.sources.iter().map(|source| {
        let (errands, queue) = mpsc::channel(config.blockchain.errands_max);
        let link = Link { config, source, outbox, progress, seen: Arc::default(), errands };
        let (http, connector) = (&http, connector.clone());
        async move {
            let runner = errands::run(link.clone(), http, queue);
            // The runner alone never ends but with the outbox; whoever ends first ends both.
            tokio::select! {
                () = Box::pin(holder::hold(link, connector, shutdown)) => {}
                () = Box::pin(runner) => {}
            }
        }
    });
    join_all(workers).await;
    Ok(())
}

/// What the two workers of a source share.
#[derive(Clone, Debug)]
struct Link<'a> {
    config: &'a ProducersConfig,
    source: &'a ChainSource,
    outbox: &'a Outbox,
    progress: &'a Progress,
    seen: Arc<Tip>,
    errands: mpsc::Sender<Errand>,
}

impl Link<'_> {
    fn name(&self) -> &'static str {
        self.source.provider.source()
    }

    /// Asks the errand runner; what no longer fits is given up and counted.
    fn send_errand(&self, errand: Errand) {
        if let Err(error) = self.errands.try_send(errand) {
            tracing::warn!(source = self.name(), %error, "too many errands: raise `blockchain.errands_max`");
            self.progress.gave_up(1);
        }
    }
}

/// How far a height may lie above the tip and still be believed.
const AHEAD_BLOCKS_MAX: u32 = 144;

/// Whether a height lies so far above the tip that it cannot be true.
fn is_absurd(height: u32, tip: u32) -> bool {
    height > tip.saturating_add(AHEAD_BLOCKS_MAX)
}

/// The height of the highest block that a source told of; 0 before the first.
#[derive(Debug, Default)]
struct Tip(AtomicU32);

impl Tip {
    fn get(&self) -> Option<u32> {
        Some(self.0.load(Relaxed)).filter(|height| *height > 0)
    }

    fn raise(&self, height: u32) {
        self.0.fetch_max(height, Relaxed);
    }

    /// Takes the height that the provider itself gives for its tip. What was heard may be a few blocks ahead of
    /// it, or orphaned since; far ahead of it, it was never true.
    fn settle(&self, tip: u32) {
        if self.get().is_some_and(|heard| is_absurd(heard, tip)) {
            self.0.store(tip, Relaxed);
        } else {
            self.raise(tip);
        }
    }
}
