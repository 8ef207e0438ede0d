//! `topology`: the topology daemon, with or without the page.

use std::sync::Arc;

use anyhow::Context as _;
use btc_producers::FeedKind;
use btc_topology::{FeedOver, Health};
use tokio::net::TcpListener;
use trombe_connectors::EmbeddedStore;

use crate::cli::TopologyArgs;
use crate::console::print;
use crate::feed::{self, open_store, store_file};
use crate::interrupt::interrupt;
use crate::pipeline::{Pipeline, assemble};
use crate::settings::Settings;

pub(crate) async fn run(arguments: TopologyArgs, mut settings: Settings) -> anyhow::Result<()> {
    settings.topology.pools = feed::pools(arguments.pools.as_deref())?;
    if arguments.plan {
        return print_plan(settings);
    }
    let file = store_file(arguments.store.as_deref(), FeedKind::Live, "");
    let store = open_store(&file, FeedKind::Live, &settings.store)?;
    let interrupt = interrupt()?;
    let pipeline = Pipeline::start(&store, settings.topology).await?;
    tracing::info!(store = %file.display(), "the topology runs");
    match arguments.listen {
        Some(listen) => {
            let listener = TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen}; end the program that does, or choose another --listen")
            })?;
            let mut page = settings.page;
            page.feed_label = format!("{} data", FeedKind::Live);
            tracing::info!(address = %listener.local_addr()?, "the page is up");
            let status = pipeline.status_source(None);
            btc_dashboard_web::serve(listener, Arc::new(store), status, page, interrupt).await?;
        }
        None => interrupt.await,
    }
    let summary = pipeline.shutdown();
    tracing::info!(
        acked = summary.acked,
        failed = summary.failed,
        unfinished = summary.unfinished.iter().map(|spout| spout.tuples).sum::<u64>(),
        "stopped; what is unfinished is in the log and comes again"
    );
    Ok(())
}

/// The plan needs no store of the operator's: it depends on the configuration alone.
fn print_plan(settings: Settings) -> anyhow::Result<()> {
    let store = EmbeddedStore::open_in_memory()?;
    let topology = assemble(&store, settings.topology, &FeedOver::new(), &Health::new())?;
    print(&format!("{}\n", topology.plan()?))
}
