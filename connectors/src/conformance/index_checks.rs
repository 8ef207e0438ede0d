//! The promises of an index.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{eventually, unique};
use crate::{Document, Index, Outcome, Range, StoredDocument};

pub(super) async fn a_document_comes_back_byte_for_byte(index: &impl Index) {
    let name = unique("bytes");
    let source = "{ \"@timestamp\":\"2024-10-19T00:00:00Z\",\n\t\"eur\": 1.50, \"b\":[1 ,2], \"a\":\"\u{20ac}\\u20ac\" }";
    let id = "day:2024-10-19:\u{3bc}pool/ #?%";
    let document = Document { id: id.into(), source: source.into(), ..document(&name, "", 7, 0) };
    assert_eq!(bulk(index, vec![document]).await, [Outcome::Indexed]);
    let stored = StoredDocument { id: id.into(), version: 7, source: source.into() };
    assert_eq!(get(index, &name, id).await, Some(stored));
    assert_eq!(get(index, &name, "day").await, None);
}

pub(super) async fn only_a_greater_version_replaces(index: &impl Index) {
    let name = unique("versions");
    let writes = [
        (5, "a", Outcome::Indexed, "a"),
        (5, "b", Outcome::Stale, "a"),
        (4, "c", Outcome::Stale, "a"),
        (6, "d", Outcome::Indexed, "d"),
        (100, "e", Outcome::Indexed, "e"),
        (99, "f", Outcome::Stale, "e"),
    ];
    for (version, mark, outcome, stored) in writes {
        let document = Document { source: marked(mark), ..document(&name, "id", version, 0) };
        assert_eq!(bulk(index, vec![document]).await, [outcome], "version {version}");
        let source = get(index, &name, "id").await.map(|document| document.source);
        assert_eq!(source, Some(marked(stored)), "after version {version}");
    }
}

pub(super) async fn a_repeated_bulk_changes_nothing(index: &impl Index) {
    let name = unique("repeat");
    let documents: Vec<_> = (0..20).map(|n| document(&name, &format!("id {n}"), n, 0)).collect();
    assert_eq!(bulk(index, documents.clone()).await, vec![Outcome::Indexed; 20]);
    assert_eq!(bulk(index, documents).await, vec![Outcome::Stale; 20]);
    count_is(index, &name, 20).await;
}

pub(super) async fn outcomes_are_in_the_order_of_the_request(index: &impl Index) {
    let name = unique("order");
    bulk(index, vec![document(&name, "old", 9, 0)]).await;
    let outcomes = bulk(
        index,
        vec![
            document(&name, "first", 1, 0),
            Document { source: "no object".into(), ..document(&name, "bad", 1, 0) },
            document(&name, "old", 9, 0),
            document(&name, "last", 1, 0),
        ],
    )
    .await;
    assert!(
        matches!(&outcomes[..], [Outcome::Indexed, Outcome::Rejected(_), Outcome::Stale, Outcome::Indexed]),
        "{outcomes:?}"
    );
    assert!(get(index, &name, "bad").await.is_none());
    assert!(get(index, &name, "last").await.is_some(), "a bad document does not stop the others");
}

pub(super) async fn an_id_may_occur_twice_in_a_bulk(index: &impl Index) {
    let name = unique("twice");
    let documents = [1, 3, 2].map(|version| document(&name, "id", version, 0)).to_vec();
    assert_eq!(bulk(index, documents).await, [Outcome::Indexed, Outcome::Indexed, Outcome::Stale]);
    assert_eq!(get(index, &name, "id").await.map(|document| document.version), Some(3));
    count_is(index, &name, 1).await;
}

