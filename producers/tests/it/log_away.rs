//! The way into the log while the log is away, forgets its answers, or refuses.

use std::sync::Arc;

use btc_producers::ChainProvider;

use crate::blockchain::{config, no_rest, start, texts, utx};
use crate::memory_log::MemoryLog;
use crate::server::WebSocketServer;

#[tokio::test]
async fn while_the_log_is_away_nothing_is_lost_reordered_or_counted_wrongly() {
    const MESSAGES: u64 = 3_000;
    let script = texts((0..MESSAGES).map(utx)).collect();
    let (socket, rest) = (WebSocketServer::start(2, vec![script]).await, no_rest().await);
    let mut config = config(ChainProvider::BlockchainInfo, &socket, &rest);
    config.outbox.messages_max = 50;
    config.outbox.batch_messages_max = 20;
    let log = Arc::new(MemoryLog::default());
    log.go_away(true);
    let daemon = start(Arc::clone(&log), config);
    daemon.until("the buffer is full", |summary| summary.held_back > 0 && summary.log_retries >= 3).await;
    let taken = daemon.progress.summary().taken;
    assert!(taken <= 50 + 20 + 1, "the reading stops: {taken}");
    log.go_away(false);
    log.until("a part is stored", |stored| stored.len() >= 500).await;
    log.go_away(true);
    let retries = daemon.progress.summary().log_retries;
    daemon.until("it is missed again", |summary| summary.log_retries >= retries + 3).await;
    log.go_away(false);
    log.until("all is stored", |stored| stored.len() as u64 >= MESSAGES).await;
    let summary = daemon.stop().await.unwrap();
    let keys: Vec<String> = log.stored().iter().map(|stored| stored.key().to_owned()).collect();
    assert_eq!(keys, (0..MESSAGES).map(|number| format!("{number:064x}")).collect::<Vec<_>>());
    assert_eq!((summary.taken, summary.messages, summary.reconnects), (MESSAGES, MESSAGES, 0));
}

#[tokio::test]
async fn a_lost_answer_of_the_log_repeats_and_a_giant_becomes_a_dead_letter() {
    let mut messages: Vec<String> = (0..40).map(utx).collect();
    messages[17] = messages[17].replacen('{', &format!("{{{}", " ".repeat(200_000)), 1);
    let (socket, rest) = (WebSocketServer::start(2, vec![texts(messages).collect()]).await, no_rest().await);
    let log = Arc::new(MemoryLog::default());
    log.refuse_above(100_000);
    log.forget_every(2);
    let daemon = start(Arc::clone(&log), config(ChainProvider::BlockchainInfo, &socket, &rest));
    daemon.until("all is stored", |summary| summary.messages >= 40).await;
    let summary = daemon.stop().await.unwrap();
    assert_eq!((summary.transactions, summary.dead_letters), (39, 1));
    let mut keys: Vec<String> = log.living().iter().map(|stored| stored.key().to_owned()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 39, "each is there, some twice");
    assert_eq!(log.dead()[0]["raw_bytes"], 200_000 + utx(17).len());
}

#[tokio::test]
async fn a_shutdown_stores_what_was_taken_or_says_how_much_it_could_not() {
    let check = async |log_is_back: bool| {
        let script = texts((0..100).map(utx)).collect();
        let (socket, rest) = (WebSocketServer::start(2, vec![script]).await, no_rest().await);
        let mut config = config(ChainProvider::BlockchainInfo, &socket, &rest);
        config.outbox.drain_ms_max = if log_is_back { 60_000 } else { 50 };
        let log = Arc::new(MemoryLog::default());
        log.go_away(true);
        let daemon = start(Arc::clone(&log), config);
        daemon.until("all is taken", |summary| summary.taken == 100).await;
        log.go_away(!log_is_back);
        daemon.stop().await
    };
    assert_eq!(check(true).await.unwrap().messages, 100);
    let error = check(false).await.unwrap_err();
    assert!(error.to_string().starts_with("the log took 100 messages fewer"), "{error}");
}
