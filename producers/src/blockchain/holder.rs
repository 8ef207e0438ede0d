//! Keeps one websocket open: connects, and connects again with a jittered and capped backoff.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::Link;
use super::errands::Errand;
use super::session::{Ended, Session};
use crate::backoff::Backoff;
use crate::http::retry_after;
use crate::shutdown::{Shutdown, or_shutdown};

/// What may wait to be sent: subscriptions and pings are short, but a provider that pings and does not read
/// would let the pongs pile up. More than the write buffer, as the library demands.
const WRITE_BUFFER_BYTES_MAX: usize = 256 << 10;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Holds the websocket until the shutdown, or until the writer is gone.
pub(super) async fn hold(link: Link<'_>, connector: Connector, shutdown: &Shutdown) {
    let mut backoff = Backoff::new(&link.config.backoff);
    let mut connections = 0_u64;
    loop {
        let state = if connections == 0 { "connecting" } else { "connecting again" };
        link.progress.source(link.name(), |seen| state.clone_into(&mut seen.state));
        let Some(connected) = or_shutdown(shutdown, Box::pin(connect(&link, &connector))).await else {
            return;
        };
        let lost = match connected {
            Ok(socket) => {
                connections += 1;
                if connections > 1 {
                    link.progress.reconnected();
                }
                let since = Instant::now();
                let ended = Session::new(&link, socket).run(shutdown).await;
                if since.elapsed() >= Duration::from_millis(link.config.blockchain.stable_ms) {
                    backoff.reset();
                }
                match ended {
                    Ended::Lost(reason) => Lost { reason, retry_after: Duration::ZERO },
                    Ended::Stopped => return,
                }
            }
            Err(lost) => lost,
        };
        let wait = backoff.next().max(lost.retry_after);
        tracing::warn!(source = link.name(), reason = lost.reason, ?wait, "the websocket is away");
        link.progress.source(link.name(), |seen| {
            seen.healthy = false;
            seen.failures += 1;
            seen.state.clone_from(&lost.reason);
            seen.last_error = Some(lost.reason);
        });
        if or_shutdown(shutdown, sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// Why there is no connection (any more), and how long the provider wants to be left alone.
struct Lost {
    reason: String,
    retry_after: Duration,
}

impl Lost {
    fn new(reason: String) -> Self {
        Self { reason, retry_after: Duration::ZERO }
    }
}

async fn connect(link: &Link<'_>, connector: &Connector) -> Result<Socket, Lost> {
    let limits = &link.config.blockchain;
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.message_bytes_max))
        .max_frame_size(Some(limits.message_bytes_max))
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX);
    let url = link.source.websocket_url();
    let connecting = connect_async_tls_with_config(url, Some(config), true, Some(connector.clone()));
    match timeout(Duration::from_millis(limits.connect_ms_max), connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(answer))) => {
            let longest = Duration::from_millis(link.config.http.retry_after_ms_max);
            let wait = retry_after(answer.headers(), chrono::Utc::now()).unwrap_or_default();
            let reason = format!("no websocket: status {}", answer.status());
            Err(Lost { reason, retry_after: wait.min(longest) })
        }
        Ok(Err(error)) => Err(Lost::new(format!("no connection: {error}"))),
        Err(_) => Err(Lost::new(format!("no connection within {} ms", limits.connect_ms_max))),
    }
}

impl Link<'_> {
    /// Asks for the blocks that were found while there was no connection.
    pub(super) fn send_backfill(&self) {
        if self.source.blocks {
            let (above, blocks_max) = match self.seen.get() {
                Some(height) => (Some(height), self.config.blockchain.backfill_blocks_max),
                None => (None, self.source.backfill_start_blocks),
            };
            self.send_errand(Errand::Backfill { above, below: None, blocks_max });
        }
    }
}