pub(super) async fn what_can_never_be_stored_is_rejected(index: &impl Index) {
    let name = unique("rejected");
    let source = |source: &str| Document { source: source.into(), ..document(&name, "id", 1, 0) };
    let bad = vec![
        source(""),
        source("[1]"),
        source("1"),
        source("{\"a\":1"),
        source("{\"a\":1} {}"),
        document(&name, "", 1, 0),
        document(&name, &"i".repeat(513), 1, 0),
        document("Upper-Case", "id", 1, 0),
        document("with space", "id", 1, 0),
        document("_hidden", "id", 1, 0),
        document("", "id", 1, 0),
    ];
    for document in bad {
        let outcomes = bulk(index, vec![document.clone()]).await;
        match &outcomes[..] {
            [Outcome::Rejected(reason)] => assert!(!reason.is_empty(), "{document:?}"),
            _ => panic!("{outcomes:?} for {document:?}"),
        }
    }
    let longest = "i".repeat(512);
    assert_eq!(bulk(index, vec![document(&name, &longest, 1, 0)]).await, [Outcome::Indexed]);
    count_is(index, &name, 1).await;
}

pub(super) async fn versions_are_63_bits_wide(index: &impl Index) {
    let name = unique("width");
    let largest = i64::MAX.cast_unsigned();
    let outcomes =
        bulk(index, vec![document(&name, "id", largest, 0), document(&name, "id", largest + 1, 0)]).await;
    assert!(matches!(&outcomes[..], [Outcome::Indexed, Outcome::Rejected(_)]), "{outcomes:?}");
    assert_eq!(get(index, &name, "id").await.map(|document| document.version), Some(largest));
}

pub(super) async fn an_empty_bulk_is_nothing(index: &impl Index) {
    assert_eq!(bulk(index, vec![]).await, []);
}

pub(super) async fn an_absent_index_is_empty(index: &impl Index) {
    let name = unique("absent");
    assert_eq!(get(index, &name, "id").await, None);
    assert_eq!(ids(&range(index, &name, 0, 1_000_000, 10).await), [""; 0]);
    assert_eq!(ids(&scan(index, &name, None, 10).await), [""; 0]);
    count_is(index, &name, 0).await;
}

pub(super) async fn indices_are_apart(index: &impl Index) {
    let names = [unique("one"), unique("two")];
    for (version, name) in (1..).zip(&names) {
        assert_eq!(bulk(index, vec![document(name, "id", version, 0)]).await, [Outcome::Indexed]);
    }
    for (version, name) in (1..).zip(&names) {
        assert_eq!(get(index, name, "id").await.map(|document| document.version), Some(version));
        count_is(index, name, 1).await;
    }
}

pub(super) async fn a_range_is_half_open_and_oldest_first(index: &impl Index) {
    let name = unique("range");
    let times = [("d", 300), ("a", 400), ("b", 100), ("c", 200), ("e", 150)];
    bulk(index, times.map(|(id, at)| document(&name, id, 1, at)).to_vec()).await;
    count_is(index, &name, 5).await;
    assert_eq!(ids(&range(index, &name, 100, 400, 10).await), ["b", "e", "c", "d"]);
    assert_eq!(ids(&range(index, &name, 101, 401, 10).await), ["e", "c", "d", "a"]);
    assert_eq!(ids(&range(index, &name, 200, 200, 10).await), [""; 0]);
    assert_eq!(ids(&range(index, &name, 401, 9999, 10).await), [""; 0]);
}

pub(super) async fn a_limited_range_keeps_the_newest(index: &impl Index) {
    let name = unique("newest");
    bulk(index, (0..10).map(|n| document(&name, &n.to_string(), 1, i64::from(n))).collect()).await;
    count_is(index, &name, 10).await;
    assert_eq!(ids(&range(index, &name, 0, 8, 3).await), ["5", "6", "7"]);
    assert_eq!(ids(&range(index, &name, 0, 8, 0).await), [""; 0]);
}

pub(super) async fn the_oldest_document_is_the_first_by_time(index: &impl Index) {
    let name = unique("oldest");
    assert_eq!(index.oldest(&name).await.expect("the index answers"), None);
    let times = [("b", 300), ("c", 100), ("a", 200)];
    bulk(index, times.map(|(id, at)| document(&name, id, 1, at)).to_vec()).await;
    count_is(index, &name, 3).await;
    let oldest = async || index.oldest(&name).await.expect("the index answers").map(|document| document.id);
    eventually(Some("c".to_owned()), oldest).await;
    bulk(index, vec![document(&name, "c", 2, 400)]).await;
    eventually(Some("a".to_owned()), oldest).await;
}

