//! `topology`: the topology daemon, with or without the page.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use btc_dashboard_web::{PageOptions, Status, StatusSource};
use btc_topology::{Connections, FeedOver, Health, bitcoin};
use tokio::net::TcpListener;
use trombe_connectors::EmbeddedStore;

use crate::cli::TopologyArgs;
use crate::console::print;
use crate::feed;
use crate::interrupt::{either, interrupt, or_dropped};
use crate::pipeline::Pipeline;
use crate::settings::Settings;
use crate::stores::{Stores, Waiting, store_file};

pub(crate) async fn run(arguments: TopologyArgs, mut settings: Settings) -> anyhow::Result<()> {
    settings.topology.pools = feed::pools(arguments.pools.as_deref())?;
    if arguments.plan {
        return print_plan(settings);
    }
    let kind = arguments.feed;
    let file = store_file(arguments.store.as_deref(), kind, "", &settings);
    let interrupt = interrupt()?;
    let stores = Stores::open(&file, kind, &settings)?;
    let (status, waiting) = (Arc::new(OnceLock::new()), Waiting::default());
    let (rest, over) = or_dropped(interrupt.clone());
    // The page is up before the servers are: `/ready` says what is waited for.
    let serving = match arguments.listen {
        None => None,
        Some(listen) => {
            let listener = TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen}; end the program that does, or choose another --listen")
            })?;
            let page = PageOptions { feed_label: format!("{kind} data"), ..settings.page.clone() };
            tracing::info!(address = %listener.local_addr()?, "the page is up");
            let (index, status) = (Arc::clone(&stores.index), starting(Arc::clone(&status), waiting.clone()));
            Some(tokio::spawn(btc_dashboard_web::serve(listener, index, status, page, over)))
        }
    };
    let Some(connections) = stores.prepare(kind, &settings, &waiting, &interrupt).await? else {
        return Ok(());
    };
    let pipeline = Pipeline::start(connections, settings.topology)?;
    status.get_or_init(|| pipeline.status_source(None));
    tracing::info!(place = stores.place, "the topology runs");
    let asked = either(interrupt, pipeline.ended());
    match serving {
        None => asked.await,
        Some(mut serving) => {
            tokio::select! {
                () = asked => {
                    drop(rest);
                    serving.await??;
                }
                served = &mut serving => served??,
            }
        }
    }
    let summary = pipeline.shutdown()?;
    tracing::info!(
        acked = summary.acked,
        failed = summary.failed,
        unfinished = summary.unfinished.iter().map(|spout| spout.tuples).sum::<u64>(),
        "stopped; what is unfinished is in the log and comes again"
    );
    Ok(())
}

/// What the page shows before the topology runs, and from then on.
fn starting(running: Arc<OnceLock<StatusSource>>, waiting: Waiting) -> StatusSource {
    Arc::new(move || match running.get() {
        Some(running) => running(),
        None => Status { why: waiting.why().or_else(|| Some("starting".to_owned())), ..Status::default() },
    })
}

/// The plan needs no store of the operator's: it depends on the configuration alone.
fn print_plan(settings: Settings) -> anyhow::Result<()> {
    let connections = Connections::embedded(EmbeddedStore::open_in_memory()?);
    let topology = bitcoin(connections, settings.topology, FeedOver::new(), Health::new())?;
    print(&format!("{}\n", topology.plan()?))
}
