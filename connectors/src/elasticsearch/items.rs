//! The bulk request's body, and what its answer says of each document.

use std::borrow::Cow;
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
    let mut ends = Vec::with_capacity(documents.len());
    for (document, Operation { index: item }) in documents.iter().zip(answer.items) {
        if item.id != document.id || !is_index_of(&item.index, &document.index) {
            let (index, id) = (&document.index, &document.id);
            return Err(format!("the answer is about {}/{} instead of {index}/{id}", item.index, item.id));
        }
        ends.push(end(item.status, item.error, item.failure_store.as_deref()));
    }
    Ok(ends)
}

/// Data streams answer with the index behind them.
fn is_index_of(answered: &str, asked: &str) -> bool {
    let behind = answered.strip_prefix(".ds-").or_else(|| answered.strip_prefix(".fs-"));
    answered == asked
        || behind.is_some_and(|rest| rest.strip_prefix(asked).is_some_and(|rest| rest.starts_with('-')))
}

/// What a status and an error mean for a single document.
pub(super) fn end(status: u16, error: Option<Fault>, failure_store: Option<&str>) -> ItemEnd {
    match (status, failure_store) {
        (200..=299, Some("used")) => {
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
        let documents = [document("a", "{}"), document("b", "{}")];
        let documents: Vec<&Document> = documents.iter().collect();
        let item = |index: &str, id: &str| {
            format!(r#"{{"index":{{"_index":"{index}","_id":"{id}","status":201}}}}"#)
        };
        let answer = |items: &[String]| format!(r#"{{"errors":false,"items":[{}]}}"#, items.join(","));
        let good = answer(&[item("btc", "a"), item(".ds-btc-2024.10.19-000001", "b")]);
        assert_eq!(ends(&documents, good.as_bytes()), Ok(vec![ItemEnd::Done(Outcome::Indexed); 2]));
        let bad = [
            (answer(&[item("btc", "a")]), "the answer is about 1 documents instead of 2"),
            (answer(&[item("btc", "b"), item("btc", "a")]), "the answer is about btc/b instead of btc/a"),
            (answer(&[item("btc", "a"), item("btc2", "b")]), "the answer is about btc2/b instead of btc/b"),
            (
                answer(&[item("btc", "a"), item(".ds-btc2-1", "b")]),
                "the answer is about .ds-btc2-1/b instead of btc/b",
            ),
            ("{}".into(), "the answer to a bulk request cannot be understood"),
            ("garbage".into(), "the answer to a bulk request cannot be understood"),
            (r#"{"items":[{"create":{}}]}"#.into(), "the answer to a bulk request cannot be understood"),
        ];
        for (answer, why) in bad {
            let error = ends(&documents, answer.as_bytes()).unwrap_err();
            assert!(error.starts_with(why), "{answer}: {error}");
        }
    }
}
