//! `ui`: the page as a process of its own, beside a topology that may come and go.

use anyhow::Context as _;
use btc_dashboard_web::RemoteTopology;
use tokio::net::TcpListener;

use crate::cli::UiArgs;
use crate::interrupt::interrupt;
use crate::settings::Settings;
use crate::stores::open_page_index;

pub(crate) async fn run(arguments: UiArgs, settings: Settings) -> anyhow::Result<()> {
    let mut page = settings.page.clone();
    page.feed_label = format!("{} data", arguments.feed);
    let topology = RemoteTopology::new(&arguments.topology, &page).context("--topology")?;
    let listen = arguments.listen.unwrap_or(page.listen);
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; end the program that does, or choose another --listen")
    })?;
    let index = open_page_index(arguments.store.as_deref(), arguments.feed, &settings)?;
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
