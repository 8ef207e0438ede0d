//! The page from the outside: what it answers, what it refuses, and that it escapes whatever documents say.

mod fake;
mod http;

use std::sync::Arc;

use btc_dashboard_web::{Counter, PageOptions, ServeError, Status, serve};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trombe_connectors::{Lag, Position};

use crate::{
    fake::{
        Documents,
        market::{fill, put_price},
        scenes::{running, starting},
    },
    http::{options, serve_page},
};

fn filled() -> Arc<Documents> {
    let index = Arc::new(Documents::default());
    fill(&index, "2024-10-19T14:25:00Z".parse().expect("a time"), 50);
    index
}

#[tokio::test]
async fn the_market_page_shows_everything_and_refers_to_nothing_elsewhere() {
    let served = serve_page(&filled(), running(), options()).await;
    let (head, body) = served.get("/").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for header in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff"] {
        assert!(head.contains(header), "{head}");
    }
    for part in [
        "sample data",
        "Foundry USA",
        "Volume per hour",
        "Largest transaction",
        "19 Oct, 13:00",
        "October 2024",
    ] {
        assert!(body.contains(part), "{part}");
    }
    assert_nothing_foreign(&body);
    let (_, body) = served.get("/topology").await;
    assert!(body.contains("parse-transactions") && body.contains("attempt to subtract with overflow"));
    assert_nothing_foreign(&body);
    served.stop().await;
}

fn assert_nothing_foreign(body: &str) {
    for foreign in ["http:", "https:", "//", "<style", " style=", "onclick", "javascript:"] {
        assert!(!body.contains(foreign), "{foreign}");
    }
    assert!(!body.contains("<script>"), "an inline script");
}

#[tokio::test]
async fn the_first_second_says_what_happens() {
    let served = serve_page(&Arc::default(), starting(), options()).await;
    let (_, body) = served.get("/").await;
    for part in ["Reading the history", "18\u{202f}240 messages, 29.8\u{202f}%", "No price in this range yet"]
    {
        assert!(body.contains(part), "{part}");
    }
    let (head, _) = served.get("/ready").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    served.stop().await;
}

/// Blocks of years ago beside younger prices: an empty range leads to where the data are, and no price is not zero.
#[tokio::test]
async fn what_lies_outside_the_range_is_pointed_to() {
    let index = Arc::new(Documents::default());
    put_price(&index, "2024-10-31T23:00:00Z".parse().unwrap());
    let hour = "2022-10-08T19:00:00Z";
    index.put("btc-volume", hour, &json!({
        "@timestamp": hour, "volume_sat": 4_472_338_095_u64, "volume_eur_exact": "0", "adjusted_volume_sat": 2_515_991_177_u64,
        "max_tx_sat": 1_768_488_529, "max_tx_eur_exact": null, "max_tx_hash": "76ac", "tx_count": 80, "priced_share": 0.0
    }));
    let served = serve_page(&index, running(), options()).await;
    let (_, body) = served.get("/").await;
    for part in [
        "No transaction in this range.",
        "The newest one is of 8 Oct 2022. <a href=\"/?range=all\"",
        "none in this range",
    ] {
        assert!(body.contains(part), "{part}");
    }
    let (_, body) = served.get("/?range=all").await;
    assert!(body.contains("44.72") && body.contains("no price"), "{body}");
    assert!(!body.contains("No transaction in this range") && !body.contains("0.00<"), "{body}");
    served.stop().await;
}

#[tokio::test]
async fn what_is_away_is_said() {
    let index = filled();
    let why = "the log is away";
    let status = Status { ready: false, why: Some(why.into()), ..running() };
    let served = serve_page(&index, status, options()).await;
    let (head, body) = served.get("/ready").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert_eq!(body, "not ready: the log is away\n");
    assert_eq!(served.get("/health").await.1, "ok\n");
    index.go_away();
    let (head, body) = served.get("/?range=6h").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.contains("the index is away"), "{body}");
    let (head, body) = served.get("/api/value").await;
    assert!(head.starts_with("HTTP/1.1 503") && body.contains("try again"), "{body}");
    served.stop().await;
}

