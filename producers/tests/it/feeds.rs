//! Files as feeds: the real blocks against independently computed facts, damaged ones, and prices by time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use btc_producers::{Feed, FeedOptions, ProduceError, Progress, Run, Speed, Summary, feed};
use btc_records::{ChainMessage, PoolList, parse_chain};
use trombe_connectors::Log;

use crate::memory_log::{MemoryLog, Stored};
use crate::support::{quick, shared};

pub(crate) fn options(feed: Feed) -> FeedOptions {
    FeedOptions { feed, prices_csv: Vec::new(), speed: Speed::Max, run: Run::Replay, config: quick() }
}

/// Runs a feed to its end.
pub(crate) async fn replay(options: FeedOptions) -> (Vec<Stored>, Summary) {
    let log = Arc::new(MemoryLog::default());
    let dyn_log: Arc<dyn Log> = Arc::<MemoryLog>::clone(&log);
    let progress = Arc::new(Progress::new());
    let summary = feed(dyn_log, options, progress, std::future::pending()).await.unwrap();
    assert_eq!(summary.taken, summary.messages);
    assert_eq!(summary.messages, log.stored().len() as u64);
    (log.stored(), summary)
}

#[tokio::test]
async fn the_real_blocks_give_exactly_their_facts() {
    let Some(folder) = shared("blocks") else { return };
    let facts = std::fs::read(folder.join("facts.json")).unwrap();
    let facts: Vec<serde_json::Value> = serde_json::from_slice(&facts).unwrap();
    let (stored, summary) = replay(options(Feed::Blocks(vec![folder.join("mainnet")]))).await;
    assert_eq!((summary.blocks, summary.dead_letters), (facts.len() as u64, 0));
    assert_eq!(summary.fraction_done, Some(1.0));

    // Topics are appended side by side, so a block and its transactions are brought together by their time.
    let pools = PoolList::builtin();
    let mut outputs_sat = BTreeMap::<i64, Vec<u64>>::new();
    let mut blocks = BTreeMap::new();
    for message in &stored {
        let time_ms = message.message.timestamp_ms;
        match parse_chain(message.source(), &message.message.value, 0, &pools).unwrap() {
            ChainMessage::Transaction(transaction) => {
                assert_eq!(transaction.txid.to_string(), message.key());
                assert_eq!(transaction.time.timestamp_millis(), time_ms);
                outputs_sat.entry(time_ms).or_default().push(transaction.outputs.to_sat());
            }
            ChainMessage::Blocks(mut block) => {
                blocks.insert(message.key(), block.remove(0));
            }
            ChainMessage::Control => panic!("{message:?}"),
        }
    }
    for fact in &facts {
        let block = &blocks[fact["hash"].as_str().unwrap()];
        let outputs_sat = outputs_sat.remove(&block.time.timestamp_millis()).unwrap_or_default();
        let sum: u64 = outputs_sat.iter().sum();
        assert_eq!(outputs_sat.len() as u64 + 1, fact["n_tx"], "{}", fact["file"]);
        assert_eq!(sum, fact["outputs_non_coinbase_sat"], "{}", fact["file"]);
        assert_eq!(block.height.map(u64::from), fact["height"].as_u64(), "{}", fact["file"]);
        assert_eq!(block.reward.unwrap().to_sat(), fact["coinbase_total_sat"], "{}", fact["file"]);
        assert_eq!(block.time.timestamp(), fact["time"].as_i64().unwrap(), "{}", fact["file"]);
        let largest = outputs_sat.iter().max().copied();
        assert_eq!(largest, fact["largest_tx_sat"].as_u64(), "{}", fact["file"]);
    }
}

#[tokio::test]
async fn a_block_file_of_bitcoind_gives_all_blocks_with_heights() {
    let Some(file) = shared("blocks/chain/mainnet_0-589.blk") else {
        return;
    };
    let (stored, summary) = replay(options(Feed::Blocks(vec![file]))).await;
    assert_eq!((summary.blocks, summary.dead_letters), (590, 0));
    let last = stored.iter().rfind(|stored| stored.topic == "p3-btc-blocks").unwrap();
    let value: serde_json::Value = serde_json::from_str(last.value()).unwrap();
    assert_eq!(value["height"], 589);
    let transfers = stored.iter().filter(|stored| stored.topic == "p3-btc-transactions").count();
    assert!(transfers >= 12, "{transfers}");
}

#[tokio::test]
async fn a_damaged_block_is_a_dead_letter_and_the_run_goes_on() {
    let Some(source) = shared("blocks/mainnet") else {
        return;
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let good = std::fs::read(&files[0]).unwrap();
    let mut altered = good.clone();
    altered[100] ^= 1;
    write("1-altered.raw", &altered);
    write("2-good", &good);
    write("3-empty.raw", b"");
    write("4-cut.raw", &good[..good.len() - 1]);
    write("notes.txt", b"not a block");
    let mut framed = Vec::new();
    for bytes in [&altered, &good] {
        framed.extend([0xf9, 0xbe, 0xb4, 0xd9]);
        framed.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        framed.extend(bytes);
    }
    write("blk00000.dat", &framed[..]);
    write("blk00001.dat", &framed[..framed.len() - 7]);

    let (stored, summary) = replay(options(Feed::Blocks(vec![folder.path().to_owned()]))).await;
    assert_eq!((summary.blocks, summary.dead_letters), (2, 6), "{stored:#?}");
    let dead: Vec<serde_json::Value> = stored
        .iter()
        .filter(|stored| stored.is_dead())
        .map(|stored| serde_json::from_str(stored.value()).unwrap())
        .collect();
    assert!(dead[0]["reason"].as_str().unwrap().starts_with("1-altered.raw: "), "{dead:?}");
    assert_eq!((&dead[0]["source"], &dead[0]["feed"]), (&"raw-block".into(), &"blocks".into()));
    assert_eq!(dead[0]["raw_bytes"], good.len());
}

#[tokio::test]
async fn prices_are_merged_by_time() {
    let Some(file) = shared("blocks/chain/mainnet_0-589.blk") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("prices.csv");
    // The 100th block's time, before everything, after everything, and a bad row.
    std::fs::write(&csv, "unix,price\n1231006505,1\n1231660825,2.5\nx,y\n1300000000,3\n").unwrap();
    let mut options = options(Feed::Blocks(vec![file]));
    options.prices_csv = vec![csv];
    let (stored, summary) = replay(options).await;
    assert_eq!((summary.prices, summary.blocks, summary.dead_letters), (3, 590, 1));
    let times: Vec<i64> = stored
        .iter()
        .filter(|stored| stored.topic == "p3-btc-bpi")
        .map(|stored| stored.message.timestamp_ms)
        .collect();
    assert_eq!(times, [1_231_006_505_000, 1_231_660_825_000, 1_300_000_000_000]);
    assert!(stored.iter().any(|stored| stored.key() == "csv:1231660825"));
}

#[tokio::test]
async fn what_cannot_be_read_or_has_no_end_is_said() {
    let run = async |feed_: Feed| {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
        feed(log, options(feed_), Arc::new(Progress::new()), std::future::pending()).await.unwrap_err()
    };
    assert!(matches!(run(Feed::Live).await, ProduceError::Endless));
    let error = run(Feed::Blocks(vec!["/no/such/folder".into()])).await;
    assert!(error.to_string().starts_with("cannot read /no/such/folder: "), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(run(Feed::Recording(vec![empty.path().to_owned()])).await, ProduceError::NoInput(_)));
}
