//! What is recorded comes back, also from files that a kill cut short.

use std::fs;
use std::sync::Arc;

use btc_producers::{ChainProvider, ChainSource, Feed, PriceProvider, PriceSource, Progress, record};
use tokio::sync::oneshot;

use crate::feeds::{options, replay};
use crate::server::{Answer, HttpServer, Step, WebSocketServer};
use crate::support::{quick, until};

const MESSAGES: u64 = 500;

fn utx(number: u64) -> String {
    format!("{{\"op\":\"utx\",\"x\":{{\"hash\":\"{number:064x}\",\"note\":\"a \\\"quoted\\\" \u{20ac}\"}}}}")
}

#[tokio::test]
async fn a_recording_gives_back_what_was_received() {
    let script = (0..MESSAGES).map(|number| Step::Text(utx(number))).collect();
    let socket = WebSocketServer::start(2, vec![script]).await;
    let http = HttpServer::start(|path, _| match path {
        "/price" => Answer::Ok(r#"{"data":{"amount":"97000.10","base":"BTC","currency":"EUR"}}"#.to_owned()),
        _ => Answer::Status(404, None),
    })
    .await;
    let mut config = quick();
    config.bpi.interval_ms = 60_000;
    config.bpi.sources = vec![PriceSource {
        url: Some(format!("{}/price", http.url)),
        ..PriceSource::new(PriceProvider::Coinbase)
    }];
    config.blockchain.sources = vec![ChainSource {
        websocket_url: Some(socket.url.clone()),
        rest_url: Some(http.url.clone()),
        ..ChainSource::new(ChainProvider::BlockchainInfo)
    }];
    config.record.frame_ms_max = 1;
    config.outbox.batch_messages_max = 50;

    let folder = tempfile::tempdir().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let progress = Arc::new(Progress::new());
    let recording = {
        let (out_dir, progress) = (folder.path().join("out"), Arc::clone(&progress));
        tokio::spawn(async move {
            let shutdown = async move { stopped.await.unwrap_or_default() };
            record(&out_dir, config, progress, shutdown).await
        })
    };
    until(&progress, "all is recorded", |summary| summary.messages == MESSAGES + 1).await;
    // Before the shutdown, as a kill would leave it.
    let path = fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
    let killed = folder.path().join("killed.ndjson.zst");
    fs::copy(&path, &killed).unwrap();
    stop.send(()).unwrap();
    recording.await.unwrap().unwrap();

    for file in [path, killed] {
        let (stored, summary) = replay(options(Feed::Recording(vec![file.clone()]))).await;
        assert_eq!(
            (summary.transactions, summary.prices, summary.dead_letters),
            (MESSAGES, 1, 0),
            "{file:?}"
        );
        let transactions: Vec<_> =
            stored.iter().filter(|stored| stored.topic == "p3-btc-transactions").collect();
        for (number, stored) in (0..).zip(&transactions) {
            assert_eq!(stored.value(), utx(number));
            assert_eq!(stored.key(), format!("{number:064x}"));
            assert_eq!(stored.source(), "blockchain-info");
            assert_eq!(stored.message.header("feed").unwrap(), "recording");
        }
    }
}

#[tokio::test]
async fn plain_files_and_bad_lines_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let line = |key: &str, topic: &str| {
        format!(r#"{{"topic":"{topic}","key":"{key}","source":"csv","received_ms":5000,"value":"{{}}"}}"#)
    };
    let good = line("a", "p3-btc-bpi");
    let text = format!("{good}\nnonsense\n\n{}\n{}", line("b", "no-such-topic"), line("c", "p3-btc-blocks"));
    fs::write(folder.path().join("1.ndjson"), &text).unwrap();
    // The second file is cut in the middle of a frame, the third is no zstd after its first bytes.
    let compressed = zstd::encode_all(good.repeat(50).replace("}{", "}\n{").as_bytes(), 1).unwrap();
    fs::write(folder.path().join("2.ndjson.zst"), &compressed[..compressed.len() - 9]).unwrap();
    fs::write(folder.path().join("3.ndjson.zst"), [&compressed[..5], &[0xff; 40]].concat()).unwrap();
    fs::write(folder.path().join("readme.txt"), "not a recording").unwrap();

    let (stored, summary) = replay(options(Feed::Recording(vec![folder.path().to_owned()]))).await;
    assert_eq!((summary.blocks, summary.dead_letters), (1, 3), "{stored:#?}");
    let reasons: Vec<String> = stored
        .iter()
        .filter(|stored| stored.is_dead())
        .map(|stored| serde_json::from_str::<serde_json::Value>(stored.value()).unwrap())
        .map(|letter| letter["reason"].as_str().unwrap().to_owned())
        .collect();
    assert!(reasons[0].starts_with("1.ndjson line 2: "), "{reasons:?}");
    assert!(reasons[1].starts_with("1.ndjson line 4: there is no topic"), "{reasons:?}");
    assert!(reasons[2].starts_with("3.ndjson.zst line 1: the rest of the file is lost"), "{reasons:?}");
}
