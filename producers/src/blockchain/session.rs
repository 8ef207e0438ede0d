//! One connection, from the subscription to its end.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{self, Message};

use super::dialect::{self, BlockName, Heard};
use super::errands::Errand;
use super::holder::Socket;
use super::{Link, is_absurd};
use crate::config::ChainProvider;
use crate::message::{Event, FeedKind, Topic};
use crate::outbox::Closed;
use crate::shutdown::Shutdown;

/// How long a provider may take to hear that the connection ends.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By the shutdown, or because the writer is gone.
    Stopped,
    /// By trouble, which a new connection may mend.
    Lost(String),
}

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self::Stopped
    }
}

/// An open connection.
pub(super) struct Session<'a> {
    link: &'a Link<'a>,
    socket: Socket,
    ping: Interval,
    silence_max: Duration,
    /// The height of the last block that this connection told of.
    height: Option<u32>,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a Link<'a>, socket: Socket) -> Self {
        let limits = &link.config.blockchain;
        let every = Duration::from_millis(limits.ping_ms);
        let mut ping = interval_at(Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let silence_max = Duration::from_millis(limits.silence_ms_max);
        Self { link, socket, ping, silence_max, height: None }
    }

    /// Subscribes, asks for what was missed, and takes messages until the end.
    pub(super) async fn run(mut self, shutdown: &Shutdown) -> Ended {
        for text in dialect::subscriptions(self.link.source) {
            if let Err(ended) = self.say(text).await {
                return ended;
            }
        }
        // After the subscription, so that no block can fall between the two.
        self.link.send_backfill();
        self.link.progress.source(self.link.name(), |seen| {
            "live".clone_into(&mut seen.state);
            seen.healthy = true;
        });
        let ended = self.listen(shutdown).await;
        if matches!(ended, Ended::Stopped) {
            // A polite end; the provider need not answer, and may be gone.
            timeout(CLOSE_MAX, self.socket.close(None)).await.ok();
        }
        ended
    }

    /// Reads until the end. The shutdown is heeded between two messages, so that none is dropped half-way.
    async fn listen(&mut self, shutdown: &Shutdown) -> Ended {
        loop {
            let silent_at = Instant::now() + self.silence_max;
            let taken = loop {
                tokio::select! {
                    message = self.socket.next() => break message,
                    () = shutdown.clone() => return Ended::Stopped,
                    _ = self.ping.tick() => {
                        if let Err(ended) = self.say(dialect::ping(self.link.source.provider)).await {
                            return ended;
                        }
                    }
                    () = sleep_until(silent_at) => {
                        return Ended::Lost(format!("silent for {} ms", self.silence_max.as_millis()));
                    }
                }
            };
            let payload: Bytes = match taken {
                Some(Ok(Message::Text(text))) => text.into(),
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map(|frame| frame.to_string()).unwrap_or_default();
                    return Ended::Lost(format!("closed by the provider {why}"));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Ended::Lost(broken(&error)),
                None => return Ended::Lost("closed without a word".to_owned()),
            };
            if let Err(ended) = self.take(payload).await {
                return ended;
            }
        }
    }

    /// Hands a message over to the log.
    async fn take(&mut self, payload: Bytes) -> Result<(), Ended> {
        let received_ms = Utc::now().timestamp_millis();
        let (name, provider) = (self.link.name(), self.link.source.provider);
        let event =
            |topic, key: String, payload| Event::new(topic, name, FeedKind::Live, key, payload, received_ms);
        match dialect::understand(provider, &payload) {
            Heard::Nothing => {
                self.link.progress.ignored();
                return Ok(());
            }
            Heard::Transaction(txid) => {
                self.hand_over(event(Topic::Transactions, txid, payload)).await?;
            }
            Heard::Blocks(blocks) => {
                let last = blocks.iter().max_by_key(|block| block.height);
                let key = last.map(|block| block.hash.clone()).unwrap_or_default();
                self.hand_over(event(Topic::Blocks, key, payload)).await?;
                self.follow(&blocks);
            }
            Heard::Garbage(reason) => {
                let letter = Event::dead_letter(&reason, name, FeedKind::Live, received_ms, &payload);
                self.hand_over(letter).await?;
            }
        }
        self.link.progress.source(name, |seen| {
            seen.messages += 1;
            seen.last_message_ms = Some(received_ms);
        });
        Ok(())
    }

    /// Sends into the outbox. While that is full the socket is not read, but kept alive by pings.
    async fn hand_over(&mut self, event: Event) -> Result<(), Ended> {
        let outbox = self.link.outbox;
        let mut sending = pin!(outbox.send(event));
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return Ok(sent?),
                _ = self.ping.tick() => {
                    let ping = dialect::ping(self.link.source.provider);
                    // The message in hand goes first: a lost connection is found at the next read.
                    timeout(self.silence_max, self.socket.send(Message::text(ping))).await.ok();
                }
            }
        }
    }

    /// Asks for what the blocks do not tell: blocks left out before them, and who mined them.
    fn follow(&mut self, blocks: &[BlockName]) {
        let lowest = blocks.iter().map(|block| block.height).min();
        if let (Some(known), Some(lowest)) = (self.height, lowest)
            && lowest > known.saturating_add(1)
        {
            let blocks_max = self.link.config.blockchain.backfill_blocks_max;
            self.link.send_errand(Errand::Backfill { above: Some(known), below: Some(lowest), blocks_max });
        }
        for block in blocks {
            // No chain reorganises this far: the height before was not true.
            let is_far_below = self.height.is_some_and(|known| is_absurd(known, block.height));
            self.height = if is_far_below { Some(block.height) } else { self.height.max(Some(block.height)) };
            self.link.seen.raise(block.height);
            if self.link.source.provider == ChainProvider::BlockchainInfo {
                self.link.send_errand(Errand::Coinbase { hash: block.hash.clone() });
            }
        }
    }

    async fn say(&mut self, text: &'static str) -> Result<(), Ended> {
        match timeout(self.silence_max, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ended::Lost(broken(&error))),
            Err(_) => Err(Ended::Lost("the provider does not read".to_owned())),
        }
    }
}

fn broken(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Capacity(error) => {
            format!("a message beyond `blockchain.message_bytes_max`: {error}")
        }
        tungstenite::Error::Utf8(error) => format!("a text that is not UTF-8: {error}"),
        error => format!("broken off: {error}"),
    }
}
