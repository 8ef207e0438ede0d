//! The price poller.
//!
//! The best healthy sources are polled; one that fails is passed over at once and probed until it is well
//! again. Four things are failures: no answer, an answer that is not understood, a price that is frozen, and a price that
//! is absurd. What is not understood or absurd goes to the dead letters with the reason, as received; a
//! repeated or frozen price is counted and not stored again.

mod guard;
mod roster;

use std::sync::Arc;
use std::time::Duration;

use btc_records::parse_price;
use bytes::Bytes;
use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::config::{PriceSource, ProducersConfig};
use crate::error::ProduceError;
use crate::http::{Http, HttpError};
use crate::message::{Event, FeedKind, Topic, price_key};
use crate::outbox::{Closed, Outbox};
use crate::progress::Progress;
use crate::shutdown::Shutdown;

use guard::{Guard, Verdict};
use roster::Roster;

/// Polls until the shutdown, or until the writer is gone.
pub(crate) async fn poll_prices(
    config: &ProducersConfig,
    outbox: &Outbox,
    progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    let http = Http::new(&config.http)?;
    let bpi = &config.bpi;
    let interval =
        |source: &PriceSource| Duration::from_millis(source.interval_ms.unwrap_or(bpi.interval_ms));
    let mut poller = Poller {
        sources: &bpi.sources,
        roster: Roster::new(bpi.sources.iter().map(interval), bpi.sources_active, Instant::now()),
        guard: Guard::new(bpi),
        probes: vec![Backoff::between(config.backoff.first_ms, bpi.probe_ms_max); bpi.sources.len()],
        outbox,
        progress,
    };

    let mut questions = FuturesUnordered::new();
    loop {
        for source in poller.roster.ask(Instant::now()) {
            let (http, url) = (&http, bpi.sources[source].url());
            questions.push(async move { (source, http.get(url).await) });
        }
        let next_due = poller.roster.next_due();
        let due = async {
            match next_due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.clone() => return Ok(()),
            Some((source, answer)) = questions.next() => {
                // A closed outbox has its reason with the writer.
                if poller.answered(source, answer).await.is_err() {
                    return Ok(());
                }
            }
            () = due => {}
        }
    }
}

struct Poller<'a> {
    sources: &'a [PriceSource],
    roster: Roster,
    guard: Guard,
    probes: Vec<Backoff>,
    outbox: &'a Outbox,
    progress: &'a Progress,
}

impl Poller<'_> {
    async fn answered(&mut self, source: usize, answer: Result<Bytes, HttpError>) -> Result<(), Closed> {
        match answer {
            Ok(body) => self.judge(source, body).await,
            Err(error) => {
                self.fail(source, &error.to_string(), error.retry_after());
                Ok(())
            }
        }
    }

    async fn judge(&mut self, source: usize, body: Bytes) -> Result<(), Closed> {
        let provider = self.sources[source].provider;
        let name = provider.source();
        let received_ms = Utc::now().timestamp_millis();
        let price = match parse_price(name, &body, received_ms) {
            Ok(price) => price,
            Err(error) => {
                let reason = format!("not understood: {error}");
                self.fail(source, &reason, None);
                let letter = Event::dead_letter(&reason, name, FeedKind::Live, received_ms, &body);
                return self.outbox.send(letter).await;
            }
        };
        match self.guard.judge(source, &price, provider.tells_time(), Instant::now()) {
            Verdict::Good => {
                self.succeed(source, received_ms);
                let key = price_key(name, price.observed_at.timestamp());
                let event = Event::new(Topic::Prices, name, FeedKind::Live, key, body, received_ms);
                self.outbox.send(event).await
            }
            Verdict::Repeated => {
                self.succeed(source, received_ms);
                self.progress.repeated_price();
                Ok(())
            }
            Verdict::Frozen => {
                self.progress.repeated_price();
                let price = price.eur.decimal();
                self.fail(source, &format!("frozen: {price} EUR for longer than `bpi.frozen_ms_max`"), None);
                Ok(())
            }
            Verdict::Absurd { median } => {
                let price = price.eur.decimal();
                let reason = format!(
                    "absurd: {price} EUR is further from {median} EUR than `bpi.deviation_percent_max`"
                );
                self.fail(source, &reason, None);
                let letter = Event::dead_letter(&reason, name, FeedKind::Live, received_ms, &body);
                self.outbox.send(letter).await
            }
        }
    }

    fn succeed(&mut self, source: usize, received_ms: i64) {
        self.roster.succeeded(source, Instant::now());
        self.probes[source].reset();
        let state = if self.roster.is_wanted(source) { "live" } else { "stand-by" };
        self.progress.source(self.sources[source].provider.source(), |seen| {
            state.clone_into(&mut seen.state);
            seen.healthy = true;
            seen.messages += 1;
            seen.last_message_ms = Some(received_ms);
        });
    }

    fn fail(&mut self, source: usize, reason: &str, retry_after: Option<Duration>) {
        let wait = self.probes[source].next().max(retry_after.unwrap_or_default());
        self.roster.failed(source, Instant::now(), wait);
        let name = self.sources[source].provider.source();
        tracing::warn!(source = name, reason, ?wait, "passing over a price source");
        self.progress.source(name, |seen| {
            reason.clone_into(&mut seen.state);
            seen.healthy = false;
            seen.failures += 1;
            seen.last_error = Some(reason.to_owned());
        });
    }
}
