//! What comes over HTTP: the page's queries, the answers of Elasticsearch and Kibana.

use btc_dashboard_web::fuzzing as page;
use chrono::DateTime;
use trombe_connectors::Document;
use trombe_connectors::elasticsearch::fuzzing as index;
use trombe_connectors::kibana::{KibanaError, ObjectName, fuzzing as kibana};

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
        "day=-968-10-19",
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
    let Some((choice, body)) = choose(data, 8) else { return false };
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
        5 => index::setup_answer("btc", body),
        6 => index::revision_answer(body).is_some(),
        7 => index::page_size_answer(body, 500).is_some_and(|size| {
            assert!((1..=500).contains(&size), "{size}");
            true
        }),
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
    let template = r#"{"index_templates":[{"name":"btc","index_template":{"index_patterns":["btc"]}}]}"#;
    let revision = r#"{"indices":{"btc":{"uuid":"u","shards":{"0":[{"seq_no":{"max_seq_no":7},"refresh":{"external_total":3}}]}}}}"#;
    let size =
        r#"{"_all":{"primaries":{"docs":{"count":3},"store":{"size_in_bytes":18446744073709551615}}}}"#;
    let get = r#"{"docs":[{"_index":"btc","_id":"a","_version":7,"found":true,"_source":{ "x": 1.50 }}]}"#;
    vec![
        chosen(0, bulk),
        chosen(1, search),
        chosen(2, fault),
        chosen(3, r#"{ "x": "é" }"#),
        chosen(4, get),
        chosen(5, template),
        chosen(5, r#"{"version":{"number":"9.5.3"}}"#),
        chosen(6, revision),
        chosen(7, size),
    ]
}

/// All of an import is good or the reason is told; the rounds of an export come to an end.
pub(crate) fn check_kibana(data: &[u8]) -> bool {
    const STATUSES: [u16; 3] = [200, 400, 404];
    let Some((choice, body)) = choose(data, 2 * STATUSES.len()) else { return false };
    let (status, body) = (STATUSES[choice / 2], String::from_utf8_lossy(body));
    if choice % 2 == 0 {
        return match kibana::imported(status, &body, 2) {
            Ok(()) => true,
            Err(KibanaError::NotImported { count, why }) => {
                assert!(count > 0 && !why.is_empty(), "{count} objects were not imported: {why:?}");
                true
            }
            Err(_) => false,
        };
    }
    let wanted = ["a", "b"].map(|id| ObjectName { kind: "dashboard".to_owned(), id: id.to_owned() });
    match kibana::exported(status, &body, &wanted) {
        Ok(Ok(_)) => assert_eq!(status, 200),
        Ok(Err(left)) => assert!(left < wanted.len(), "the same is asked for again"),
        Err(_) => return false,
    }
    true
}

pub(crate) fn kibana_seeds() -> Vec<Vec<u8>> {
    let refused = r#"{"success":false,"successCount":1,"errors":[{"type":"dashboard","id":"a","error":{"type":"conflict"}}]}"#;
    let missing = r#"{"statusCode":400,"attributes":{"objects":[{"type":"dashboard","id":"b","error":{"statusCode":404}}]}}"#;
    vec![
        chosen(0, r#"{"success":true,"successCount":2}"#),
        chosen(0, refused),
        // All of them, and yet not: that some were not imported has to be told.
        chosen(0, r#"{"success":false,"successCount":2}"#),
        chosen(1, "{\"id\":\"a\"}\n{\"id\":\"b\"}"),
        chosen(2, r#"{"statusCode":400,"message":"Unable to parse"}"#),
        chosen(3, missing),
    ]
}
