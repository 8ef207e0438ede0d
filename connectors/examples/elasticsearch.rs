//! Measures writes to Elasticsearch: `TROMBE_ELASTICSEARCH=URL,URL,URL cargo run --release -p trombe-connectors --example
//! elasticsearch [DOCUMENTS] [MESSAGE_BYTES]`.
//!
//! Documents are those of raw transactions, in an index of 3 shards with 2 replicas. Four callers write 1,000 at a time, as the
//! topology's sinks do. Then everything is written once more, which finds it all there, and read in the order of ids. In the end
//! the index is deleted.

#![expect(clippy::print_stdout, reason = "a report to be read by people")]

use std::error::Error;
use std::time::Instant;

use chrono::{DateTime, SecondsFormat, TimeDelta};
use futures_util::future::try_join_all;
use serde_json::json;
use trombe_connectors::{Document, ElasticsearchConfig, ElasticsearchIndex, Index, IndexError, Outcome};

const INDEX: &str = "raw";
const CALLERS: u64 = 4;
const BATCH: u64 = 1_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let message_bytes: usize = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let urls = std::env::var("TROMBE_ELASTICSEARCH").map_err(|_| "set TROMBE_ELASTICSEARCH to the nodes")?;
    let index_prefix = format!("rates-{:x}-", std::process::id());
    let config = ElasticsearchConfig {
        urls: urls.split(',').map(str::to_owned).collect(),
        index_prefix: index_prefix.clone(),
        ..ElasticsearchConfig::default()
    };
    let index = ElasticsearchIndex::connect(&config)?;
    println!("Elasticsearch {}, {count} documents of {message_bytes} bytes", index.version().await?);
    index.put_template(&index_prefix, &template(&index_prefix)).await?;
    let measured = measure(&index, count, message_bytes).await;
    index.delete_all_indices().await?;
    index.delete_template(&index_prefix).await?;
    measured
}

async fn measure(index: &ElasticsearchIndex, count: u64, message_bytes: usize) -> Result<(), Box<dyn Error>> {
    // The first request waits for the index's shards.
    write(index, 0..1, message_bytes, &Outcome::Indexed).await?;
    for (what, outcome) in [("new", Outcome::Indexed), ("written again", Outcome::Stale)] {
        let began = Instant::now();
        let share = |caller: u64| 1 + count * caller / CALLERS..1 + count * (caller + 1) / CALLERS;
        try_join_all((0..CALLERS).map(|caller| write(index, share(caller), message_bytes, &outcome))).await?;
        rate(what, count, began);
    }
    let began = Instant::now();
    let (mut after, mut found): (Option<String>, u64) = (None, 0);
    loop {
        let page = index.scan(INDEX, after.as_deref(), 1_000).await?;
        found += page.len() as u64;
        match page.into_iter().next_back() {
            Some(last) => after = Some(last.id),
            None => break,
        }
    }
    rate("read in the order of ids", found, began);
    Ok(())
}

fn rate(what: &str, count: u64, began: Instant) {
    let took_s = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of documents is far below 2^52")]
    let rate = count as f64 / took_s;
    println!("{what}: {rate:.0} documents/s ({took_s:.1} s)");
}

async fn write(
    index: &ElasticsearchIndex,
    numbers: std::ops::Range<u64>,
    message_bytes: usize,
    expected: &Outcome,
) -> Result<(), IndexError> {
    let mut next = numbers.start;
    while next < numbers.end {
        let batch = next..numbers.end.min(next + BATCH);
        next = batch.end;
        let outcomes = index.bulk(batch.map(|number| document(number, message_bytes)).collect()).await?;
        assert!(outcomes.iter().all(|outcome| outcome == expected), "{:?}", outcomes[0]);
    }
    Ok(())
}

fn document(number: u64, message_bytes: usize) -> Document {
    // Digits that do not compress away, as txids do not.
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let digits = std::iter::successors(Some(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)), next)
        .map(|state| char::from(b"0123456789abcdef"[usize::from(state.to_be_bytes()[0] >> 4)]));
    let message: String = digits.take(message_bytes.max(64)).collect();
    let timestamp = DateTime::UNIX_EPOCH + TimeDelta::seconds(1_729_296_000 + number.cast_signed() / 7);
    let at = timestamp.to_rfc3339_opts(SecondsFormat::Millis, true);
    let source = json!({"@timestamp": at, "key": message[..64], "source": "sample", "feed": "sample", "message": message});
    Document {
        index: INDEX.to_owned(),
        id: format!("{at}:{}:{number:016x}", &message[..64]),
        version: 1,
        timestamp,
        source: source.to_string(),
    }
}

fn template(prefix: &str) -> serde_json::Value {
    let (keyword, kept) =
        (json!({"type": "keyword"}), json!({"type": "keyword", "index": false, "doc_values": false}));
    json!({
        "index_patterns": [format!("{prefix}*")],
        "priority": 600,
        "template": {
            "settings": {"number_of_shards": 3, "number_of_replicas": 2, "refresh_interval": "1s"},
            "mappings": {"dynamic": "strict", "properties": {
                "@timestamp": {"type": "date"}, "key": keyword, "source": keyword, "feed": keyword, "message": kept
            }}
        }
    })
}
