//! Any feed, to its end or until the shutdown.

#[cfg(feature = "archive")]
mod archive;
mod blocks;
mod files;
mod lines;
mod merge;
mod pace;
pub(crate) mod prices_csv;
mod pump;
pub(crate) mod recording;
mod sample;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use trombe_connectors::Log;

use crate::config::ProducersConfig;
use crate::error::ProduceError;
use crate::live::{self, Parts};
use crate::message::FeedKind;
use crate::outbox::Outbox;
use crate::progress::{Progress, Summary};
use crate::shutdown::share;

use blocks::BlockFiles;
use merge::Merge;
use pace::Pace;
use prices_csv::PricesCsv;
use pump::{Events, pump};
use recording::Recording;
use sample::Sample;

/// Where the messages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The providers' live interfaces, as configured.
    Live,
    /// Generated from a seed; needs no network.
    Sample,
    /// Files made by [`crate::record()`], or folders of them.
    Recording(Vec<PathBuf>),
    /// Raw blocks and bitcoind's `blk*.dat` files, or folders of them.
    Blocks(Vec<PathBuf>),
    /// An archive of another log's topics, whose messages are appended as they are. Needs the feature `archive`.
    Archive {
        /// A folder's path, `file:///folder` or `s3://bucket/prefix`.
        address: String,
        /// What the archive says of its feed.
        kind: FeedKind,
    },
}

impl Feed {
    /// What the messages are labelled with.
    pub fn kind(&self) -> FeedKind {
        match self {
            Self::Live => FeedKind::Live,
            Self::Sample => FeedKind::Sample,
            Self::Recording(_) => FeedKind::Recording,
            Self::Blocks(_) => FeedKind::Blocks,
            Self::Archive { kind, .. } => *kind,
        }
    }
}

/// How fast a feed that is not live goes, by the messages' own times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as the log takes it.
    Max,
    /// So many times as fast as it happened.
    Factor(f64),
}

/// To what end a feed is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// To the feed's end. The sample is then always the same 48 hours of October 2024.
    Replay,
    /// For as long as there is something. The sample's history ends at `now`, and the present follows.
    Up {
        /// The present.
        now: DateTime<Utc>,
        /// The moment up to which an earlier run has stored everything; the sample's history begins there.
        since: Option<DateTime<Utc>>,
    },
}

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// The feed.
    pub feed: Feed,
    /// Files of prices (`unix,price[,...]`) to be merged in by time.
    pub prices_csv: Vec<PathBuf>,
    /// How fast. It does not concern the live feed, nor the sample's history.
    pub speed: Speed,
    /// To what end.
    pub run: Run,
    /// All the settings.
    pub config: ProducersConfig,
}

/// Carries a feed into the log until its end or the shutdown, whichever is first.
///
/// `Ok` means that everything that was taken from the feed is stored.
pub async fn feed(
    log: Arc<dyn Log>,
    options: FeedOptions,
    progress: Arc<Progress>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Summary, ProduceError> {
    options.config.validate()?;
    if options.feed == Feed::Live && options.run == Run::Replay {
        return Err(ProduceError::Endless);
    }
    let shutdown = share(shutdown);
    let kind = options.feed.kind();
    let mut prices: Vec<Events> = Vec::new();
    for path in &options.prices_csv {
        prices.push(Box::new(PricesCsv::open(path, kind)?));
    }
    let prices = Merge::new(prices);
    let replayed = options.open(&progress)?;

    let (outbox, writer) = Outbox::open(log, &options.config, kind, Arc::clone(&progress));
    let taken = if let Some((events, pace)) = replayed {
        let events = Box::new(Merge::new([Box::new(prices), events]));
        pump(events, pace, &outbox, &progress, &shutdown).await
    } else {
        let at_once = Pace::from_first(Speed::Max);
        let past = pump(Box::new(prices), at_once, &outbox, &progress, &shutdown);
        let present = live::take(&options.config, Parts::ALL, &outbox, &progress, &shutdown);
        tokio::try_join!(past, present).map(drop)
    };
    drop(outbox);
    writer.finish(&shutdown).await?;
    taken?;
    Ok(progress.summary())
}

impl FeedOptions {
    /// The feed's events and their pace; `None` for the live feed, which has no such thing.
    fn open(&self, progress: &Arc<Progress>) -> Result<Option<(Events, Pace)>, ProduceError> {
        let sample = &self.config.sample;
        let from_first = Pace::from_first(self.speed);
        Ok(Some(match (&self.feed, self.run) {
            (Feed::Live, _) => return Ok(None),
            (Feed::Sample, Run::Replay) => {
                (Box::new(Sample::replay(sample, Arc::clone(progress))), from_first)
            }
            (Feed::Sample, Run::Up { now, since }) => (
                Box::new(Sample::up(sample, now, since, Arc::clone(progress))),
                Pace::from_present(self.speed, now),
            ),
            (Feed::Recording(paths), _) => (Box::new(Recording::open(paths, progress)?), from_first),
            (Feed::Blocks(paths), _) => (Box::new(BlockFiles::open(paths, progress)?), from_first),
            #[cfg(feature = "archive")]
            (Feed::Archive { address, .. }, _) => {
                (Box::new(archive::Archived::at(address, Arc::clone(progress))), from_first)
            }
            #[cfg(not(feature = "archive"))]
            (Feed::Archive { .. }, _) => return Err(ProduceError::NoArchive),
        }))
    }
}
