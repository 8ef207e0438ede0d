//! Goal: no answer, however wrong, is taken for something else. Method: wrong answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta};
use trombe_connectors::{ElasticsearchConfig, ElasticsearchIndex, Index, Outcome, Range, StoredDocument};

use crate::server::{Act, CREATED, Server, document, documents, refusal};

fn all() -> Range {
    Range {
        index: "docs".into(),
        from: DateTime::UNIX_EPOCH,
        until: DateTime::UNIX_EPOCH + TimeDelta::days(1),
        documents_max: 10,
    }
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let long = "x".repeat(10_000);
    let bodies = ["", "garbage", "[]", "{}", r#"{"items":1}"#, r#"{"hits":{"hits":[{}]}}"#, long.as_str()];
    for body in bodies {
        let text = body.to_owned();
        let server = Server::start(move |_| Act::Answer(200, text.clone())).await;
        let config = ElasticsearchConfig { response_bytes_max: 5_000, ..server.config() };
        let index = ElasticsearchIndex::connect(&config).unwrap();
        assert!(index.bulk(documents(&["a"])).await.unwrap_err().is_transient(), "{body}");
        assert!(index.range(&all()).await.unwrap_err().is_transient(), "{body}");
        assert!(index.oldest("docs").await.unwrap_err().is_transient(), "{body}");
        assert!(index.scan("docs", None, 1).await.unwrap_err().is_transient(), "{body}");
        assert!(index.count("docs").await.unwrap_err().is_transient(), "{body}");
        assert!(index.get("docs", "a").await.unwrap_err().is_transient(), "{body}");
        assert!(index.version().await.unwrap_err().is_transient(), "{body}");
    }
}

#[tokio::test]
async fn an_answer_without_some_of_the_shards_is_none() {
    let shards = r#""_shards":{"total":3,"successful":2,"failed":1}"#;
    let body = format!(r#"{{"timed_out":false,{shards},"hits":{{"hits":[]}},"count":7}}"#);
    let server = Server::start(move |_| Act::Answer(200, body.clone())).await;
    let index = server.index();
    for error in [index.range(&all()).await.unwrap_err(), index.count("docs").await.unwrap_err()] {
        assert!(error.to_string().contains("1 of 3 shards"), "{error}");
    }
}

#[tokio::test]
async fn only_an_index_that_is_not_there_is_empty() {
    let absent = Server::start(|_| refusal(404, "index_not_found_exception")).await;
    let index = absent.index();
    assert_eq!(index.range(&all()).await.unwrap(), []);
    assert_eq!(index.scan("docs", None, 10).await.unwrap(), []);
    assert_eq!(index.count("docs").await.unwrap(), 0);
    assert_eq!(index.oldest("docs").await.unwrap(), None);
    for (status, kind) in [(404, ""), (400, "index_closed_exception"), (403, "security_exception")] {
        let server = Server::start(move |_| refusal(status, kind)).await;
        let index = server.index();
        assert!(!index.range(&all()).await.unwrap_err().is_transient(), "{status} {kind}");
        assert!(!index.count("docs").await.unwrap_err().is_transient(), "{status} {kind}");
    }
}

type Change<'a> = &'a dyn Fn(ElasticsearchConfig) -> ElasticsearchConfig;

#[tokio::test]
async fn requests_are_what_every_version_takes_and_say_whose_they_are() {
    let basic = |config: ElasticsearchConfig| ElasticsearchConfig {
        username: "elastic".into(),
        password: "hunter2".into(),
        ..config
    };
    let keyed = |config: ElasticsearchConfig| ElasticsearchConfig { api_key: "id:key".into(), ..config };
    let encoded = |config: ElasticsearchConfig| ElasticsearchConfig { api_key: "aWQ6a2V5".into(), ..config };
    let cases: [(Change<'_>, Option<String>); 4] = [
        (&|config| config, None),
        (&basic, Some(format!("basic {}", STANDARD.encode("elastic:hunter2")))),
        (&keyed, Some(format!("apikey {}", STANDARD.encode("id:key")))),
        (&encoded, Some("apikey aWQ6a2V5".to_owned())),
    ];
    for (change, authorization) in cases {
        let server = Server::start(|request| request.items(|_| CREATED.to_owned())).await;
        let index = ElasticsearchIndex::connect(&change(server.config())).unwrap();
        assert_eq!(index.bulk(documents(&["a"])).await.unwrap(), [Outcome::Indexed]);
        assert!(!format!("{index:?}").contains("hunter2"));
        let request = server.requests().remove(0);
        assert!(request.line.starts_with("POST /_bulk?"), "{}", request.line);
        let headers: Vec<&str> = request.headers.lines().collect();
        assert!(headers.contains(&"content-type: application/x-ndjson"), "{headers:?}");
        assert!(headers.contains(&"accept: application/json"), "{headers:?}");
        assert!(!request.headers.contains("compatible-with") && !request.headers.contains("chunked"));
        let sent = headers.iter().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(sent, authorization.map(|text| text.to_lowercase()).as_deref());
    }
}

#[tokio::test]
async fn what_the_cluster_would_choke_on_is_not_sent() {
    let server = Server::start(|request| request.items(|_| CREATED.to_owned())).await;
    let index = server.index();
    let long = ElasticsearchConfig { index_prefix: "p".repeat(100), ..server.config() };
    let long = ElasticsearchIndex::connect(&long).unwrap();
    let mut bad = vec![document(""), document(&"i".repeat(513)), document("a"), document("b")];
    bad[2].source = "no object".into();
    bad[3].version = u64::MAX;
    let outcomes = index.bulk(bad).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Rejected(_))), "{outcomes:?}");
    let named = trombe_connectors::Document { index: "n".repeat(200), ..document("a") };
    assert!(matches!(&long.bulk(vec![named]).await.unwrap()[..], [Outcome::Rejected(_)]));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_scan_whose_state_the_cluster_lost_begins_anew() {
    let hit = |id: &str| format!(r#"{{"_id":"{id}","_version":3,"_source":{{ "a": 1.50 }},"sort":[0]}}"#);
    let page = move |ids: &[&str]| {
        let hits: Vec<String> = ids.iter().map(|id| hit(id)).collect();
        let shards = r#""_shards":{"total":1,"successful":1,"failed":0}"#;
        let hits = hits.join(",");
        Act::Answer(
            200,
            format!(r#"{{"_scroll_id":"s",{shards},"hits":{{"total":{{"value":3}},"hits":[{hits}]}}}}"#),
        )
    };
    let scrolls = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.line.as_str() {
        line if line.contains("_stats") => Act::Answer(
            200,
            r#"{"_all":{"primaries":{"docs":{"count":3},"store":{"size_in_bytes":900}}}}"#.into(),
        ),
        line if line.contains("_refresh") => {
            Act::Answer(200, r#"{"_shards":{"total":1,"successful":1,"failed":0}}"#.into())
        }
        line if line.starts_with("DELETE") => Act::Answer(200, "{}".into()),
        line if !line.contains("_search/scroll") => page(&["c", "a"]),
        _ => match scrolls.fetch_add(1, Ordering::Relaxed) {
            0 => refusal(404, "search_context_missing_exception"),
            1 => page(&["b"]),
            _ => page(&[]),
        },
    })
    .await;
    let index = server.index();
    let found = index.scan("docs", None, 2).await.unwrap();
    let stored = |id: &str| StoredDocument { id: id.into(), version: 3, source: r#"{ "a": 1.50 }"#.into() };
    assert_eq!(found, [stored("a"), stored("b")]);
    assert_eq!(index.scan("docs", Some("b"), 2).await.unwrap(), [stored("c")]);
    let asked = server.requests().len();
    assert_eq!(index.scan("docs", Some("a"), 2).await.unwrap(), [stored("b"), stored("c")]);
    assert_eq!(index.scan("docs", Some("c"), 2).await.unwrap(), []);
    assert_eq!(server.requests().len(), asked, "further pages come from the copy");
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_by_every_read() {
    let server = Server::start(|_| refusal(401, "security_exception")).await;
    let index = server.index();
    for _ in 0..5 {
        assert!(!index.count("docs").await.unwrap_err().is_transient());
        assert!(!index.get("docs", "a").await.unwrap_err().is_transient());
        assert!(!index.bulk(documents(&["a"])).await.unwrap_err().is_transient());
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn two_exports_of_one_index_do_not_meet() {
    let copies = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.line.as_str() {
        line if line.contains("_stats") => Act::Answer(
            200,
            r#"{"_all":{"primaries":{"docs":{"count":3},"store":{"size_in_bytes":900}}}}"#.into(),
        ),
        line if line.contains("_search/scroll") => Act::Answer(
            200,
            r#"{"_scroll_id":"s","_shards":{"total":1,"failed":0},"hits":{"total":{"value":2},"hits":[]}}"#
                .into(),
        ),
        line if line.contains("_search") => {
            let version = copies.fetch_add(1, Ordering::Relaxed) + 1;
            let hit =
                |id: &str| format!(r#"{{"_id":"{id}","_version":{version},"_source":{{}},"sort":[0]}}"#);
            let hits = [hit(&format!("a{version}")), hit(&format!("b{version}"))].join(",");
            let shards = r#""_shards":{"total":1,"failed":0}"#;
            let hits = format!(r#""hits":{{"total":{{"value":2}},"hits":[{hits}]}}"#);
            Act::Answer(200, format!(r#"{{"_scroll_id":"s",{shards},{hits}}}"#))
        }
        _ => Act::Answer(200, r#"{"_shards":{"total":1,"failed":0}}"#.into()),
    })
    .await;
    let index = server.index();
    let page = async |after: Option<&'static str>| {
        let page = index.scan("docs", after, 1).await.unwrap();
        page.into_iter().map(|document| document.id).collect::<Vec<_>>()
    };
    assert_eq!((page(None).await, page(None).await), (vec!["a1".into()], vec!["a2".to_owned()]));
    assert_eq!((page(Some("a2")).await, page(Some("a1")).await), (vec!["b2".into()], vec!["b1".to_owned()]));
    assert_eq!(page(Some("b2")).await, [""; 0]);
    assert_eq!(page(Some("b1")).await, [""; 0]);
    assert_eq!(server.requests().iter().filter(|request| request.line.contains("_refresh")).count(), 2);
}
