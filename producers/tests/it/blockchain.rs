//! The websocket holder against connections that break in every way they do in the field.

use std::sync::Arc;

use btc_producers::{ChainProvider, ChainSource, ProducersConfig, blockchain};

use crate::memory_log::{MemoryLog, Stored};
use crate::server::{Answer, HttpServer, Step, WebSocketServer};
use crate::support::{Daemon, quick, shared};

/// A transaction in blockchain.info's shape, with as little as the key needs.
pub(crate) fn utx(number: u64) -> String {
    format!(r#"{{"op":"utx","x":{{"hash":"{number:064x}","time":1732816289,"out":[{{"value":5}}]}}}}"#)
}

pub(crate) fn mempool_block(height: u32) -> String {
    let previous = height - 1;
    format!(
        r#"{{"id":"{height:064x}","height":{height},"timestamp":1743535677,"previousblockhash":"{previous:064x}"}}"#
    )
}

pub(crate) fn texts(texts: impl IntoIterator<Item = String>) -> impl Iterator<Item = Step> {
    texts.into_iter().map(Step::Text)
}

pub(crate) fn config(
    provider: ChainProvider,
    socket: &WebSocketServer,
    rest: &HttpServer,
) -> ProducersConfig {
    let mut config = quick();
    config.blockchain.sources = vec![ChainSource {
        websocket_url: Some(socket.url.clone()),
        rest_url: Some(rest.url.clone()),
        backfill_start_blocks: 0,
        ..ChainSource::new(provider)
    }];
    config
}

pub(crate) fn start(log: Arc<MemoryLog>, config: ProducersConfig) -> Daemon {
    Daemon::start(log, |log, progress, shutdown| blockchain(log, config, progress, shutdown))
}

/// An HTTP interface that knows nothing.
pub(crate) async fn no_rest() -> HttpServer {
    HttpServer::start(|_, _| Answer::Status(404, None)).await
}

#[tokio::test]
async fn after_a_dropped_socket_it_subscribes_again_and_keeps_every_byte() {
    let real =
        shared("messages/blockchain_info/utx.jsonl").map(|path| std::fs::read_to_string(path).unwrap());
    let mut messages: Vec<String> = real.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    messages.extend([utx(3), utx(1), utx(2), utx(2)]);
    let (first, second) = messages.split_at(messages.len() / 2);
    let scripts =
        [first, second].map(|part| texts(part.to_vec()).chain([Step::Drop]).collect::<Vec<Step>>()).to_vec();
    let (socket, rest) = (WebSocketServer::start(2, scripts).await, no_rest().await);

    let daemon = start(Arc::default(), config(ChainProvider::BlockchainInfo, &socket, &rest));
    daemon.log.until("all messages are stored", |stored| stored.len() == messages.len()).await;
    let stored = daemon.log.stored();
    let values: Vec<&str> = stored.iter().map(Stored::value).collect();
    assert_eq!(values, messages, "as received, in the order received, duplicates and all");
    assert_eq!(stored[messages.len() - 4].key(), format!("{:064x}", 3));
    assert!(stored.iter().all(|stored| stored.topic == "p3-btc-transactions"));

    let summary = daemon.stop().await.unwrap();
    assert!(summary.reconnects >= 1);
    assert_eq!(summary.transactions, messages.len() as u64);
    for heard in socket.heard().iter().take(2) {
        assert_eq!(heard[..2], [r#"{"op":"unconfirmed_sub"}"#, r#"{"op":"blocks_sub"}"#]);
    }
}

/// One way for a connection to end: how it is reported, and that the next one goes on.
pub(crate) async fn check(end: Vec<Step>, error: &str) {
    let mut first = vec![Step::Text(utx(1))];
    first.extend(end);
    let scripts = vec![first, vec![Step::Text(utx(2))]];
    let (socket, rest) = (WebSocketServer::start(2, scripts).await, no_rest().await);
    let mut config = config(ChainProvider::BlockchainInfo, &socket, &rest);
    config.blockchain.silence_ms_max = 1_000;
    config.blockchain.ping_ms = 100;
    config.blockchain.message_bytes_max = 10_000;
    let daemon = start(Arc::default(), config);
    let log = Arc::clone(&daemon.log);
    log.until(error, |stored| stored.len() == 2).await;
    let summary = daemon.stop().await.unwrap();
    let keys: Vec<String> = log.stored().iter().map(|stored| stored.key().to_owned()).collect();
    assert_eq!(keys, [format!("{:064x}", 1), format!("{:064x}", 2)], "{error}");
    let source = &summary.sources["blockchain-info"];
    let last_error = source.last_error.as_deref().unwrap_or_default();
    assert!(last_error.contains(error), "{last_error:?} does not say {error:?}");
    assert_eq!((summary.reconnects, source.failures, summary.dead_letters), (1, 1, 0), "{error}");
}

#[tokio::test]
async fn every_end_of_a_connection_is_told_apart() {
    check(vec![Step::Close], "closed by the provider").await;
    check(vec![Step::Drop], "broken off").await;
    check(vec![Step::Silence], "silent for 1000 ms").await;
    // A text frame that announces 256 bytes and ends after one.
    check(vec![Step::Raw(vec![0x81, 0x7e, 0x01, 0x00, b'{']), Step::Drop], "broken off").await;
    // A text frame of two bytes that are no UTF-8.
    check(vec![Step::Raw(vec![0x81, 0x02, 0xff, 0xfe])], "not UTF-8").await;
    // A frame of a kind that does not exist.
    check(vec![Step::Raw(vec![0x83, 0x01, 0x00])], "broken off").await;
    check(vec![Step::Text(" ".repeat(20_000))], "beyond `blockchain.message_bytes_max`").await;
}

#[tokio::test]
async fn garbage_is_a_dead_letter_and_the_connection_goes_on() {
    let garbage = ["<html>", r#"{"op":"utx"}"#, r#"{"op":"utx","x":{"hash":"zz"}}"#, "{\"op\":"];
    let script = texts(garbage.map(str::to_owned))
        .chain([Step::Binary(vec![0xff, 0xfe]), Step::Text(r#"{"op":"status","msg":"Hello"}"#.to_owned())])
        .chain([Step::Text(utx(7))])
        .collect();
    let (socket, rest) = (WebSocketServer::start(2, vec![script]).await, no_rest().await);
    let daemon = start(Arc::default(), config(ChainProvider::BlockchainInfo, &socket, &rest));
    let log = Arc::clone(&daemon.log);
    log.until("the good message is stored", |stored| stored.iter().any(|stored| !stored.is_dead())).await;
    let summary = daemon.stop().await.unwrap();
    assert_eq!((summary.dead_letters, summary.transactions, summary.ignored), (5, 1, 1));
    assert_eq!(summary.reconnects, 0);
    let dead = log.dead();
    assert_eq!(dead[0]["raw_base64"], "PGh0bWw+");
    assert!(dead[4]["reason"].as_str().unwrap().starts_with("not UTF-8"), "{dead:?}");
}

#[tokio::test]
async fn blocks_missed_while_the_server_was_gone_are_fetched_in_order() {
    let first = vec![Step::Text(format!(r#"{{"block":{}}}"#, mempool_block(100))), Step::Drop];
    let scripts = vec![first, vec![Step::Refuse], vec![Step::Refuse], vec![Step::Await(1)]];
    let socket = WebSocketServer::start(1, scripts).await;
    let rest = HttpServer::start(|path, count| match (path, count) {
        ("/api/blocks/tip/height", 0) => Answer::Ok("100".to_owned()),
        ("/api/blocks/tip/height", 1) => Answer::Status(500, None),
        ("/api/blocks/tip/height", _) => Answer::Ok("140".to_owned()),
        ("/api/v1/blocks/140", 0) => Answer::Status(429, Some(("Retry-After", "0".to_owned()))),
        ("/api/v1/blocks/140", 1) => Answer::HalfBody("[".to_owned()),
        ("/api/v1/blocks/140", 2) => Answer::Ok("<html>".to_owned()),
        (path, _) => {
            let top: u32 = path.rsplit('/').next().unwrap().parse().unwrap();
            let page: Vec<String> = (top - 14..=top).rev().map(mempool_block).collect();
            Answer::Ok(format!("[{}]", page.join(",")))
        }
    })
    .await;
    let daemon = start(Arc::default(), config(ChainProvider::MempoolSpace, &socket, &rest));
    let log = Arc::clone(&daemon.log);
    log.until("the gap is closed", |stored| stored.len() == 41).await;
    daemon.until("the backfill is counted", |summary| summary.backfilled_blocks == 40).await;
    let summary = daemon.stop().await.unwrap();
    let keys: Vec<String> = log.stored().iter().map(|stored| stored.key().to_owned()).collect();
    assert_eq!(keys, (100..=140).map(|height| format!("{height:064x}")).collect::<Vec<_>>());
    assert_eq!(log.stored()[1].value(), format!(r#"{{"block":{}}}"#, mempool_block(101)));
    assert_eq!((summary.backfilled_blocks, summary.given_up_blocks), (40, 0));
    assert_eq!(summary.reconnects, 1);
    assert_eq!(summary.sources["mempool-space"].failures, 3);
    assert_eq!(socket.heard()[0], [r#"{"action":"want","data":["blocks"]}"#]);
}

#[tokio::test]
async fn a_gap_beyond_the_limit_is_counted() {
    let script = vec![
        Step::Text(format!(r#"{{"block":{}}}"#, mempool_block(100))),
        Step::Text(format!(r#"{{"block":{}}}"#, mempool_block(151))),
    ];
    let socket = WebSocketServer::start(1, vec![script]).await;
    let rest = HttpServer::start(|path, _| {
        let Ok(top) = path.rsplit('/').next().unwrap().parse::<u32>() else {
            return Answer::Ok("100".to_owned());
        };
        let page: Vec<String> = (top - 14..=top).rev().map(mempool_block).collect();
        Answer::Ok(format!("[{}]", page.join(",")))
    })
    .await;
    let mut config = config(ChainProvider::MempoolSpace, &socket, &rest);
    config.blockchain.backfill_blocks_max = 20;
    let daemon = start(Arc::default(), config);
    daemon.log.until("the highest of the gap are stored", |stored| stored.len() == 22).await;
    daemon.until("the rest is given up", |summary| summary.given_up_blocks > 0).await;
    let log = Arc::clone(&daemon.log);
    let summary = daemon.stop().await.unwrap();
    assert_eq!((summary.backfilled_blocks, summary.given_up_blocks), (20, 30));
    assert_eq!(log.stored()[2].key(), format!("{:064x}", 131));
}

#[tokio::test]
async fn blockchain_info_blocks_are_completed_and_their_gaps_walked() {
    let block = |height: u32| {
        format!(r#"{{"op":"block","x":{{"hash":"{height:064x}","height":{height},"reward":0,"nTx":0}}}}"#)
    };
    let scripts = vec![vec![Step::Text(block(500)), Step::Await(1), Step::Drop]];
    let socket = WebSocketServer::start(2, scripts).await;
    let rest = HttpServer::start(move |path, count| {
        if path == "/latestblock" {
            let tip = if count == 0 { 500 } else { 503 };
            return Answer::Ok(format!(r#"{{"hash":"{tip:064x}","height":{tip},"time":1732816289}}"#));
        }
        let height = u32::from_str_radix(path.trim_start_matches("/rawblock/"), 16).unwrap();
        if height == 500 && count == 0 {
            // A block is announced before the interface knows it.
            return Answer::Status(404, None);
        }
        Answer::Ok(format!(
            r#"{{"hash":"{height:064x}","prev_block":"{:064x}","height":{height},"tx":[{{"coinbase":1}},{{"hash":"x"}}]}}"#,
            height - 1
        ))
    })
    .await;
    let daemon = start(Arc::default(), config(ChainProvider::BlockchainInfo, &socket, &rest));
    let log = Arc::clone(&daemon.log);
    log.until("the coinbase is fetched", |stored| stored.len() == 2).await;
    socket.go(1);
    log.until("the gap is closed", |stored| stored.len() == 5).await;
    daemon.stop().await.unwrap();
    let stored = log.stored();
    let keys: Vec<String> = stored.iter().map(|stored| stored.key().to_owned()).collect();
    assert_eq!(keys, [500, 500, 501, 502, 503].map(|height| format!("{height:064x}")));
    assert!(stored[1].value().ends_with(r#""height":500,"tx":[{"coinbase":1}]}"#), "{}", stored[1].value());
}

#[tokio::test]
async fn pings_keep_a_quiet_connection_alive() {
    let (socket, rest) = (WebSocketServer::start(1, vec![]).await, no_rest().await);
    let mut config = config(ChainProvider::MempoolSpace, &socket, &rest);
    config.blockchain.ping_ms = 20;
    config.blockchain.silence_ms_max = 5_000;
    let daemon = start(Arc::default(), config);
    daemon.until("pongs come", |summary| summary.ignored >= 5).await;
    let summary = daemon.stop().await.unwrap();
    assert_eq!((summary.reconnects, summary.messages), (0, 0));
    assert_eq!(socket.heard()[0][1], r#"{"action":"ping"}"#);
}
