//! `produce`: one producer daemon, or a feed to its end.

use std::sync::Arc;

use btc_producers::{FeedKind, Progress, Run, Speed};

use crate::cli::{ProduceArgs, Producer};
use crate::feed;
use crate::interrupt::interrupt;
use crate::settings::Settings;
use crate::stores::{open_log, place, store_file};

pub(crate) async fn run(arguments: ProduceArgs, settings: Settings) -> anyhow::Result<()> {
    let ProduceArgs { producer, store, source } = arguments;
    let options = feed::options(source, |_| Speed::Max, Run::Replay, &settings).await?;
    let kind = if producer == Producer::Feed { options.feed.kind() } else { FeedKind::Live };
    let file = store_file(store.as_deref(), kind, "", &settings);
    let (progress, interrupt) = (Arc::new(Progress::new()), interrupt()?);
    let Some(log) = open_log(&file, kind, &settings, &interrupt).await? else {
        return Ok(());
    };
    tracing::info!(place = place(&file, &settings), ?producer, "producing");
    let summary = match producer {
        Producer::Bpi => btc_producers::bpi(log, settings.producers, progress, interrupt).await?,
        Producer::Blockchain => {
            btc_producers::blockchain(log, settings.producers, progress, interrupt).await?
        }
        Producer::Feed => btc_producers::feed(log, options, progress, interrupt).await?,
    };
    tracing::info!(
        messages = summary.messages,
        reconnects = summary.reconnects,
        "stopped; everything taken is stored"
    );
    Ok(())
}