#[tokio::test]
async fn wrong_queries_are_answered_with_what_is_allowed() {
    let served = serve_page(&filled(), running(), options()).await;
    let cases = [
        ("/?range=9h", r#"range is "9h", but must be one of 6h, 24h, 48h, 7d, 30d, all"#),
        ("/?day=2024-13-01", r#"day is "2024-13-01", but must be a date such as 2024-10-19"#),
        ("/events?unit=usd", r#"unit is "usd", but must be btc or eur"#),
        (
            "/api/value?from=yesterday",
            r#"from is "yesterday", but must be a time such as 2024-10-19T14:00:00Z"#,
        ),
        ("/api/value?from=-200000-01-01T00:00:00Z", "but must be a time such as"),
        ("/api/volume?from=2024-10-20T00:00:00Z&until=2024-10-19T00:00:00Z", "but must be a time after from"),
        ("/api/volume?limit=0", r#"limit is "0", but must be a number from 1 to documents_max"#),
        ("/api/volume?range=1y", r#"range is "1y""#),
        ("/api/miners?period=october", r#"period is "october", but must be a day such as"#),
        ("/api/value?from=1&from=2", "duplicate field"),
    ];
    for (path, message) in cases {
        let (head, body) = served.get(path).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{path}: {head}");
        let error = serde_json::from_str::<Value>(&body).unwrap()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(message), "{path}: {error}");
    }
    served.stop().await;
}

#[tokio::test]
async fn the_api_passes_documents_on_digit_for_digit() {
    let index = Arc::new(Documents::default());
    let time = "2024-10-19T14:00:00Z";
    let exact = "61234.567800";
    index.put(
        "btc-value",
        &format!("{time}:sample:{exact}"),
        &json!({
            "@timestamp": time, "eur": 61234.5678, "eur_exact": exact, "source": "sample"
        }),
    );
    let served = serve_page(&index, running(), options()).await;
    for query in ["", "?range=6h", "?from=2024-10-19T14:00:00Z&until=2024-10-19T14:00:01Z", "?limit=1"] {
        let (head, body) = served.get(&format!("/api/value{query}")).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{query}: {head}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["documents"][0]["eur_exact"], exact, "{query}");
    }
    let (_, body) = served.get("/api/value?until=2024-10-19T14:00:00Z").await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["documents"], json!([]));
    let (_, body) = served.get("/api/topology").await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), fake::scenes::topology());
    let (_, body) = served.get("/metrics").await;
    assert!(
        body.contains(
            "trombe_edge_emitted_total{from=\"bpi\",stream=\"default\",to=\"parse-prices\"} 46080\n"
        )
    );
    served.stop().await;
}

#[tokio::test]
async fn how_far_the_topology_is_behind_is_shown() {
    let lag = |partition, offset, end_offset| Lag {
        committed: Position { topic: "p3-btc-bpi".to_owned(), partition, offset },
        end_offset,
    };
    let counter = |outcome: &str, value| Counter {
        name: "btc_documents_total".into(),
        help: "Documents.".into(),
        labels: vec![("target".into(), "index".to_owned()), ("outcome".into(), outcome.to_owned())],
        value,
    };
    let status = Status {
        lag: vec![lag(0, 10, 10), lag(1, 5, 12)],
        counters: vec![counter("indexed", 3), counter("stale", 1)],
        ..running()
    };
    let served = serve_page(&filled(), status, options()).await;
    let (_, body) = served.get("/api/lag").await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&answer[1]["committed"]["offset"], &answer[1]["end_offset"]), (&json!(5), &json!(12)));
    let (_, body) = served.get("/metrics").await;
    for line in [
        "trombe_consumer_lag{topic=\"p3-btc-bpi\",partition=\"1\"} 7\n",
        "trombe_consumer_committed_offset{topic=\"p3-btc-bpi\",partition=\"1\"} 5\n",
        "# TYPE btc_documents_total counter\nbtc_documents_total{target=\"index\",outcome=\"indexed\"} 3\n",
    ] {
        assert!(body.contains(line), "{line}");
    }
    let (_, body) = served.get("/topology").await;
    assert!(body.contains("<td>1: 7</td>"), "{body}");
    served.stop().await;
}

