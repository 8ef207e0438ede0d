//! Prints how fast the feeds are made: the sample in messages, raw blocks in megabytes, a second.
//!
//! `cargo run --release -p btc-producers --example feed_rates -- [BLOCKS-FOLDER]`

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use btc_producers::{Feed, FeedOptions, ProduceError, ProducersConfig, Progress, Run, Speed, Summary, feed};
use futures_util::future::BoxFuture;
use trombe_connectors::{ConsumerOptions, Log, LogConsumer, LogError, Message, Position, TopicOptions};

/// A log that keeps nothing, so that only the feed is measured.
#[derive(Debug)]
struct Nowhere;

impl Log for Nowhere {
    fn create_topic<'a>(&'a self, _: &'a str, _: &'a TopicOptions) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn append<'a>(&'a self, _: &'a str, _: Vec<Message>) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn consumer(&self, _: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        Err(LogError::Refused("nothing was kept".to_owned()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ProduceError> {
    let mut config = ProducersConfig::default();
    config.sample.transactions_per_second = 7.0;
    let (summary, took) = run(Feed::Sample, config.clone()).await?;
    report("sample", &summary, took);

    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if !folders.is_empty() {
        let (summary, took) = run(Feed::Blocks(folders.clone()), config).await?;
        report("blocks", &summary, took);
    }
    Ok(())
}

async fn run(what: Feed, config: ProducersConfig) -> Result<(Summary, Duration), ProduceError> {
    let options =
        FeedOptions { feed: what, prices_csv: Vec::new(), speed: Speed::Max, run: Run::Replay, config };
    let start = Instant::now();
    let summary = feed(Arc::new(Nowhere), options, Arc::new(Progress::new()), std::future::pending()).await?;
    Ok((summary, start.elapsed()))
}

fn report(what: &str, summary: &Summary, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let (messages, megabytes) = (summary.messages as f64, summary.bytes as f64 / 1e6);
    let seconds = took.as_secs_f64();
    println!(
        "{what}: {messages} messages, {megabytes:.1} MB in {seconds:.2} s: {:.0} messages/s, {:.1} MB/s",
        messages / seconds,
        megabytes / seconds
    );
}
