//! The price poller against sources that fail in every way they do in the field.

use std::sync::Arc;
use std::time::Duration;

use btc_producers::{PriceProvider, PriceSource, ProducersConfig, bpi};

use crate::memory_log::MemoryLog;
use crate::server::{Answer, HttpServer};
use crate::support::{Daemon, quick};

/// Kraken's answer, in its own shape.
fn kraken(eur: &str) -> Answer {
    Answer::Ok(format!(r#"{{"error":[],"result":{{"XXBTZEUR":{{"c":["{eur}","0.002"],"p":["1","2"]}}}}}}"#))
}

pub(crate) fn coinbase(eur: &str) -> Answer {
    Answer::Ok(format!(r#"{{"data":{{"base":"BTC","currency":"EUR","amount":"{eur}"}}}}"#))
}

fn mempool(eur: u32, time_s: i64) -> Answer {
    Answer::Ok(format!(r#"{{"time":{time_s},"USD":1,"EUR":{eur}}}"#))
}

pub(crate) fn config(server: &HttpServer, providers: &[PriceProvider]) -> ProducersConfig {
    let mut config = quick();
    let source = |provider: &PriceProvider| PriceSource {
        url: Some(format!("{}/{}", server.url, provider.source())),
        ..PriceSource::new(*provider)
    };
    config.bpi.sources = providers.iter().map(source).collect();
    config
}

const KRAKEN_THEN_COINBASE: [PriceProvider; 2] = [PriceProvider::Kraken, PriceProvider::Coinbase];

pub(crate) fn start(log: Arc<MemoryLog>, config: ProducersConfig) -> Daemon {
    Daemon::start(log, |log, progress, shutdown| bpi(log, config, progress, shutdown))
}

#[tokio::test]
async fn a_source_that_fails_is_passed_over_and_comes_back() {
    let server = HttpServer::start(|path, count| match (path, count) {
        ("/kraken", 0 | 1) => Answer::Status(500, None),
        ("/kraken", count) => kraken(&format!("60000.{count}")),
        (_, count) => coinbase(&format!("60001.{count}")),
    })
    .await;
    let daemon = start(Arc::default(), config(&server, &KRAKEN_THEN_COINBASE));
    daemon
        .log
        .until("both sources delivered, the better one last", |stored| {
            stored.iter().any(|price| price.source() == "coinbase")
                && stored.iter().filter(|price| price.source() == "kraken").count() >= 3
        })
        .await;
    let log = Arc::clone(&daemon.log);
    let summary = daemon.stop().await.unwrap();
    let stored = log.stored();
    assert_eq!(stored[0].source(), "coinbase", "{stored:?}");
    assert!(stored[0].key().starts_with("coinbase:"));
    assert_eq!(stored[0].value(), r#"{"data":{"base":"BTC","currency":"EUR","amount":"60001.0"}}"#);
    assert_eq!(summary.messages, stored.len() as u64);
    assert_eq!((summary.taken, summary.dead_letters), (summary.messages, 0));
    assert_eq!(summary.sources["kraken"].failures, 2);
    assert!(summary.sources["kraken"].healthy);
}

/// One way to fail: the error it is reported as, and the dead letters it makes.
pub(crate) async fn check(bad: Answer, error: &str, dead_letters: u64) {
    let server = HttpServer::start(move |path, _| match path {
        "/kraken" => bad.clone(),
        _ => coinbase("60001"),
    })
    .await;
    let mut config = config(&server, &KRAKEN_THEN_COINBASE);
    config.http.headers_ms_max = 200;
    config.http.connect_ms_max = 200;
    config.http.body_ms_max = 200;
    config.http.body_bytes_max = 100_000;
    config.backoff.first_ms = 60_000;
    config.backoff.longest_ms = 60_000;
    config.bpi.probe_ms_max = 60_000;
    let daemon = start(Arc::default(), config);
    daemon
        .log
        .until("the other source takes over", |stored| stored.iter().any(|price| !price.is_dead()))
        .await;
    let summary = daemon.stop().await.unwrap();
    let kraken = &summary.sources["kraken"];
    let last_error = kraken.last_error.as_deref().unwrap_or_default();
    assert!(last_error.contains(error), "{last_error:?} does not say {error:?}");
    assert_eq!((kraken.healthy, kraken.failures), (false, 1), "{error}");
    assert_eq!(summary.dead_letters, dead_letters, "{error}");
}

#[tokio::test]
async fn every_way_to_fail_is_told_apart() {
    check(Answer::Status(500, None), "status 500", 0).await;
    check(Answer::Status(404, None), "status 404", 0).await;
    check(Answer::SlowBody, "did not end within 200 ms", 0).await;
    check(Answer::Silence, "no answer within 400 ms", 0).await;
    check(Answer::HalfBody("{\"error\":[".to_owned()), "broke off", 0).await;
    check(Answer::Bytes(b"\x00\x01\x02 this is no HTTP\r\n\r\n".to_vec()), "no connection", 0).await;
    check(Answer::Endless, "longer than 100000 bytes", 0).await;
    check(Answer::Ok("<html>down for maintenance</html>".to_owned()), "not understood", 1).await;
    check(Answer::Ok(r#"{"error":["EService:Unavailable"]}"#.to_owned()), "EService:Unavailable", 1).await;
    check(kraken("NaN"), "not understood", 1).await;
    check(kraken("-1"), "not understood", 1).await;
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms_and_capped() {
    let server = HttpServer::start(|path, count| match (path, count) {
        ("/kraken", 0) => Answer::Status(429, Some(("Retry-After", "1".to_owned()))),
        ("/kraken", 1) => {
            // Dates have whole seconds, so that of two at least one is waited.
            let date = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
            Answer::Status(429, Some(("Retry-After", date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())))
        }
        ("/kraken", count) => kraken(&format!("6000{count}")),
        (_, 0) => Answer::Status(503, Some(("Retry-After", "86400".to_owned()))),
        (_, count) => coinbase(&format!("6000{count}")),
    })
    .await;
    let mut config = config(&server, &KRAKEN_THEN_COINBASE);
    config.http.retry_after_ms_max = 3_000;
    let daemon = start(Arc::default(), config);
    daemon
        .log
        .until("both are back", |stored| {
            ["kraken", "coinbase"].iter().all(|name| stored.iter().any(|price| price.source() == *name))
                || stored.iter().any(|price| price.source() == "kraken")
        })
        .await;
    let asked = server.asked("/kraken");
    assert!(asked[1] - asked[0] >= Duration::from_secs(1), "{:?}", asked[1] - asked[0]);
    assert!(asked[2] - asked[1] >= Duration::from_secs(1), "{:?}", asked[2] - asked[1]);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_frozen_price_is_stored_once_and_passed_over() {
    let now_s = chrono::Utc::now().timestamp();
    let server = HttpServer::start(move |path, count| match path {
        "/mempool-prices" => mempool(60_000, now_s),
        _ => coinbase(&format!("60001.{count}")),
    })
    .await;
    let mut config = config(&server, &[PriceProvider::MempoolPrices, PriceProvider::Coinbase]);
    config.bpi.frozen_ms_max = 300;
    let daemon = start(Arc::default(), config);
    let falls_over = |stored: &[crate::memory_log::Stored]| {
        stored.iter().filter(|price| price.source() == "coinbase").count() >= 3
    };
    daemon.log.until("the other source takes over", falls_over).await;
    let log = Arc::clone(&daemon.log);
    let summary = daemon.stop().await.unwrap();
    let frozen: Vec<_> =
        log.stored().into_iter().filter(|price| price.source() == "mempool-prices").collect();
    assert_eq!(frozen.len(), 1, "{frozen:?}");
    assert_eq!(frozen[0].key(), format!("mempool-prices:{now_s}"));
    assert!(summary.repeated_prices >= 2, "{summary:?}");
    assert_eq!(summary.dead_letters, 0);
    assert!(summary.sources["mempool-prices"].state.starts_with("frozen: 60000 EUR"), "{summary:?}");
}

#[tokio::test]
async fn an_absurd_price_is_a_dead_letter_and_passed_over() {
    let server = HttpServer::start(|path, count| match (path, count) {
        ("/kraken", 0..3) => kraken(&format!("6000{count}")),
        ("/kraken", _) => kraken("1.5"),
        (_, count) => coinbase(&format!("60010.{count}")),
    })
    .await;
    let daemon = start(Arc::default(), config(&server, &KRAKEN_THEN_COINBASE));
    daemon
        .log
        .until("the other source takes over", |stored| {
            stored.iter().any(|price| price.source() == "coinbase" && !price.is_dead())
        })
        .await;
    let log = Arc::clone(&daemon.log);
    daemon.stop().await.unwrap();
    let dead = log.dead();
    assert!(dead[0]["reason"].as_str().unwrap().starts_with("absurd: 1.5 EUR"), "{dead:?}");
    assert_eq!(dead[0]["source"], "kraken");
    assert!(!log.living().iter().any(|price| price.value().contains("\"1.5\"")));
}

#[tokio::test]
async fn two_sources_are_polled_side_by_side() {
    let server = HttpServer::start(|path, count| match path {
        "/kraken" => kraken(&format!("60000.{count}")),
        _ => coinbase(&format!("60001.{count}")),
    })
    .await;
    let mut config = config(&server, &KRAKEN_THEN_COINBASE);
    config.bpi.sources_active = 2;
    let daemon = start(Arc::default(), config);
    for name in ["kraken", "coinbase"] {
        daemon
            .log
            .until(name, |stored| stored.iter().filter(|price| price.source() == name).count() >= 3)
            .await;
    }
    let summary = daemon.stop().await.unwrap();
    assert_eq!(summary.taken, summary.prices);
}

#[tokio::test]
async fn while_the_log_is_away_no_price_is_lost_or_overtaken() {
    let server = HttpServer::start(|_, count| kraken(&format!("60000.{count:04}"))).await;
    let log = Arc::new(MemoryLog::default());
    log.go_away(true);
    let mut config = config(&server, &[PriceProvider::Kraken]);
    config.bpi.interval_ms = 1;
    config.outbox.messages_max = 8;
    config.outbox.batch_messages_max = 8;
    let daemon = start(Arc::clone(&log), config);
    daemon.until("the buffer is full", |summary| summary.held_back > 0).await;
    assert_eq!(daemon.progress.messages(), 0);
    log.go_away(false);
    log.until("the backlog is stored", |stored| stored.len() >= 40).await;
    let summary = daemon.stop().await.unwrap();
    let stored = log.stored();
    for (count, price) in stored.iter().enumerate() {
        assert!(price.value().contains(&format!("60000.{count:04}")), "{count}: {}", price.value());
    }
    assert_eq!(summary.messages, stored.len() as u64);
    assert_eq!(summary.taken, summary.messages);
    assert!(summary.log_retries > 0);
}
