//! `topology`: the topology daemon, with or without the page.

use anyhow::Context as _;
use btc_topology::{Connections, FeedOver, Health, bitcoin};
use tokio::net::TcpListener;
use trombe_connectors::EmbeddedStore;

use crate::cli::TopologyArgs;
use crate::console::print;
use crate::feed;
use crate::interrupt::interrupt;
use crate::pipeline::Pipeline;
use crate::settings::Settings;
use crate::stores::{Stores, store_file};

pub(crate) async fn run(arguments: TopologyArgs, mut settings: Settings) -> anyhow::Result<()> {
    settings.topology.pools = feed::pools(arguments.pools.as_deref())?;
    if arguments.plan {
        return print_plan(settings);
    }
    let kind = arguments.feed;
    let file = store_file(arguments.store.as_deref(), kind, "", &settings);
    let interrupt = interrupt()?;
    let Some(stores) = Stores::open(&file, kind, &settings, &interrupt).await? else {
        return Ok(());
    };
    let pipeline = Pipeline::start(stores.connections(), settings.topology)?;
    tracing::info!(place = stores.place, "the topology runs");
    match arguments.listen {
        Some(listen) => {
            let listener = TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen}; end the program that does, or choose another --listen")
            })?;
            let mut page = settings.page;
            page.feed_label = format!("{kind} data");
            tracing::info!(address = %listener.local_addr()?, "the page is up");
            let status = pipeline.status_source(None);
            btc_dashboard_web::serve(listener, stores.index, status, page, interrupt).await?;
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
    let connections = Connections::embedded(EmbeddedStore::open_in_memory()?);
    let topology = bitcoin(connections, settings.topology, FeedOver::new(), Health::new())?;
    print(&format!("{}\n", topology.plan()?))
}