pub(super) async fn a_document_can_move_in_time(index: &impl Index) {
    let name = unique("move");
    bulk(index, vec![document(&name, "moved", 1, 100), document(&name, "still", 1, 100)]).await;
    bulk(index, vec![document(&name, "moved", 2, 500), document(&name, "still", 2, 100)]).await;
    let ids_in = async |from, until| ids(&range(index, &name, from, until, 10).await);
    eventually(vec!["moved".to_owned()], async || ids_in(200, 900).await).await;
    eventually(vec!["still".to_owned()], async || ids_in(0, 200).await).await;
}

pub(super) async fn a_scan_pages_through_everything_by_id(index: &impl Index) {
    let name = unique("scan");
    let mut expected: Vec<_> = (0..50).map(|n| format!("id {n}")).collect();
    expected.extend(["A", "a", "\u{e9}", "z", "\u{10348}", "\u{ffee}", "~"].map(str::to_owned));
    bulk(index, expected.iter().map(|id| document(&name, id, 1, 0)).collect()).await;
    count_is(index, &name, expected.len() as u64).await;
    expected.sort_unstable();
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = scan(index, &name, found.last().map(|id| &**id), 7).await;
        assert!(page.len() <= 7);
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|document| document.id));
    }
    assert_eq!(found, expected);
}

pub(super) async fn the_revision_changes_with_the_documents(index: &impl Index) {
    let name = unique("revision");
    let revision = async || index.revision().await.expect("the revision is known");
    let mut seen = BTreeMap::from([(revision().await, 0)]);
    for version in 1..4 {
        bulk(index, vec![document(&name, "id", version, 0)]).await;
        eventually(true, async || !seen.contains_key(&revision().await)).await;
        seen.insert(revision().await, version);
    }
}

/// A document whose `@timestamp` is that many seconds after a fixed hour.
fn document(index: &str, id: &str, version: u64, at_s: i64) -> Document {
    let timestamp = instant(at_s);
    let source = format!("{{\"@timestamp\":\"{}\"}}", timestamp.to_rfc3339());
    Document { index: index.into(), id: id.into(), version, timestamp, source }
}

fn marked(mark: &str) -> String {
    format!("{{\"@timestamp\":\"{}\",\"mark\":\"{mark}\"}}", instant(0).to_rfc3339())
}

fn instant(at_s: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_729_296_000 + at_s)
}

async fn bulk(index: &impl Index, documents: Vec<Document>) -> Vec<Outcome> {
    let count = documents.len();
    let outcomes = index.bulk(documents).await.expect("the bulk is answered");
    assert_eq!(outcomes.len(), count, "an outcome for each document");
    outcomes
}

async fn get(index: &impl Index, name: &str, id: &str) -> Option<StoredDocument> {
    index.get(name, id).await.expect("the index answers")
}

async fn range(index: &impl Index, name: &str, from_s: i64, until_s: i64, max: usize) -> Vec<StoredDocument> {
    let range =
        Range { index: name.into(), from: instant(from_s), until: instant(until_s), documents_max: max };
    index.range(&range).await.expect("the index answers")
}

async fn scan(index: &impl Index, name: &str, after: Option<&str>, max: usize) -> Vec<StoredDocument> {
    index.scan(name, after, max).await.expect("the index answers")
}

/// Waits until the writes before are visible to searches, which a server may show later than it answers them.
async fn count_is(index: &impl Index, name: &str, count: u64) {
    eventually(count, async || index.count(name).await.expect("the index answers")).await;
}

fn ids(documents: &[StoredDocument]) -> Vec<String> {
    documents.iter().map(|document| document.id.clone()).collect()
}
