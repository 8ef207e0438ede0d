//! Measures the log on Kafka: `TROMBE_KAFKA=host:port,... cargo run --release -p trombe-connectors --example kafka_rates`.
//!
//! Messages have about 300 bytes. One caller appends batches of 1, 100 and 1,000, then sixteen callers append batches of
//! 1,000 at once; then one consumer reads it all. The topic, `trombe-rates-<process id>`, is left for its retention of an hour.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use trombe_connectors::{ConsumerOptions, KafkaConfig, KafkaLog, Log, Message, TopicOptions};

const ROUND: Duration = Duration::from_secs(3);
const CALLERS: u64 = 16;

type Answer<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Answer<()> {
    let mut config = KafkaConfig::default();
    if let Ok(servers) = std::env::var("TROMBE_KAFKA") {
        config.bootstrap_servers = servers.split(',').map(str::to_owned).collect();
    }
    let log = KafkaLog::connect(&config)?;
    let topic = format!("trombe-rates-{}", std::process::id());
    log.create_topic(&topic, &TopicOptions { partitions: 9, retention_ms: Some(3_600_000) }).await?;
    let appended = appends(&log, &topic).await?;
    polls(&log, &topic, appended)
}

async fn appends(log: &KafkaLog, topic: &str) -> Answer<u64> {
    log.append(topic, messages(0, 1000)).await?;
    let mut appended = 1000;
    for batch in [1, 100, 1000] {
        let (started, mut done) = (Instant::now(), 0);
        while started.elapsed() < ROUND {
            log.append(topic, messages(done, batch)).await?;
            done += batch;
        }
        report(started, done, &format!("appends, batches of {batch}"));
        appended += done;
    }
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        let callers = (0..CALLERS).map(|caller| log.append(topic, messages(done + caller * 1000, 1000)));
        try_join_all(callers).await?;
        done += CALLERS * 1000;
    }
    report(started, done, &format!("appends, batches of 1000, {CALLERS} callers"));
    Ok(appended + done)
}

fn polls(log: &KafkaLog, topic: &str, appended: u64) -> Answer<()> {
    let mut consumer = log.consumer(ConsumerOptions::member("rates", &[topic], 0, 1))?;
    let mut records = Vec::new();
    let (started, mut done, mut next) = (Instant::now(), 0, Vec::new());
    while done < appended {
        records.clear();
        consumer.poll(1000, 16 << 20, &mut records)?;
        done += records.len() as u64;
        next.extend(records.last().map(|record| record.position.clone()));
    }
    report(started, done, "records polled, 1000 a poll");
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        consumer.poll(1000, 16 << 20, &mut records)?;
        done += 1;
    }
    report(started, done, "polls without news");
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        let mut at = next[0].clone();
        at.offset = done + 1;
        consumer.commit(&[at])?;
        done += 1;
    }
    report(started, done, "commits of one partition");
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        consumer.lag()?;
        done += 1;
    }
    report(started, done, "lags of nine partitions");
    Ok(())
}

fn messages(first: u64, count: u64) -> Vec<Message> {
    let scattered = |n: u64| {
        format!("{:032x}", u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    };
    let message = |n| Message {
        key: Bytes::from(scattered(n)),
        value: Bytes::from((0..7).map(|part| scattered(n * 7 + part)).collect::<String>()),
        timestamp_ms: 1_729_296_000_000,
        headers: vec![("source".into(), Bytes::from_static(b"blockchain-info"))],
    };
    (first..first + count).map(message).collect()
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a report to be read by people")]
fn report(started: Instant, done: u64, what: &str) {
    println!("{:>10.0}/s: {what}", done as f64 / started.elapsed().as_secs_f64());
}
