//! Reading a view's documents from the index.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::timeout;
use trombe_connectors::{Index, IndexError, Range};

use crate::{
    documents::{MINER, Miner, VALUE, VOLUME, Value, Volume, understand},
    market::{Market, Ranking},
    query::{Period, Span, View},
};

/// Price observations read one by one; of what is older, the last one of each slot is read.
const PRICES_READ_MAX: usize = 4_000;
/// Miners read to learn which days and months there are, and how many of them are offered.
const MINERS_READ_MAX: usize = 4_000;
const DAYS_MAX: usize = 62;
const MONTHS_MAX: usize = 36;
/// Slots of the older part.
const SLOTS: i32 = 240;
/// Slots read at the same time.
const SLOTS_IN_FLIGHT: usize = 8;

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the index took longer than {0} ms to answer; try a shorter range, or raise read_ms_max")]
    Slow(u64),
}

/// Later than any document, yet a time that every index can express.
pub(crate) fn far_future() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(2_900_000)
}

/// The time of any document.
#[derive(serde::Deserialize)]
struct Stamp {
    #[serde(rename = "@timestamp")]
    at: DateTime<Utc>,
}

/// Reads with limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) documents_max: usize,
    pub(crate) read_ms_max: u64,
}

impl Reader<'_> {
    /// Everything the market page shows of a view.
    pub(crate) async fn market(&self, view: View) -> Result<Market, ReadError> {
        let read = self.market_unbounded(view);
        timeout(Duration::from_millis(self.read_ms_max), read)
            .await
            .map_err(|_| ReadError::Slow(self.read_ms_max))?
    }

    async fn market_unbounded(&self, view: View) -> Result<Market, ReadError> {
        let price = self.newest::<Value>(VALUE).await?;
        let hour = self.newest::<Volume>(VOLUME).await?;
        let ends = [price.as_ref().map(|price| price.at), hour.as_ref().map(|hour| hour.at)];
        let Some(until) = ends.into_iter().flatten().max() else {
            return Ok(Market { view, ..self.miners(view, Market::default()).await? });
        };
        // The newest observation itself belongs to the range.
        let until = until + TimeDelta::seconds(1);
        let from = self.first(view.span, until).await?;
        let market = Market {
            view,
            from,
            until,
            latest: price,
            latest_hour: hour.map(|hour| hour.at),
            prices: self.prices(from, until).await?,
            hours: self.hours(from, until).await?,
            ..Market::default()
        };
        self.miners(view, market).await
    }

    /// Documents of an index by time, oldest first.
    pub(crate) async fn documents<T: serde::de::DeserializeOwned>(
        &self,
        index: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        documents_max: usize,
    ) -> Result<Vec<T>, ReadError> {
        let range = Range { index: index.to_owned(), from, until, documents_max };
        Ok(self.index.range(&range).await?.iter().filter_map(understand).collect())
    }

    async fn newest<T: serde::de::DeserializeOwned>(&self, index: &str) -> Result<Option<T>, ReadError> {
        let newest = self.documents(index, DateTime::UNIX_EPOCH, far_future(), 1).await?;
        Ok(newest.into_iter().next_back())
    }

    /// The time of an index's newest document, or the beginning of time.
    pub(crate) async fn newest_at(&self, index: &str) -> Result<DateTime<Utc>, ReadError> {
        Ok(self.newest::<Stamp>(index).await?.map_or(DateTime::UNIX_EPOCH, |stamp| stamp.at))
    }

    /// Where a span that ends at `until` begins.
    pub(crate) async fn first(&self, span: Span, until: DateTime<Utc>) -> Result<DateTime<Utc>, ReadError> {
        if let Some(length) = span.length() {
            return Ok(until.checked_sub_signed(length).unwrap_or(until));
        }
        let mut first = until;
        for index in [VALUE, VOLUME] {
            let oldest = self.index.oldest(index).await?.as_ref().and_then(understand::<Stamp>);
            first = first.min(oldest.map_or(until, |stamp| stamp.at));
        }
        Ok(first)
    }

    /// The observations of a range: all of them where there are few, else thinned towards the past, so that a year
    /// costs no more than a day.
    async fn prices(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<Value>, ReadError> {
        let recent: Vec<Value> = self.documents(VALUE, from, until, PRICES_READ_MAX).await?;
        let Some(oldest) = recent.first().filter(|_| recent.len() == PRICES_READ_MAX).map(|price| price.at)
        else {
            return Ok(recent);
        };
        let slot = (oldest - from) / SLOTS;
        let older: Vec<Vec<Value>> = stream::iter(0..SLOTS)
            .map(|number| self.documents(VALUE, from + slot * number, from + slot * (number + 1), 1))
            .buffered(SLOTS_IN_FLIGHT)
            .try_collect()
            .await?;
        Ok(older.into_iter().flatten().chain(recent).collect())
    }

    async fn hours(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<Volume>, ReadError> {
        // An hour that began before the range and reaches into it belongs to it.
        let from = from.checked_sub_signed(TimeDelta::minutes(59)).unwrap_or(from);
        self.documents(VOLUME, from, until, self.documents_max).await
    }

    /// Adds the miners of the chosen day and month, and which others could be chosen.
    async fn miners(&self, view: View, market: Market) -> Result<Market, ReadError> {
        let known: Vec<Miner> =
            self.documents(MINER, DateTime::UNIX_EPOCH, far_future(), MINERS_READ_MAX).await?;
        let periods: BTreeSet<Period> =
            known.iter().filter_map(|miner| Period::parse(&miner.period)).collect();
        let (mut days, mut months): (Vec<Period>, Vec<Period>) =
            periods.into_iter().rev().partition(|period| matches!(period, Period::Day(_)));
        days.truncate(DAYS_MAX);
        months.truncate(MONTHS_MAX);
        let day = self.ranking(view.day.or(days.first().copied())).await?;
        let month = self.ranking(view.month.or(months.first().copied())).await?;
        Ok(Market { days, months, day, month, ..market })
    }

    /// The miners of a period, those who earned most first.
    pub(crate) async fn ranking(&self, period: Option<Period>) -> Result<Option<Ranking>, ReadError> {
        let Some(period) = period else { return Ok(None) };
        let from = period.first_day().and_time(NaiveTime::MIN).and_utc();
        // A day and its month may begin at the same instant; both carry their own name.
        let until = from + TimeDelta::seconds(1);
        let documents: Vec<Miner> = self.documents(MINER, from, until, self.documents_max).await?;
        let name = period.to_string();
        let mut miners: Vec<Miner> =
            documents.into_iter().filter(|miner| miner.period == name && miner.blocks > 0).collect();
        miners.sort_by(|a, b| (b.reward_sat, b.blocks, &a.miner).cmp(&(a.reward_sat, a.blocks, &b.miner)));
        Ok(Some(Ranking { period, miners }))
    }
}
