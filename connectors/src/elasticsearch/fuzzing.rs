//! Ways in for `fuzz/`, which throws bytes at whatever reads answers. No part of what the crate promises.

use bytes::Bytes;

use super::fault::Fault;
use super::{items, read, scan, search, templates};
use crate::{Document, StoredDocument};

/// For how many documents the answer to a bulk request says what became of them; `None`: it does not match the request.
pub fn bulk_answer(documents: &[&Document], answer: &[u8]) -> Option<usize> {
    items::ends(documents, answer).ok().map(|ends| ends.len())
}

/// The body of a bulk request; `None` if a document cannot be part of one.
pub fn bulk_body(documents: &[&Document]) -> Option<Bytes> {
    let fit = documents.iter().all(|document| items::is_one_line(document));
    fit.then(|| items::body(documents).ok())?
}

/// The documents of a search's answer.
pub fn search_answer(body: &[u8]) -> Option<Vec<StoredDocument>> {
    let page = search::page(body).ok()?;
    Some(page.hits.into_iter().map(|hit| hit.document).collect())
}

/// The document in the answer to a request for one.
pub fn get_answer(id: &str, body: &[u8]) -> Option<StoredDocument> {
    read::got(id, body).ok()?
}

/// What is told of an answer with that status.
pub fn fault(status: u16, body: &[u8]) -> String {
    Fault::of(body).told(status)
}

/// The revision in the answer about shards.
pub fn revision_answer(body: &[u8]) -> Option<u64> {
    read::revision_of(body).ok()
}

/// How many documents a page of a scan has, by the answer about the index's size.
pub fn page_size_answer(body: &[u8], count_max: u64) -> Option<u64> {
    scan::page_size_of(body, count_max).ok()
}

/// Whether an answer that `setup` asks for is understood: the version, the template `name`, or an index's definition.
pub fn setup_answer(name: &str, body: &[u8]) -> bool {
    let template = templates::template_in(name, body).ok().flatten();
    let definition = templates::definition_in(body).ok().flatten();
    template.is_some() || definition.is_some() || templates::version_in(body).is_ok()
}
