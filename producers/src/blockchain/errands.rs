//! What the websocket does not tell, fetched by HTTP: off the hot path, bounded, tried a few times.

use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::rest::{Cursor, FetchedBlock, Rest, RestError};
use super::{Link, is_absurd};
use crate::backoff::Backoff;
use crate::http::Http;
use crate::message::{Event, FeedKind, Topic};
use crate::outbox::Closed;

/// What one backfill may hold in memory, but for its last answer; a week of blocks takes a tenth of it.
const BACKFILL_BYTES_MAX: usize = 64 << 20;

/// One thing to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// The blocks between two heights, both exclusive: above `None` the highest `blocks_max`, below `None` from
    /// the tip.
    Backfill { above: Option<u32>, below: Option<u32>, blocks_max: u32 },
    /// Reward and miner of a block whose message lacks them.
    Coinbase { hash: String },
}

/// Runs the errands one after the other, until the queue or the outbox is closed.
pub(super) async fn run(link: Link<'_>, http: &Http, mut queue: mpsc::Receiver<Errand>) {
    let runner = Runner { rest: Rest { http, source: link.source }, link: &link };
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
            Errand::Backfill { above, below, blocks_max } => self.backfill(above, below, blocks_max).await,
        }
    }

    /// Fetches from the top down, and sends from the bottom up, so that the log has them in the chain's order.
    async fn backfill(&self, above: Option<u32>, below: Option<u32>, blocks_max: u32) -> Result<(), Closed> {
        let Some((tip, mut cursor)) = self.persist(|| self.rest.tip()).await else {
            // How many were missed is not known; at least that some were.
            self.link.progress.gave_up(u64::from(above.is_some()));
            return Ok(());
        };
        self.link.seen.settle(tip);
        if below.is_some_and(|below| is_absurd(below, tip)) {
            tracing::warn!(
                source = self.link.name(),
                ?below,
                tip,
                "a height far above the tip is not believed"
            );
            return Ok(());
        }
        let above = above.filter(|above| !is_absurd(*above, tip));
        let top = below.map_or(tip, |below| below.saturating_sub(1));
        let floor = above.unwrap_or_else(|| top.saturating_sub(blocks_max));
        if let Some(start) = below.and_then(|below| self.rest.below(below)) {
            cursor = start;
        }
        let missed = top.saturating_sub(floor);
        let fetched = self.fetch(cursor, floor, top, missed.min(blocks_max)).await;
        let found = fetched.len() as u64;
        for block in fetched.into_iter().rev() {
            self.send(block).await?;
        }
        self.link.progress.backfilled(found);
        self.link.progress.gave_up(u64::from(missed).saturating_sub(found));
        Ok(())
    }

    /// The highest `wanted` blocks above the floor, from the top down, as far as they can be had.
    async fn fetch(&self, mut cursor: Cursor, floor: u32, top: u32, wanted: u32) -> Vec<FetchedBlock> {
        let mut fetched: Vec<FetchedBlock> = Vec::new();
        let mut bytes = 0;
        let mut lowest = None;
        while fetched.len() < wanted as usize && bytes < BACKFILL_BYTES_MAX && cursor != Cursor::End {
            let Some((blocks, next)) = self.persist(|| self.rest.walk(&cursor)).await else {
                break;
            };
            let reached = blocks.last().map_or(0, |block| block.height);
            if lowest.is_some_and(|lowest| reached >= lowest) {
                tracing::warn!(
                    source = self.link.name(),
                    reached,
                    "the walk down the chain does not descend"
                );
                break;
            }
            lowest = Some(reached);
            for block in blocks {
                if floor < block.height && block.height <= top {
                    bytes += block.value.len();
                    fetched.push(block);
                }
            }
            if reached <= floor {
                break;
            }
            cursor = next;
        }
        fetched.truncate(wanted as usize);
        fetched
    }

    async fn send(&self, block: FetchedBlock) -> Result<(), Closed> {
        let received_ms = Utc::now().timestamp_millis();
        let source = self.link.name();
        let FetchedBlock { hash, value, .. } = block;
        self.link
            .outbox
            .send(Event::new(Topic::Blocks, source, FeedKind::Live, hash, value, received_ms))
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