#[tokio::test]
async fn miners_of_a_period() {
    let served = serve_page(&filled(), running(), options()).await;
    let (_, body) = served.get("/api/miners?period=2024-10").await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&answer["period"], &answer["miners"][0]["miner"]),
        (&json!("2024-10"), &json!("Foundry USA"))
    );
    let (_, body) = served.get("/?day=2001-01-01").await;
    assert!(body.contains("No block in 2001-01-01."));
    served.stop().await;
}

#[tokio::test]
async fn foreign_hosts_and_endless_addresses_are_refused() {
    let served = serve_page(&filled(), running(), options()).await;
    let close = "connection: close\r\n\r\n";
    let (head, _) = served.request(&format!("GET / HTTP/1.1\r\nhost: evil.example\r\n{close}")).await;
    assert!(head.starts_with("HTTP/1.1 421") && head.contains("content-security-policy"), "{head}");
    let (head, _) = served.request(&format!("GET / HTTP/1.0\r\n{close}")).await;
    assert!(head.starts_with("HTTP/1.0 421"), "{head}");
    let (head, _) = served.get(&format!("/?x={}", "y".repeat(3_000))).await;
    assert!(head.starts_with("HTTP/1.1 414"), "{head}");
    let (head, _) = served.get("/nothing").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    let (head, _) = served.request(&format!("POST / HTTP/1.1\r\nhost: localhost\r\n{close}")).await;
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
    served.stop().await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_is_cut_off() {
    let options = PageOptions { header_ms_max: 100, ..options() };
    let served = serve_page(&filled(), running(), options).await;
    let unfinished = served.open("/", "x-and-so-on: ").await;
    assert!(unfinished.ends().await);
    served.stop().await;
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let options = PageOptions { views_max: 0, ..PageOptions::default() };
    let index: Arc<Documents> = Arc::default();
    let error =
        serve(listener, index, Arc::new(running), options, std::future::pending::<()>()).await.unwrap_err();
    assert!(matches!(error, ServeError::Options(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a feed smuggles into a document or a snapshot comes out as text.
    #[test]
    fn documents_are_escaped(inner in "[a-z'\"<>&/ -]{0,40}") {
        let hostile = format!("<img src=x onerror=\"{inner}\">'</script><script>{inner}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut status = running();
            status.why = Some(hostile.clone());
            status.producer = Some(json!({ hostile.clone(): hostile }));
            status.topology = Some(hostile_topology(&hostile));
            let options = PageOptions { feed_label: hostile.clone(), ..options() };
            let served = serve_page(&hostile_documents(&hostile), status, options).await;
            for path in ["/", "/?unit=eur", "/topology"] {
                let (_, body) = served.get(path).await;
                assert!(body.contains("&lt;img src=x onerror="), "{path} shows it");
                assert!(!body.contains("<img") && !body.contains("<script>") && !body.contains("'</script>"), "{path}");
            }
            served.stop().await;
        });
    }
}

fn hostile_documents(hostile: &str) -> Arc<Documents> {
    let index = Arc::new(Documents::default());
    let time = "2024-10-19T00:00:00Z";
    index.put(
        "btc-value",
        &format!("{time}:x"),
        &json!({
            "@timestamp": time, "eur": 1.0, "eur_exact": "1", "source": hostile
        }),
    );
    index.put("btc-volume", time, &json!({
        "@timestamp": time, "volume_sat": 1, "volume_eur_exact": "1", "max_tx_sat": 1, "max_tx_hash": hostile
    }));
    for period in ["2024-10-19", "2024-10"] {
        let start = format!("{period:-<10}").replace("2024-10---", "2024-10-01");
        index.put(
            "btc-miner",
            &format!("x:{period}"),
            &json!({
                "@timestamp": format!("{start}T00:00:00Z"), "period": period, "miner": hostile, "blocks": 1,
                "reward_sat": 1, "reward_eur_exact": "1"
            }),
        );
    }
    index
}

fn hostile_topology(hostile: &str) -> Value {
    json!({
        "topology": hostile,
        "components": [{"name": hostile, "kind": hostile, "last_error": hostile}, {"name": "b", "kind": "sink"}],
        "edges": [{"from": hostile, "to": "b", "stream": hostile, "grouping": hostile}],
        "failures": [{"component": hostile, "edge": hostile, "spout": hostile, "kind": hostile, "reason": hostile}]
    })
}
