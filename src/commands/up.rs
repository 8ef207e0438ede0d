//! `up`: the whole dashboard in one process.

use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use btc_producers::{FeedKind, Progress, Run, Speed};
use btc_topology::documents::{RAW_BLOCKS, RAW_BPI, RAW_TRANSACTIONS, VOLUME};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tokio::net::TcpListener;
use trombe_connectors::{Index, Range};

use crate::advance::Advance;
use crate::cli::RunArgs;
use crate::console::tell;
use crate::feed;
use crate::interrupt::{either, interrupt, or_dropped};
use crate::pipeline::Pipeline;
use crate::settings::Settings;
use crate::stores::{Stores, Waiting, store_file};

pub(crate) async fn run(arguments: RunArgs, mut settings: Settings) -> anyhow::Result<()> {
    settings.topology.pools = feed::pools(arguments.pools.as_deref())?;
    let run = Run::Up { now: Utc::now(), since: None };
    let mut options = feed::options(arguments.source, unhurried, run, &settings).await?;
    let kind = options.feed.kind();
    let file = store_file(arguments.store.as_deref(), kind, feed::purpose(&options.feed, ""), &settings);
    let listen = arguments.listen.unwrap_or(settings.page.listen);
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; end the program that does, or choose another --listen")
    })?;
    let interrupt = interrupt()?;
    let stores = Stores::open(&file, kind, &settings)?;
    let Some(connections) = stores.prepare(kind, &settings, &Waiting::default(), &interrupt).await? else {
        return Ok(());
    };
    let keeps_transactions = settings.topology.raw_transactions;
    let pipeline = Pipeline::start(connections, settings.topology)?;

    let progress = Arc::new(Progress::new());
    options.run =
        Run::Up { now: Utc::now(), since: stored_until(stores.index.as_ref(), keeps_transactions).await? };
    let (rest, over) = or_dropped(interrupt.clone());
    let feed = btc_producers::feed(Arc::clone(&stores.log), options, Arc::clone(&progress), over.clone());
    let mut producing = tokio::spawn(feed);

    let mut page = settings.page;
    page.feed_label = format!("{kind} data");
    let address = listener.local_addr()?;
    tell(format_args!(
        "Bitcoin dashboard ({kind} data) on http://{address} - {} - Ctrl-C ends it",
        stores.place
    ));
    let serving = tokio::spawn(btc_dashboard_web::serve(
        listener,
        stores.index,
        pipeline.status_source(Some(Advance::new(progress, pipeline.observer()))),
        page,
        over,
    ));

    // A feed that has an end leaves the page up; a feed or a topology that fails ends everything.
    let mut asked = pin!(either(interrupt, pipeline.ended()));
    let produced = tokio::select! {
        () = &mut asked => None,
        produced = &mut producing => Some(produced?),
    };
    if matches!(produced, Some(Ok(_))) {
        asked.await;
    }
    drop(rest);
    let produced = match produced {
        Some(produced) => produced,
        None => producing.await?,
    };
    let ended = pipeline.shutdown();
    serving.await??;
    ended?;
    let produced = produced?;
    tell(format_args!("Ended; {} messages were taken and all of them are stored.", produced.messages));
    Ok(())
}

/// The pace if none is asked for. Files hold the past, maybe years of it: they are read at once.
fn unhurried(kind: FeedKind) -> Speed {
    match kind {
        FeedKind::Sample | FeedKind::Live => Speed::Factor(1.0),
        FeedKind::Recording | FeedKind::Blocks => Speed::Max,
    }
}

/// What is asked of a document of any index.
#[derive(Deserialize)]
struct Dated {
    #[serde(rename = "@timestamp")]
    timestamp: String,
}

/// The moment up to which everything is stored: a topic is written in the order of its times, so it is complete up to its
/// newest message, and what has reached the index was in the log. Where raw transactions are left out of the index, and those
/// that are in it may be of another time, the transactions tell of themselves by the hour into which the newest one falls.
async fn stored_until(store: &dyn Index, keeps_transactions: bool) -> anyhow::Result<Option<DateTime<Utc>>> {
    let transactions = if keeps_transactions { RAW_TRANSACTIONS } else { VOLUME };
    let mut until = Some(DateTime::<Utc>::MAX_UTC);
    for index in [RAW_BPI, RAW_BLOCKS, transactions] {
        let all = Range {
            index: index.to_owned(),
            from: DateTime::UNIX_EPOCH,
            until: DateTime::<Utc>::MAX_UTC,
            documents_max: 1,
        };
        let newest = store.range(&all).await?.pop();
        let newest = match newest {
            Some(newest) => serde_json::from_str::<Dated>(&newest.source)?.timestamp.parse().ok(),
            None => None,
        };
        until = until.min(newest);
    }
    Ok(until)
}

#[cfg(test)]
mod tests {
    use trombe_connectors::{Document, EmbeddedStore};

    use super::*;

    #[tokio::test]
    async fn a_start_goes_on_where_all_is_stored_whatever_the_index_leaves_out() {
        let seven = "2024-10-29T07:00:00Z";
        let (eight, nine) = ("2024-10-29T08:40:00Z", "2024-10-29T09:20:00Z");
        for (stored, with, without) in [
            (vec![], None, None),
            (vec![(RAW_BPI, nine), (RAW_BLOCKS, eight), (RAW_TRANSACTIONS, nine)], Some(eight), None),
            (vec![(RAW_BPI, nine), (RAW_BLOCKS, eight), (VOLUME, seven)], None, Some(seven)),
            (
                vec![(RAW_BPI, nine), (RAW_BLOCKS, eight), (RAW_TRANSACTIONS, seven), (VOLUME, nine)],
                Some(seven),
                Some(eight),
            ),
        ] {
            let store = EmbeddedStore::open_in_memory().unwrap();
            let document = |(index, time): &(&str, &str)| Document {
                index: (*index).to_owned(),
                id: (*time).to_owned(),
                version: 1,
                timestamp: time.parse().unwrap(),
                source: format!(r#"{{"@timestamp":"{time}"}}"#),
            };
            store.bulk(stored.iter().map(document).collect()).await.unwrap();
            for (keeps_transactions, expected) in [(true, with), (false, without)] {
                let expected = expected.map(|time: &str| time.parse::<DateTime<Utc>>().unwrap());
                let until = stored_until(&store, keeps_transactions).await.unwrap();
                assert_eq!(until, expected, "{stored:?}, kept: {keeps_transactions}");
            }
        }
    }
}
