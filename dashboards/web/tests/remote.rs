//! A page beside a topology in another process: it shows that topology's state, says so when it does not answer, and
//! stays up all the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;
mod http;

use std::sync::Arc;

use btc_dashboard_web::{PageOptions, RemoteTopology, Status};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    fake::{
        Documents,
        market::fill,
        scenes::{broken, running},
    },
    http::{Served, options, serve_page, serve_source},
};

async fn remote(address: std::net::SocketAddr, options: &PageOptions) -> Arc<RemoteTopology> {
    let remote = RemoteTopology::new(&format!("http://{address}"), options).unwrap();
    remote.refresh().await;
    remote
}

async fn daemon(status: Status) -> Served {
    serve_page(&Arc::default(), status, options()).await
}

#[tokio::test]
async fn what_the_daemon_says_of_itself_arrives_whole() {
    for status in [running(), broken()] {
        let daemon = daemon(status.clone()).await;
        let remote = remote(daemon.address, &options()).await;
        assert_eq!(remote.status_source()(), status);
        daemon.stop().await;
    }
}

#[tokio::test]
async fn the_page_stays_up_and_says_that_the_topology_is_away() {
    let index = Arc::new(Documents::default());
    fill(&index, "2024-10-19T14:25:00Z".parse().expect("a time"), 50);
    let daemon = daemon(running()).await;
    let address = daemon.address;
    let remote = remote(address, &options()).await;
    let page = serve_source(&index, remote.status_source(), options()).await;
    let (_, body) = page.get("/topology").await;
    assert!(body.contains("parse-transactions") && !body.contains("Not ready"), "{body}");

    daemon.stop().await;
    remote.refresh().await;
    let (head, body) = page.get("/ready").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(body.contains(&format!("the topology at {address} has not answered since")), "{body}");
    assert!(body.contains("--topology"), "{body}");
    let (head, body) = page.get("/").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.contains("Foundry USA"), "{body}");
    let mut events = page.open("/events", "accept: text/event-stream\r\n").await;
    events.until("has not answered since").await;
    let (_, body) = page.get("/topology").await;
    assert!(body.contains("Its state is not known") && !body.contains("parse-transactions"), "{body}");
    let (head, body) = page.get("/api/topology").await;
    assert!(head.starts_with("HTTP/1.1 503") && body.contains("has not answered since"), "{body}");
    page.stop().await;
}

/// A server that answers every connection with the same bytes, and closes none by itself if there are none.
async fn server(answer: &'static str) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            // The question's first byte is enough of it; a client that has gone is no concern of this server.
            stream.read_u8().await.ok();
            stream.write_all(answer.as_bytes()).await.ok();
            if answer.is_empty() {
                open.push(stream);
            }
        }
    });
    address
}

#[tokio::test]
async fn wrong_answers_are_told_apart() {
    for (answer, expected) in [
        ("", "no answer within 200 ms"),
        ("SSH-2.0-x\r\n\r\n", "the topology at"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "something else listens there"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n[1]", "another version"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n{", "more than 4194304 bytes"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "breaks off"),
    ] {
        let options = PageOptions { status_ms_max: 200, ..options() };
        let status = remote(server(answer).await, &options).await.status_source()();
        let why = status.why.unwrap();
        assert!(!status.ready && why.contains(expected), "{answer:?}: {why}");
    }
}

#[test]
fn only_an_address_can_be_asked() {
    for url in
        ["", "8081", "127.0.0.1:8081", "https://127.0.0.1:8081", "http://127.0.0.1:8081/topology", "http://"]
    {
        let error = RemoteTopology::new(url, &options()).unwrap_err().to_string();
        assert!(error.ends_with("give one such as http://127.0.0.1:8081"), "{error}");
    }
    for url in ["http://127.0.0.1:8081", "http://[::1]:8081/", "http://topology"] {
        RemoteTopology::new(url, &options()).unwrap();
    }
}
