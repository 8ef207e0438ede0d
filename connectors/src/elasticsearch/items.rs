//! The bulk request's body, and what its answer says of each document.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write as _;

use bytes::Bytes;
use serde::Deserialize;

use super::fault::{Fault, Verdict};
use crate::{Document, Outcome};

/// What an answer says of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ItemEnd {
    /// This is what became of it.
    Done(Outcome),
    /// It is to be sent again.
    Again { why: String, is_overloaded: bool },
    /// Whoever asks may not write it. Not the document is to blame but the credentials.
    NotAllowed(String),
}

/// Bytes that an action line takes beside its names.
const ACTION_BYTES: usize = 80;

/// About what a document adds to a body.
pub(super) fn body_bytes(document: &Document) -> usize {
    ACTION_BYTES + document.index.len() + document.id.len() + document.source.len()
}

/// Whether the document can be a line of a bulk body: a line break within the source would end it.
pub(super) fn is_one_line(document: &Document) -> bool {
    !document.source.contains('\n') && !document.source.ends_with('\r')
}

/// The body for these documents, each source byte for byte.
pub(super) fn body(documents: &[&Document]) -> serde_json::Result<Bytes> {
    let mut body = Vec::with_capacity(documents.iter().map(|document| body_bytes(document) + 2).sum());
    for Document { index, id, version, source, .. } in documents {
        body.extend_from_slice(b"{\"index\":{\"_index\":");
        serde_json::to_writer(&mut body, index)?;
        body.extend_from_slice(b",\"_id\":");
        serde_json::to_writer(&mut body, id)?;
        writeln!(body, ",\"version\":{version},\"version_type\":\"external\"}}}}")
            .map_err(serde_json::Error::io)?;
        body.extend_from_slice(source.as_bytes());
        body.push(b'\n');
    }
    Ok(body.into())
}

#[derive(Deserialize)]
struct BulkAnswer<'a> {
    #[serde(borrow)]
    items: Vec<Operation<'a>>,
}

#[derive(Deserialize)]
struct Operation<'a> {
    #[serde(borrow)]
    index: Item<'a>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    #[serde(rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow)]
    #[serde(rename = "_id")]
    id: Cow<'a, str>,
    status: u16,
    error: Option<Fault>,
    #[serde(borrow)]
    failure_store: Option<Cow<'a, str>>,
}

/// What the answer says of each document, in the request's order. `Err`: it does not match the request, so that nothing is known.
pub(super) fn ends(documents: &[&Document], answer: &[u8]) -> Result<Vec<ItemEnd>, String> {
    let answer: BulkAnswer<'_> = serde_json::from_slice(answer)
        .map_err(|error| format!("the answer to a bulk request cannot be understood: {error}"))?;
    if answer.items.len() != documents.len() {
        let (answered, asked) = (answer.items.len(), documents.len());
        return Err(format!("the answer is about {answered} documents instead of {asked}"));
    }
    let asked: BTreeSet<&str> = documents.iter().map(|document| document.index.as_str()).collect();
    let mut ends = Vec::with_capacity(documents.len());
    for (document, Operation { index: item }) in documents.iter().zip(answer.items) {
        // An alias or a data stream answers with the index behind it, which may have any name but another's of this request.
        let is_its_index = item.index == document.index || !asked.contains(&*item.index);
        let is_it = item.id == document.id && is_its_index;
        if !is_it && !is_diverted(item.failure_store.as_deref()) {
            let (index, id) = (&document.index, &document.id);
            return Err(format!("the answer is about {}/{} instead of {index}/{id}", item.index, item.id));
        }
        ends.push(end(item.status, item.error, item.failure_store.as_deref()));
    }
    Ok(ends)
}

