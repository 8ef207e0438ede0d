//! A chain feed that means harm: frames made to exhaust, heights made to mislead.

use std::sync::Arc;

use btc_producers::ChainProvider;

use crate::blockchain::{check, config, mempool_block, no_rest, start, texts, utx};
use crate::server::{Answer, HttpServer, Step, WebSocketServer};

/// A frame as a server sends it: flags and kind, then at most 125 bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

#[tokio::test]
async fn frames_that_break_the_protocol_or_its_limits_end_the_connection() {
    // A compressed text, which nobody has agreed to.
    check(vec![Step::Raw(frame(0xc1, b"{}"))], "broken off").await;
    // A masked text, which only a client may send.
    check(vec![Step::Raw(vec![0x81, 0x82, 1, 2, 3, 4, 0, 0])], "broken off").await;
    // A continuation of nothing, and a ping in two fragments.
    check(vec![Step::Raw(frame(0x80, b"{}"))], "broken off").await;
    check(vec![Step::Raw(frame(0x09, b"{}"))], "broken off").await;
    // A text that announces 4 EiB, and one that grows by fragments.
    let giant = vec![0x81, 0x7f, 0x40, 0, 0, 0, 0, 0, 0, 0];
    check(vec![Step::Raw(giant)], "beyond `blockchain.message_bytes_max`").await;
    let grows = [frame(0x01, b"{"), frame(0x00, &[b' '; 125]).repeat(100)].concat();
    check(vec![Step::Raw(grows)], "beyond `blockchain.message_bytes_max`").await;
    // Fragments without content do not count as life.
    let empty = [frame(0x01, b"{"), frame(0x00, b"").repeat(100_000)].concat();
    check(vec![Step::Raw(empty), Step::Silence], "silent for 1000 ms").await;
}

#[tokio::test]
async fn close_frames_of_every_kind_end_the_connection() {
    check(vec![Step::Raw(frame(0x88, b""))], "closed by the provider").await;
    check(vec![Step::Raw(frame(0x88, b"\x03\xf4go away"))], "closed by the provider go away (1012)").await;
    check(vec![Step::Raw(frame(0x88, b"\x0f\xa0"))], "closed by the provider").await;
    // Half a code, a code that may not be sent, a reason that is no UTF-8.
    for payload in [&b"\x03"[..], b"\x03\xed", b"\x03\xe8\xff"] {
        check(vec![Step::Raw(frame(0x88, payload))], "").await;
    }
}

#[tokio::test]
async fn a_flood_of_pings_does_not_hide_the_next_message() {
    let pings = frame(0x89, &[b'p'; 125]).repeat(50_000);
    let script = vec![Step::Raw(pings), Step::Text(utx(1))];
    let (socket, rest) = (WebSocketServer::start(2, vec![script]).await, no_rest().await);
    let daemon = start(Arc::default(), config(ChainProvider::BlockchainInfo, &socket, &rest));
    daemon.log.until("the transaction is stored", |stored| stored.len() == 1).await;
    assert_eq!(daemon.stop().await.unwrap().reconnects, 0);
}

/// Pages of blocks up to a tip, and none beyond.
async fn rest_up_to(tip: u32) -> HttpServer {
    rest_that_grows(tip, tip).await
}

/// The same; the tip is another one from the third question for it.
async fn rest_that_grows(first_tip: u32, tip: u32) -> HttpServer {
    HttpServer::start(move |path, count| {
        let Ok(top) = path.rsplit('/').next().unwrap().parse::<u32>() else {
            return Answer::Ok(if count < 2 { first_tip } else { tip }.to_string());
        };
        let page: Vec<String> =
            (top.saturating_sub(14)..=top).rev().filter(|_| top <= tip).map(mempool_block).collect();
        Answer::Ok(format!("[{}]", page.join(",")))
    })
    .await
}

fn block(height: u32) -> String {
    format!(r#"{{"block":{}}}"#, mempool_block(height))
}

#[tokio::test]
async fn an_absurd_height_hides_no_later_gap() {
    for absurd in [u32::MAX, 1_000_000] {
        let heights = [100, absurd, 101, 104, 99, 104];
        let script = texts(heights.map(block)).collect();
        let (socket, rest) = (WebSocketServer::start(1, vec![script]).await, rest_up_to(104).await);
        let config = config(ChainProvider::MempoolSpace, &socket, &rest);
        let daemon = start(Arc::default(), config);
        daemon
            .log
            .until("the gap is closed", |stored| {
                [102, 103].iter().all(|height| {
                    let key = format!("{height:064x}");
                    stored.iter().any(|stored| stored.key() == key)
                })
            })
            .await;
        let summary = daemon.stop().await.unwrap();
        assert_eq!(summary.reconnects, 0);
        assert!(summary.given_up_blocks < 10, "{summary:#?}");
    }
}

#[tokio::test]
async fn an_absurd_height_hides_no_gap_between_two_connections() {
    let scripts = vec![texts([100, u32::MAX].map(block)).chain([Step::Drop]).collect(), vec![Step::Await(1)]];
    let (socket, rest) = (WebSocketServer::start(1, scripts).await, rest_that_grows(100, 104).await);
    let config = config(ChainProvider::MempoolSpace, &socket, &rest);
    let daemon = start(Arc::default(), config);
    daemon
        .log
        .until("the gap is closed", |stored| {
            stored.iter().any(|stored| stored.key() == format!("{:064x}", 103))
        })
        .await;
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn an_interface_that_never_descends_is_given_up() {
    let script = texts([100, 151].map(block)).collect();
    let socket = WebSocketServer::start(1, vec![script]).await;
    let rest = HttpServer::start(|path, _| match path {
        "/api/blocks/tip/height" => Answer::Ok("100".to_owned()),
        _ => Answer::Ok(format!("[{}]", mempool_block(1_000_000_000))),
    })
    .await;
    let daemon = start(Arc::default(), config(ChainProvider::MempoolSpace, &socket, &rest));
    daemon.until("the gap is given up", |summary| summary.given_up_blocks == 50).await;
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_block_that_was_not_asked_for_is_not_taken() {
    let block = |height: u32| {
        format!(r#"{{"op":"block","x":{{"hash":"{height:064x}","height":{height},"reward":0}}}}"#)
    };
    let script = texts([block(500), block(503)]).collect();
    let socket = WebSocketServer::start(2, vec![script]).await;
    let rest = HttpServer::start(|path, _| match path {
        "/latestblock" => Answer::Ok(format!(r#"{{"hash":"{:064x}","height":503}}"#, 503)),
        // The same block, far above, whatever is asked for; its predecessor is itself.
        _ => Answer::Ok(format!(
            r#"{{"hash":"{0:064x}","prev_block":"{0:064x}","height":900000,"tx":[{{"coinbase":1}}]}}"#,
            900_000
        )),
    })
    .await;
    let mut config = config(ChainProvider::BlockchainInfo, &socket, &rest);
    config.blockchain.backfill_attempts_max = 2;
    let daemon = start(Arc::default(), config);
    daemon.until("two coinbases and two blocks are given up", |summary| summary.given_up_blocks == 4).await;
    let log = Arc::clone(&daemon.log);
    daemon.stop().await.unwrap();
    assert_eq!(log.stored().len(), 2, "only what the websocket told");
}
