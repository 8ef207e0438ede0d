//! What comes over HTTP: the page's queries, Elasticsearch's answers.

use btc_dashboard_web::fuzzing as page;
use chrono::DateTime;
use trombe_connectors::Document;
use trombe_connectors::elasticsearch::fuzzing as index;

use crate::{choose, chosen, texts};

const DOCUMENTS_MAX: usize = 1_000;

/// A view's own query leads to the view; a limit is none above the greatest.
pub(crate) fn check_query(data: &[u8]) -> bool {
    let Ok(query) = std::str::from_utf8(data) else { return false };
    let held = page::held(query);
    assert_eq!(page::held(&held), held);
    assert!(page::range(query, DOCUMENTS_MAX).is_none_or(|limit| (1..=DOCUMENTS_MAX).contains(&limit)));
    let Some(own) = page::view(query) else { return false };
    assert_eq!(page::view(own.trim_start_matches('?')), Some(own));
    true
}

pub(crate) fn query_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "range=7d&unit=eur&day=2024-10-19&month=2024-10",
        "from=2024-10-19T00:00:00Z&until=2024-10-20T00%3A00%3A00Z&limit=10",
        "held=miners-01ab23cd.price-0023cdef",
    ])
}

fn documents() -> [Document; 2] {
    ["a", "b\"\u{e9}"].map(|id| Document {
        index: "btc".to_owned(),
        id: id.to_owned(),
        version: 7,
        timestamp: DateTime::UNIX_EPOCH,
        source: "{}".to_owned(),
    })
}

/// Of an answer either everything is understood or nothing; a body holds each source as it stands, on a line of its own.
pub(crate) fn check_elasticsearch(data: &[u8]) -> bool {
    let Some((choice, body)) = choose(data, 5) else { return false };
    let documents = documents();
    let asked: Vec<&Document> = documents.iter().collect();
    match choice {
        0 => {
            let ends = index::bulk_answer(&asked, body);
            assert!(ends.is_none_or(|ends| ends == asked.len()));
            ends.is_some()
        }
        1 => index::search_answer(body).is_some(),
        4 => index::get_answer("a", body).is_some_and(|document| {
            assert_eq!(document.id, "a");
            serde_json::from_str::<serde_json::Value>(&document.source).is_ok()
        }),
        2 => {
            let told = index::fault(400, body);
            assert!(told.starts_with("HTTP 400"), "{told}");
            true
        }
        _ => check_bulk_body(body),
    }
}

fn check_bulk_body(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let [first, second] = documents();
    let hostile = Document { id: text.to_owned(), index: text.to_owned(), source: text.to_owned(), ..first };
    let Some(body) = index::bulk_body(&[&hostile, &second]) else {
        assert!(text.contains('\n') || text.ends_with('\r'), "refused: {text:?}");
        return false;
    };
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 5, "two actions, two sources, and the end");
    assert_eq!((lines[1], lines[4]), (text.as_bytes(), &b""[..]));
    let action: serde_json::Value = serde_json::from_slice(lines[0]).expect("an action is JSON");
    assert_eq!(action["index"]["_id"], text);
    true
}

pub(crate) fn elasticsearch_seeds() -> Vec<Vec<u8>> {
    let bulk = r#"{"errors":true,"items":[{"index":{"_index":"btc","_id":"a","status":201}},{"index":{"_index":".ds-btc-2024.10.19-000001","_id":"b\"é","status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}]}"#;
    let search = r#"{"took":1,"timed_out":false,"_scroll_id":"x","_shards":{"total":3,"successful":3,"failed":0},"hits":{"total":{"value":1,"relation":"eq"},"hits":[{"_id":"a","_version":7,"_source":{ "x": 1.50 },"sort":[1727740800000]}]}}"#;
    let fault = r#"{"error":{"type":"mapper_parsing_exception","reason":"no","caused_by":{"type":"c","reason":"d"}},"status":400}"#;
    let get = r#"{"docs":[{"_index":"btc","_id":"a","_version":7,"found":true,"_source":{ "x": 1.50 }}]}"#;
    vec![chosen(0, bulk), chosen(1, search), chosen(2, fault), chosen(3, r#"{ "x": "é" }"#), chosen(4, get)]
}
