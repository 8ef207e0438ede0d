//! `produce`: one producer daemon.

use std::sync::Arc;

use btc_producers::{FeedKind, Progress};
use trombe_connectors::Log;

use crate::cli::{ProduceArgs, Producer};
use crate::feed::{open_store, store_file};
use crate::interrupt::interrupt;
use crate::settings::Settings;

pub(crate) async fn run(arguments: ProduceArgs, settings: Settings) -> anyhow::Result<()> {
    let file = store_file(arguments.store.as_deref(), FeedKind::Live, "");
    let store = open_store(&file, FeedKind::Live, &settings.store)?;
    btc_topology::create_topics(&store, &settings.topology).await?;
    let log: Arc<dyn Log> = Arc::new(store);
    tracing::info!(store = %file.display(), producer = ?arguments.producer, "producing");
    let (progress, interrupt) = (Arc::new(Progress::new()), interrupt()?);
    let summary = match arguments.producer {
        Producer::Bpi => btc_producers::bpi(log, settings.producers, progress, interrupt).await?,
        Producer::Blockchain => {
            btc_producers::blockchain(log, settings.producers, progress, interrupt).await?
        }
    };
    tracing::info!(
        messages = summary.messages,
        reconnects = summary.reconnects,
        "stopped; everything taken is stored"
    );
    Ok(())
}