/// What the answer to a request with this document alone says of it. `Err`: it does not match the request.
pub(super) fn end_alone(document: &Document, status: u16, answer: &[u8]) -> Result<ItemEnd, String> {
    #[derive(Deserialize)]
    struct Stored<'a> {
        #[serde(borrow)]
        #[serde(rename = "_id")]
        id: Cow<'a, str>,
        #[serde(borrow)]
        failure_store: Option<Cow<'a, str>>,
    }
    if !(200..300).contains(&status) {
        let fault = Fault::of(answer);
        return Ok(match fault.verdict(status) {
            // Something between here and the cluster says so, which knows nothing of documents.
            Verdict::Refused if fault.kind.is_empty() => ItemEnd::NotAllowed(fault.told(status)),
            _ => end(status, Some(fault), None),
        });
    }
    let stored: Stored<'_> = serde_json::from_slice(answer)
        .map_err(|error| format!("the answer to a write cannot be understood: {error}"))?;
    if stored.id != document.id && !is_diverted(stored.failure_store.as_deref()) {
        return Err(format!("the answer is about {} instead of {}", stored.id, document.id));
    }
    Ok(end(status, None, stored.failure_store.as_deref()))
}

/// Whether the document lies in the failure store, where the cluster names it anew.
fn is_diverted(failure_store: Option<&str>) -> bool {
    failure_store == Some("used")
}

