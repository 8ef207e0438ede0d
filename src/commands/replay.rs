//! `replay`: a feed to its end, without a page.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use btc_producers::{Feed, Progress, Run, Speed, Summary};
use btc_topology::documents::INDICES;
use indicatif::{ProgressBar, ProgressStyle};
use trombe_connectors::Index;

use crate::advance::Advance;
use crate::cli::RunArgs;
use crate::console::print;
use crate::feed;
use crate::interrupt::{either, interrupt};
use crate::pipeline::Pipeline;
use crate::settings::Settings;
use crate::stores::{Stores, Waiting, store_file};

/// How often the progress bar moves.
const REDRAW_MS: u64 = 100;
/// The bar's full length: three digits are all a person can use.
const BAR_STEPS: u32 = 1_000;

pub(crate) async fn run(arguments: RunArgs, mut settings: Settings) -> anyhow::Result<()> {
    let started = Instant::now();
    settings.topology.pools = feed::pools(arguments.pools.as_deref())?;
    let options = feed::options(arguments.source, |_| Speed::Max, Run::Replay, &settings).await?;
    if options.feed == Feed::Live {
        bail!(
            "--feed live has no end to replay to; use `up --feed live`, or `record` it and replay the recording"
        );
    }
    let kind = options.feed.kind();
    let file =
        store_file(arguments.store.as_deref(), kind, feed::purpose(&options.feed, "-replay"), &settings);
    let interrupt = interrupt()?;
    let stores = Stores::open(&file, kind, &settings)?;
    let Some(connections) = stores.prepare(kind, &settings, &Waiting::default(), &interrupt).await? else {
        bail!("interrupted before the log answered; nothing was read");
    };
    let pipeline = Pipeline::start(connections, settings.topology)?;
    let progress = Arc::new(Progress::new());
    let drawing = tokio::spawn(draw(Advance::new(Arc::clone(&progress), pipeline.observer())));

    let asked = either(interrupt.clone(), pipeline.ended());
    let produced = btc_producers::feed(Arc::clone(&stores.log), options, Arc::clone(&progress), asked).await;
    let drained = produced.is_ok() && interrupt.peek().is_none() && pipeline.drain(&interrupt);
    drawing.abort();
    pipeline.shutdown()?;
    let produced = produced?;
    if !drained {
        bail!("interrupted; the same command goes on ({})", stores.place);
    }
    print_summary(&produced, stores.index.as_ref(), started.elapsed()).await
}

/// A bar on a terminal; nothing elsewhere.
async fn draw(advance: Advance) {
    if !io::stderr().is_terminal() {
        return;
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(BAR_STEPS.into()).with_style(style);
    let mut redraw = tokio::time::interval(Duration::from_millis(REDRAW_MS));
    loop {
        redraw.tick().await;
        let standing = advance.now();
        bar.set_position(steps(standing.share.unwrap_or(0.0)));
        bar.set_message(format!("{} messages", standing.computed));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
fn steps(share: f64) -> u64 {
    (share * f64::from(BAR_STEPS)) as u64
}

async fn print_summary(produced: &Summary, store: &dyn Index, took: Duration) -> anyhow::Result<()> {
    let mut text = format!(
        "Replayed {} messages in {:.1} s: {} prices, {} transactions, {} blocks, {} dead letters of the feed.\n",
        produced.messages,
        took.as_secs_f64(),
        produced.prices,
        produced.transactions,
        produced.blocks,
        produced.dead_letters,
    );
    for index in INDICES {
        writeln!(text, "{:>10} documents in {index}", store.count(index).await?)?;
    }
    print(&text)
}
