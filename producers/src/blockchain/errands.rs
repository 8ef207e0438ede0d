//! What the websocket does not tell, fetched by HTTP: off the hot path, bounded, tried a few times.

use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Link;
use super::rest::{Cursor, FetchedBlock, Rest, RestError};
use crate::backoff::Backoff;
use crate::http::Http;
use crate::message::{Event, FeedKind, Topic};
use crate::outbox::Closed;

/// One thing to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// The blocks between two heights, both exclusive: above `None` the highest `blocks_max`, below `None` from
    /// the tip.
    Backfill {
        above: Option<u32>,
        below: Option<u32>,
        blocks_max: u32,
    },
    /// Reward and miner of a block whose message lacks them.
    Coinbase { hash: String },
}

/// Runs the errands one after the other, until the queue or the outbox is closed.
pub(super) async fn run(link: Link<'_>, http: &Http, mut queue: mpsc::Receiver<Errand>) {
    let runner = Runner {
        rest: Rest {
            http,
            source: link.source,
        },
        link: &link,
    };
    while let Some(errand) = queue.recv().await {
        if runner.run(errand).await.is_err() {
            return;
        }
    }
}

struct Runner<'a> {
    rest: Rest<'a>,
    link: &'a Link<'a>,
}

impl Runner<'_> {
    async fn run(&self, errand: Errand) -> Result<(), Closed> {
        match errand {
            Errand::Coinbase { hash } => {
                if let Some(block) = self.persist(|| self.rest.raw_block(&hash)).await {
                    return self.send(block).await;
                }
                self.link.progress.gave_up(1);
                Ok(())
            }
            Errand::Backfill {
                above,
                below,
                blocks_max,
            } => self.backfill(above, below, blocks_max).await,
        }
    }

    /// Fetches from the top down, and sends from the bottom up, so that the log has them in the chain's order.
    async fn backfill(&self, above: Option<u32>, below: Option<u32>, blocks_max: u32) -> Result<(), Closed> {
        let start = match below.and_then(|height| Some((height - 1, self.rest.below(height)?))) {
            Some(start) => Some(start),
            None => self.persist(|| self.rest.tip()).await,
        };
        let Some((top, mut cursor)) = start else {
            // How many were missed is not known; at least that some were.
            self.link.progress.gave_up(u64::from(above.is_some()));
            return Ok(());
        };
        let top = below.map_or(top, |below| top.min(below - 1));
        let floor = above.unwrap_or_else(|| top.saturating_sub(blocks_max));
        let missed = top.saturating_sub(floor);

        let mut fetched: Vec<FetchedBlock> = Vec::new();
        let wanted = missed.min(blocks_max) as usize;
        while fetched.len() < wanted && cursor != Cursor::End {
            let Some((blocks, next)) = self.persist(|| self.rest.walk(&cursor)).await else {
                break;
            };
            let reached = blocks.last().map_or(0, |block| block.height);
            fetched.extend(
                blocks
                    .into_iter()
                    .filter(|block| floor < block.height && block.height <= top),
            );
            if reached <= floor {
                break;
            }
            cursor = next;
        }
        fetched.truncate(wanted);
        let found = fetched.len() as u64;
        for block in fetched.into_iter().rev() {
            self.send(block).await?;
        }
        self.link.seen.raise(top);
        self.link.progress.backfilled(found);
        self.link
            .progress
            .gave_up(u64::from(missed).saturating_sub(found));
        Ok(())
    }

    async fn send(&self, block: FetchedBlock) -> Result<(), Closed> {
        let received_ms = Utc::now().timestamp_millis();
        let source = self.link.name();
        let FetchedBlock { hash, value, .. } = block;
        self.link
            .outbox
            .send(Event::new(
                Topic::Blocks,
                source,
                FeedKind::Live,
                hash,
                value,
                received_ms,
            ))
            .await
    }

    /// Tries a request until it succeeds; `None` when it was tried often enough.
    async fn persist<T, F>(&self, request: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, RestError>>,
    {
        let mut backoff = Backoff::new(&self.link.config.backoff);
        for attempt in 1..=self.link.config.blockchain.backfill_attempts_max {
            let error = match request().await {
                Ok(answer) => return Some(answer),
                Err(error) => error,
            };
            let retry_after = match &error {
                RestError::Http(error) => error.retry_after(),
                RestError::Garbage(_) => None,
            };
            let wait = backoff.next().max(retry_after.unwrap_or(Duration::ZERO));
            tracing::warn!(source = self.link.name(), %error, attempt, ?wait, "an errand failed");
            sleep(wait).await;
        }
        None
    }
}
