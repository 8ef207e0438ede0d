//! The sample feed as a whole: what the topology and the page rely on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use btc_producers::{Feed, Run, Speed, feed};
use btc_records::{ChainMessage, PoolList, parse_chain, parse_price};
use chrono::DateTime;
use tokio::time::Instant;

use crate::feeds::{options, replay};
use crate::memory_log::{MemoryLog, Stored};
use crate::support::Daemon;

#[tokio::test]
async fn a_replay_is_48_hours_that_every_parser_understands() {
    let mut options = options(Feed::Sample);
    options.config.sample.transactions_per_second = 0.1;
    let (stored, summary) = replay(options.clone()).await;
    assert_eq!((summary.prices, summary.dead_letters), (2_880, 0));
    assert_eq!(summary.fraction_done, Some(1.0));
    assert!((16_500..18_100).contains(&summary.transactions), "{}", summary.transactions);

    let pools = PoolList::builtin();
    let mut blocks = HashMap::new();
    let mut miners = HashMap::<String, u32>::new();
    for stored in &stored {
        let message = &stored.message;
        assert_eq!(message.header("feed").unwrap(), "sample");
        if stored.topic == "p3-btc-bpi" {
            let price = parse_price(stored.source(), &message.value, 0).unwrap();
            assert_eq!(price.observed_at.timestamp_millis(), message.timestamp_ms);
            continue;
        }
        match parse_chain(stored.source(), &message.value, 0, &pools).unwrap() {
            ChainMessage::Transaction(transaction) => {
                assert_eq!(transaction.txid.to_string(), stored.key());
                assert!(transaction.adjusted <= transaction.outputs);
            }
            ChainMessage::Blocks(parsed) => {
                let block = &parsed[0];
                assert!(block.reward.unwrap().to_sat() > 312_500_000);
                *miners.entry(block.miner.name.clone()).or_default() += 1;
                blocks.insert(stored.key().to_owned(), block.clone());
            }
            ChainMessage::Control => panic!("{stored:?}"),
        }
    }
    assert!(miners["Foundry USA"] > 60 && miners.len() > 8, "{miners:?}");

    let heights: Vec<u32> = blocks.values().filter_map(|block| block.height).collect();
    let (lowest, highest) = (heights.iter().min().unwrap(), heights.iter().max().unwrap());
    assert_eq!(highest - lowest + 1, 288, "two days of 144");
    assert!(blocks.len() > 288, "some block lost a race");
    for block in blocks.values().filter(|block| block.height > Some(*lowest)) {
        let previous = &blocks[&block.prev_hash.unwrap().to_string()];
        assert_eq!(previous.height.map(|height| height + 1), block.height);
    }

    let (again, _) = replay(options).await;
    // The order is kept within a topic; the topics are appended side by side.
    let by_topic = |mut stored: Vec<Stored>| {
        stored.sort_by(|a, b| a.topic.cmp(&b.topic));
        stored
    };
    assert!(by_topic(stored) == by_topic(again), "a second run differs");
}

#[tokio::test(start_paused = true)]
async fn history_comes_at_once_and_the_present_at_its_pace() {
    let now = DateTime::from_timestamp_millis(1_730_000_012_345).unwrap();
    let mut options = options(Feed::Sample);
    options.run = Run::Up { now, since: None };
    options.speed = Speed::Factor(60.0);
    options.config.sample.history_hours = 2;
    let start = Instant::now();
    let daemon = Daemon::start(Arc::<MemoryLog>::default(), |log, progress, shutdown| {
        feed(log, options, progress, shutdown)
    });
    let progress = Arc::clone(&daemon.progress);
    let log = Arc::clone(&daemon.log);
    let recent_ms = now.timestamp_millis() - 60_000;
    log.until("the history is stored", |stored| {
        stored.iter().any(|stored| stored.message.timestamp_ms > recent_ms)
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    // Ten minutes at sixty times the pace.
    let later_ms = now.timestamp_millis() + 600_000;
    log.until("time goes on", |stored| stored.iter().any(|stored| stored.message.timestamp_ms >= later_ms))
        .await;
    let elapsed = start.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(12)).contains(&elapsed), "{elapsed:?}");
    assert!(progress.history_done());
    let first_ms = log.stored()[0].message.timestamp_ms;
    assert!(first_ms >= now.timestamp_millis() - 2 * 3_600_000);
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_begins_where_the_store_ends() {
    let now = DateTime::from_timestamp_millis(1_730_000_012_345).unwrap();
    let since = now - chrono::TimeDelta::minutes(5);
    let mut options = options(Feed::Sample);
    options.run = Run::Up { now, since: Some(since) };
    let daemon = Daemon::start(Arc::<MemoryLog>::default(), |log, progress, shutdown| {
        feed(log, options, progress, shutdown)
    });
    let log = Arc::clone(&daemon.log);
    let times =
        |stored: &[Stored]| -> Vec<i64> { stored.iter().map(|stored| stored.message.timestamp_ms).collect() };
    let recent_ms = now.timestamp_millis() - 60_000;
    log.until("the missing minutes are stored", |stored| {
        times(stored).iter().any(|time_ms| *time_ms > recent_ms)
    })
    .await;
    daemon.stop().await.unwrap();
    assert!(times(&log.stored()).iter().all(|time_ms| *time_ms >= since.timestamp_millis()));
}
