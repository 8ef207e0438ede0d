//! Goal: one working node is enough, and when there is none the reason is told. Method: nodes that fail in every way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trombe_connectors::{ElasticsearchConfig, ElasticsearchIndex, Index, IndexError, Outcome};

use crate::server::{Act, CREATED, Server, config, documents, refusal};

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn connect(nodes: &[SocketAddr]) -> ElasticsearchIndex {
    ElasticsearchIndex::connect(&config(nodes)).unwrap()
}

async fn write(index: &ElasticsearchIndex) -> Result<Vec<Outcome>, IndexError> {
    index.bulk(documents(&["a"])).await
}

#[tokio::test]
async fn a_node_that_is_down_or_ill_costs_nothing_while_another_serves() {
    let good = Server::start(|request| {
        if request.line.contains("_bulk") {
            request.items(|_| CREATED.to_owned())
        } else {
            Act::Answer(200, r#"{"docs":[{"found":false}]}"#.into())
        }
    })
    .await;
    let cut = Server::start(|_| Act::Cut).await;
    let masterless = Server::start(|_| refusal(503, "master_not_discovered_exception")).await;
    let gateway = Server::start(|_| Act::Answer(502, "<html>Bad Gateway</html>".into())).await;
    let huge = Server::start(|_| Act::Announce(1 << 40)).await;
    for ill in [nobody().await, cut.address, masterless.address, gateway.address, huge.address] {
        let index = connect(&[ill, good.address]);
        for _ in 0..10 {
            assert_eq!(write(&index).await.unwrap(), [Outcome::Indexed]);
            assert_eq!(index.get("docs", "a").await.unwrap(), None);
        }
    }
    for ill in [&cut, &masterless, &gateway, &huge] {
        let asked = ill.asked();
        assert!((1..30).contains(&asked), "it is left out, and tried again now and then: {asked}");
    }
}

#[tokio::test]
async fn when_all_are_down_each_is_named_with_its_reason() {
    let cut = Server::start(|_| Act::Cut).await;
    let down = nobody().await;
    let index = connect(&[down, cut.address]);
    let error = write(&index).await.unwrap_err();
    let told = error.to_string();
    assert!(error.is_transient(), "{told}");
    assert!(told.contains(&format!("http://{down}: Connection refused")), "{told}");
    assert!(told.contains(&format!("http://{}: ", cut.address)), "{told}");
    assert!(index.count("docs").await.unwrap_err().is_transient());
    assert!(index.revision().await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_cluster_that_comes_back_is_used_at_once() {
    let server = Server::start(|request| match request.number {
        0..7 => refusal(503, "cluster_block_exception"),
        _ => request.items(|_| CREATED.to_owned()),
    })
    .await;
    let index = server.index();
    let mut errors = Vec::new();
    let outcomes = loop {
        match write(&index).await {
            Ok(outcomes) => break outcomes,
            Err(error) => errors.push(error.to_string()),
        }
    };
    assert_eq!(outcomes, [Outcome::Indexed]);
    assert_eq!(errors.len(), 2, "three requests each: {errors:?}");
    assert!(errors[0].contains("cluster_block_exception"), "{errors:?}");
}

#[tokio::test]
async fn a_node_that_never_answers_is_given_up_and_the_next_one_asked() {
    let hanging = Server::start(|_| Act::Hang).await;
    let good = Server::start(|request| request.items(|_| CREATED.to_owned())).await;
    let config = ElasticsearchConfig { request_timeout_ms: 500, ..config(&[hanging.address, good.address]) };
    let index = ElasticsearchIndex::connect(&config).unwrap();
    let mut wrote = write(&index).await;
    while wrote.is_err() {
        // On a busy machine the good node may be late, too.
        wrote = write(&index).await;
    }
    assert_eq!(wrote.unwrap(), [Outcome::Indexed]);
    drop(good);
    let asked = hanging.requests().len();
    assert!(write(&index).await.unwrap_err().is_transient());
    assert!(hanging.requests().len() <= asked + 3, "it is not asked without end");
}

#[tokio::test]
async fn a_hung_node_does_not_stop_the_writers() {
    let is_hung = Arc::new(AtomicBool::new(false));
    let hung = Arc::clone(&is_hung);
    let hanging = Server::start(move |request| {
        if hung.load(Ordering::SeqCst) { Act::Hang } else { request.items(|_| CREATED.to_owned()) }
    })
    .await;
    let good = Server::start(|request| request.items(|_| CREATED.to_owned())).await;
    let config = ElasticsearchConfig {
        request_timeout_ms: 60_000,
        connect_timeout_ms: 500,
        bulk_age_ms: 0,
        ..config(&[hanging.address, good.address])
    };
    let index = ElasticsearchIndex::connect(&config).unwrap();
    for _ in 0..20 {
        assert_eq!(write(&index).await.unwrap(), [Outcome::Indexed]);
    }
    let asked = hanging.requests().len();
    assert!(asked > 0, "both are used");
    is_hung.store(true, Ordering::SeqCst);
    let started = Instant::now();
    let writer = async || {
        for _ in 0..100 {
            while write(&index).await.is_err() {}
        }
    };
    futures_util::future::join_all((0..8).map(|_| writer())).await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    let stuck = hanging.requests().len() - asked;
    assert!(stuck <= 8, "no more than were under way when it began to hang: {stuck}");
}