/// What a status and an error mean for a single document.
pub(super) fn end(status: u16, error: Option<Fault>, failure_store: Option<&str>) -> ItemEnd {
    match (status, failure_store) {
        (200..=299, store) if is_diverted(store) => {
            let why = "it does not fit its index, and the cluster put it into the failure store instead";
            ItemEnd::Done(Outcome::Rejected(why.to_owned()))
        }
        (200..=299, _) if error.is_none() => ItemEnd::Done(Outcome::Indexed),
        (409, _) if error.as_ref().is_none_or(Fault::is_version_conflict) => ItemEnd::Done(Outcome::Stale),
        _ => {
            let fault = error.unwrap_or_default();
            let why = fault.told(status);
            match fault.item_verdict(status) {
                Some(Verdict::Refused) => ItemEnd::NotAllowed(why),
                Some(verdict) => ItemEnd::Again { why, is_overloaded: verdict == Verdict::Overloaded },
                None => ItemEnd::Done(Outcome::Rejected(why)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn document(id: &str, source: &str) -> Document {
        let (index, id, source) = ("btc".to_owned(), id.to_owned(), source.to_owned());
        Document { index, id, version: 7, timestamp: DateTime::UNIX_EPOCH, source }
    }

    #[test]
    fn what_the_failure_store_keeps_under_another_name_is_rejected() {
        let document = document("a", "{}");
        let item = r#"{"_index":".fs-btc-000001","_id":"x7","status":201,"failure_store":"used"}"#;
        let answer = format!(r#"{{"errors":false,"items":[{{"index":{item}}}]}}"#);
        let ends = [
            ends(&[&document], answer.as_bytes()).unwrap().remove(0),
            end_alone(&document, 201, item.as_bytes()).unwrap(),
        ];
        for end in ends {
            assert!(matches!(end, ItemEnd::Done(Outcome::Rejected(_))), "{end:?}");
        }
    }

    #[test]
    fn a_body_holds_each_source_byte_for_byte() {
        let documents = [document("a\"\u{e9}\n", "{ \"x\": 1.50 }"), document("b", "{}")];
        let lines = concat!(
            r#"{"index":{"_index":"btc","_id":"a\"é\n","version":7,"version_type":"external"}}"#,
            "\n{ \"x\": 1.50 }\n",
            r#"{"index":{"_index":"btc","_id":"b","version":7,"version_type":"external"}}"#,
            "\n{}\n"
        );
        let documents: Vec<&Document> = documents.iter().collect();
        let built = body(&documents).unwrap();
        assert_eq!(built, lines.as_bytes());
        assert!(built.len() <= documents.iter().map(|document| body_bytes(document)).sum());
        for (source, is_line) in
            [("{}", true), ("{\n}", false), ("{}\n", false), ("{\r}", true), ("{}\r", false)]
        {
            assert_eq!(is_one_line(&document("a", source)), is_line, "{source:?}");
        }
    }

    #[test]
    fn each_status_ends_as_the_rules_say() {
        let error = |kind: &str| Some(Fault { kind: kind.into(), reason: "why".into() });
        let rejected = |why: &str| ItemEnd::Done(Outcome::Rejected(why.into()));
        let again = |why: &str, is_overloaded| ItemEnd::Again { why: why.into(), is_overloaded };
        let stored = "it does not fit its index, and the cluster put it into the failure store instead";
        let cases = [
            (201, None, None, ItemEnd::Done(Outcome::Indexed)),
            (200, None, Some("not_applicable_or_unknown"), ItemEnd::Done(Outcome::Indexed)),
            (201, None, Some("used"), rejected(stored)),
            (400, error("mapper"), Some("not_enabled"), rejected("HTTP 400, mapper: why")),
            (
                429,
                error("es_rejected_execution_exception"),
                Some("failed"),
                again("HTTP 429, es_rejected_execution_exception: why", true),
            ),
            (409, error("version_conflict_engine_exception"), None, ItemEnd::Done(Outcome::Stale)),
            (
                404,
                error("index_not_found_exception"),
                None,
                again("HTTP 404, index_not_found_exception: why", false),
            ),
            (
                409,
                error("index_primary_shard_not_allocated_exception"),
                None,
                again("HTTP 409, index_primary_shard_not_allocated_exception: why", false),
            ),
            (
                503,
                error("unavailable_shards_exception"),
                None,
                again("HTTP 503, unavailable_shards_exception: why", false),
            ),
            (
                403,
                error("security_exception"),
                None,
                ItemEnd::NotAllowed("HTTP 403, security_exception: why".into()),
            ),
            (400, None, None, rejected("HTTP 400")),
        ];
        for (status, error, failure_store, expected) in cases {
            assert_eq!(end(status, error, failure_store), expected, "{status} {failure_store:?}");
        }
    }

    #[test]
    fn an_answer_that_does_not_match_says_nothing() {
        let mut documents = [document("a", "{}"), document("b", "{}")];
        documents[1].index = "btc2".to_owned();
        let documents: Vec<&Document> = documents.iter().collect();
        let item = |index: &str, id: &str| {
            format!(r#"{{"index":{{"_index":"{index}","_id":"{id}","status":201}}}}"#)
        };
        let answer = |items: &[String]| format!(r#"{{"errors":false,"items":[{}]}}"#, items.join(","));
        for behind in ["btc2", ".ds-btc2-2024.10.19-000001", "btc2-000001", "whatever"] {
            let good = answer(&[item("btc", "a"), item(behind, "b")]);
            assert_eq!(ends(&documents, good.as_bytes()), Ok(vec![ItemEnd::Done(Outcome::Indexed); 2]));
        }
        let bad = [
            (answer(&[item("btc", "a")]), "the answer is about 1 documents instead of 2"),
            (answer(&[item("btc", "b"), item("btc", "a")]), "the answer is about btc/b instead of btc/a"),
            (answer(&[item("btc", "a"), item("btc", "b")]), "the answer is about btc/b instead of btc2/b"),
            ("{}".into(), "the answer to a bulk request cannot be understood"),
            ("garbage".into(), "the answer to a bulk request cannot be understood"),
            (r#"{"items":[{"create":{}}]}"#.into(), "the answer to a bulk request cannot be understood"),
        ];
        for (answer, why) in bad {
            let error = ends(&documents, answer.as_bytes()).unwrap_err();
            assert!(error.starts_with(why), "{answer}: {error}");
        }
    }

    #[test]
    fn a_document_alone_is_answered_for_like_one_of_many() {
        let document = document("a", "{\n}");
        let end = |status, answer: &str| end_alone(&document, status, answer.as_bytes());
        assert_eq!(end(201, r#"{"_index":"behind","_id":"a"}"#), Ok(ItemEnd::Done(Outcome::Indexed)));
        let other = end(201, r#"{"_index":"btc","_id":"x"}"#);
        assert!(other.unwrap_err().contains("about x instead of a"));
        for answer in ["", "<html>Welcome</html>", "{}"] {
            assert!(end(200, answer).unwrap_err().contains("cannot be understood"), "{answer}");
        }
        for status in [400, 401, 403, 404, 409] {
            let answered = end(status, "<html>No</html>");
            assert!(matches!(answered, Ok(ItemEnd::NotAllowed(_))), "{status}: {answered:?}");
        }
        let conflict = r#"{"error":{"type":"version_conflict_engine_exception","reason":"newer"}}"#;
        assert_eq!(end(409, conflict), Ok(ItemEnd::Done(Outcome::Stale)));
        let mapping = end(400, r#"{"error":{"type":"mapper_parsing_exception","reason":"why"}}"#);
        assert!(matches!(mapping, Ok(ItemEnd::Done(Outcome::Rejected(_)))), "{mapping:?}");
    }
}
