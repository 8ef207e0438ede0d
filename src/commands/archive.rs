//! `archive`: the raw topics of a store as Parquet files.

use crate::cli::ArchiveArgs;
use crate::settings::Settings;

#[cfg(not(feature = "archive"))]
#[expect(clippy::unused_async, reason = "its other half waits")]
pub(crate) async fn run(arguments: ArchiveArgs, settings: Settings) -> anyhow::Result<()> {
    drop((arguments.to, arguments.store, arguments.once, settings));
    Err(btc_producers::ProduceError::NoArchive.into())
}

#[cfg(feature = "archive")]
pub(crate) use with_archive::run;

#[cfg(feature = "archive")]
mod with_archive {
    use std::hash::{BuildHasher as _, RandomState};
    use std::time::Duration;

    use anyhow::{Context as _, ensure};
    use btc_topology::{ArchiveOptions, FeedOver, Health, archive, archive_engine};
    use tokio::task::block_in_place;
    use trombe_connectors::archive::{Manifest, Place, sweep};

    use super::{ArchiveArgs, Settings};
    use crate::interrupt::interrupt;
    use crate::stores::open_archived;

    /// How soon a waiting `--once` sees an interrupt.
    const INTERRUPT_MS_MAX: u64 = 100;

    pub(crate) async fn run(arguments: ArchiveArgs, settings: Settings) -> anyhow::Result<()> {
        let interrupt = interrupt()?;
        let opened = open_archived(arguments.store.as_deref(), &settings, &interrupt).await?;
        let Some((log, origin)) = opened else { return Ok(()) };
        let place = Place::make(&arguments.to)?;
        let id = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let manifest = Manifest::open(&place, &origin, &id).await?;
        let orphans = sweep(&place, settings.archive.orphan_age_min()).await?;
        if orphans > 0 {
            tracing::info!(orphans, "removed files that a crash had left uncommitted");
        }

        let feed_over = FeedOver::new();
        let engine = archive_engine(&settings.topology, &settings.archive);
        let options = ArchiveOptions { place, manifest, config: settings.archive };
        let topology = archive(&log, options, &settings.topology, feed_over.clone(), Health::new())?;
        let running = block_in_place(|| topology.start(engine)).context("the archive does not start")?;
        tracing::info!(from = origin.log, feed = origin.feed, to = arguments.to, "the archive is written");
        if arguments.once {
            feed_over.set();
            let is_done = || running.wait_for(Duration::from_millis(INTERRUPT_MS_MAX));
            while interrupt.peek().is_none() && !block_in_place(is_done) {}
        } else {
            interrupt.await;
        }
        // Batches that wait to fill are in the log, and come again.
        let summary = block_in_place(|| running.shutdown(Duration::ZERO));
        let unfinished = summary.unfinished.iter().map(|spout| spout.tuples).sum::<u64>();
        tracing::info!(archived = summary.acked, unfinished, "stopped; what is unfinished comes again");
        ensure!(!arguments.once || unfinished == 0, "interrupted; the same command goes on where it was");
        Ok(())
    }
}
