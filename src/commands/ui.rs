//! `ui`: the page as a process of its own, beside a topology that may come and go.

use std::sync::Arc;

use anyhow::Context as _;
use btc_dashboard_web::RemoteTopology;
use btc_producers::FeedKind;
use tokio::net::TcpListener;

use crate::cli::UiArgs;
use crate::feed::{open_store, store_file};
use crate::interrupt::interrupt;
use crate::settings::Settings;

pub(crate) async fn run(arguments: UiArgs, settings: Settings) -> anyhow::Result<()> {
    let mut page = settings.page;
    page.feed_label = format!("{} data", FeedKind::Live);
    let topology = RemoteTopology::new(&arguments.topology, &page).context("--topology")?;
    let listen = arguments.listen.unwrap_or(page.listen);
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; end the program that does, or choose another --listen")
    })?;
    let file = store_file(arguments.store.as_deref(), FeedKind::Live, "");
    let index = Arc::new(open_store(&file, FeedKind::Live, &settings.store)?);
    let interrupt = interrupt()?;
    tracing::info!(address = %listener.local_addr()?, topology = arguments.topology, "the page is up");
    // Asked once before the first reader comes, so that nobody sees a topology that is only not known yet.
    topology.refresh().await;
    tokio::select! {
        served = btc_dashboard_web::serve(listener, index, topology.status_source(), page, interrupt) => served?,
        () = topology.watch() => {}
    }
    Ok(())
}
