//! What a producer has done so far, readable while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::message::{Event, Topic};

/// Counters of one run. Whoever shows them keeps an `Arc` of it and calls [`Progress::summary`].
///
/// The counters are independent of each other (relaxed): a reading in mid-run may be a message apart between
/// two of them, a reading after the end is exact.
#[derive(Debug, Default)]
pub struct Progress {
    taken: AtomicU64,
    stored: [AtomicU64; Topic::ALL.len()],
    bytes: AtomicU64,
    ignored: AtomicU64,
    repeated_prices: AtomicU64,
    reconnects: AtomicU64,
    backfilled_blocks: AtomicU64,
    given_up_blocks: AtomicU64,
    log_retries: AtomicU64,
    held_back: AtomicU64,
    work_done: AtomicU64,
    work_total: AtomicU64,
    event_time_ms: AtomicI64,
    history_done: AtomicBool,
    reading_stopped: AtomicBool,
    sources: Mutex<BTreeMap<String, SourceState>>,
}

/// How one source of a live feed fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// In a word or two: `live`, `stand-by`, `connecting`, or why it is down.
    pub state: String,
    /// Whether it delivers, or could.
    pub healthy: bool,
    /// Messages taken from it.
    pub messages: u64,
    /// Failures so far.
    pub failures: u64,
    /// When it last delivered, in milliseconds since the Unix epoch.
    pub last_message_ms: Option<i64>,
    /// Its last failure.
    pub last_error: Option<String>,
}

/// A reading of [`Progress`]; at the end, the account of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Messages taken from the feed.
    pub taken: u64,
    /// Messages stored in the log, dead letters included.
    pub messages: u64,
    /// Price messages stored.
    pub prices: u64,
    /// Transaction messages stored.
    pub transactions: u64,
    /// Block messages stored.
    pub blocks: u64,
    /// Dead letters stored.
    pub dead_letters: u64,
    /// Bytes of payload stored.
    pub bytes: u64,
    /// Messages that carry nothing for the log: pongs, greetings, statistics.
    pub ignored: u64,
    /// Prices that only repeated the one before, and were not stored again.
    pub repeated_prices: u64,
    /// Connections made again after a loss.
    pub reconnects: u64,
    /// Blocks fetched by HTTP after a gap.
    pub backfilled_blocks: u64,
    /// Blocks of a gap that were not fetched: too many, or the provider refused too often.
    pub given_up_blocks: u64,
    /// Attempts to append that found the log away.
    pub log_retries: u64,
    /// How often the feed had to wait because the buffer before the log was full.
    pub held_back: u64,
    /// How much of the feed is done, from 0 to 1, where its end is known.
    pub fraction_done: Option<f64>,
    /// The newest event time stored, in milliseconds since the Unix epoch.
    pub event_time_ms: Option<i64>,
    /// Whether the sample's history is in the log and only the present is added.
    pub history_done: bool,
    /// Every source of a live feed.
    pub sources: BTreeMap<String, SourceState>,
}

impl Progress {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self { event_time_ms: AtomicI64::new(i64::MIN), ..Self::default() }
    }

    /// How it stands.
    pub fn summary(&self) -> Summary {
        let stored = Topic::ALL.map(|topic| self.stored[topic as usize].load(Relaxed));
        let [prices, blocks, transactions, dead_letters] = stored;
        Summary {
            taken: self.taken.load(Relaxed),
            messages: stored.iter().sum(),
            prices,
            transactions,
            blocks,
            dead_letters,
            bytes: self.bytes.load(Relaxed),
            ignored: self.ignored.load(Relaxed),
            repeated_prices: self.repeated_prices.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            backfilled_blocks: self.backfilled_blocks.load(Relaxed),
            given_up_blocks: self.given_up_blocks.load(Relaxed),
            log_retries: self.log_retries.load(Relaxed),
            held_back: self.held_back.load(Relaxed),
            fraction_done: self.fraction_done(),
            event_time_ms: self.event_time_ms(),
            history_done: self.history_done(),
            sources: self.sources().clone(),
        }
    }

    /// Messages stored in the log, dead letters included.
    pub fn messages(&self) -> u64 {
        self.stored.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// How much of the feed is done, from 0 to 1, where its end is known.
    pub fn fraction_done(&self) -> Option<f64> {
        let total = self.work_total.load(Relaxed);
        let done = self.work_done.load(Relaxed).min(total);
        #[expect(clippy::cast_precision_loss, reason = "a progress bar needs three digits")]
        (total > 0).then(|| done as f64 / total as f64)
    }

    /// The newest event time stored, in milliseconds since the Unix epoch.
    pub fn event_time_ms(&self) -> Option<i64> {
        Some(self.event_time_ms.load(Relaxed)).filter(|time_ms| *time_ms != i64::MIN)
    }

    /// Whether the sample's history is in the log and only the present is added.
    pub fn history_done(&self) -> bool {
        self.history_done.load(Relaxed)
    }

    pub(crate) fn took(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    pub(crate) fn stored(&self, event: &Event) {
        self.stored[event.topic as usize].fetch_add(1, Relaxed);
        self.bytes.fetch_add(event.payload_bytes() as u64, Relaxed);
        self.event_time_ms.fetch_max(event.message.timestamp_ms, Relaxed);
    }

    pub(crate) fn undelivered(&self) -> u64 {
        self.taken.load(Relaxed).saturating_sub(self.messages())
    }

    pub(crate) fn ignored(&self) {
        self.ignored.fetch_add(1, Relaxed);
    }

    pub(crate) fn repeated_price(&self) {
        self.repeated_prices.fetch_add(1, Relaxed);
    }

    pub(crate) fn reconnected(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    pub(crate) fn backfilled(&self, blocks: u64) {
        self.backfilled_blocks.fetch_add(blocks, Relaxed);
    }

    pub(crate) fn gave_up(&self, blocks: u64) {
        self.given_up_blocks.fetch_add(blocks, Relaxed);
    }

    pub(crate) fn log_retried(&self) {
        self.log_retries.fetch_add(1, Relaxed);
    }

    pub(crate) fn held_back(&self) {
        self.held_back.fetch_add(1, Relaxed);
    }

    pub(crate) fn expect_work(&self, units: u64) {
        self.work_total.fetch_add(units, Relaxed);
    }

    pub(crate) fn work_done(&self, units: u64) {
        self.work_done.fetch_add(units, Relaxed);
    }

    /// Says whether the files of a feed are still wanted.
    pub(crate) fn stop_reading(&self, stopped: bool) {
        self.reading_stopped.store(stopped, Relaxed);
    }

    pub(crate) fn is_reading_stopped(&self) -> bool {
        self.reading_stopped.load(Relaxed)
    }

    pub(crate) fn history_is_done(&self) {
        self.history_done.store(true, Relaxed);
    }

    /// Changes the state of one source.
    pub(crate) fn source(&self, name: &str, change: impl FnOnce(&mut SourceState)) {
        let mut sources = self.sources();
        if let Some(state) = sources.get_mut(name) {
            return change(state);
        }
        change(sources.entry(name.to_owned()).or_default());
    }

    /// A panic elsewhere leaves the map whole, so a poisoned lock is as good as any.
    fn sources(&self) -> MutexGuard<'_, BTreeMap<String, SourceState>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
