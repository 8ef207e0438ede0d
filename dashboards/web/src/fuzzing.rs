//! Ways in for `fuzz/`, which throws bytes at whatever reads queries, documents and states. No part of what the crate promises.

use std::collections::HashMap;

use axum::extract::Query;
use axum::http::Uri;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use trombe_connectors::{Document, Index, IndexError, Outcome, Range, StoredDocument};

use crate::api::{RangeParams, limit, time};
use crate::documents::{MINER, VALUE, VOLUME};
use crate::fragment::{Fragments, Held};
use crate::guard::is_answered;
use crate::metrics::exposition;
use crate::query::{Span, View, ViewParams};
use crate::read::Reader;
use crate::{Status, view};

/// Longer than any read of the documents at hand.
const READ_MS_MAX: u64 = 60_000;

/// The query that leads to the view that a query asks for; `None` if it asks for none.
pub fn view(query: &str) -> Option<String> {
    let uri: Uri = format!("/?{query}").parse().ok()?;
    let params: Query<ViewParams> = Query::try_from_uri(&uri).ok()?;
    View::parse(&params).ok().map(View::query)
}

/// Whether a query's times and limit are accepted.
pub fn range(query: &str, documents_max: usize) -> Option<usize> {
    let uri: Uri = format!("/?{query}").parse().ok()?;
    let params: Query<RangeParams> = Query::try_from_uri(&uri).ok()?;
    time("from", params.from.as_deref()).ok()?;
    time("until", params.until.as_deref()).ok()?;
    limit(params.limit.as_deref(), documents_max).ok()
}

/// What an event's id says, written again.
pub fn held(id: &str) -> String {
    Held::from_id(id).to_id()
}

/// Whether a request is answered that names this host, where these names are allowed beside addresses and `localhost`.
pub fn host(host: &str, allowed: &[String]) -> bool {
    is_answered(host, allowed)
}

/// The market page of these documents: one JSON object a line, of prices, hours and miners in turn; for the whole of their time or
/// for its last day.
pub fn market(lines: &[&str], whole: bool) -> Option<String> {
    let index = Lines(
        [VALUE, VOLUME, MINER]
            .into_iter()
            .enumerate()
            .map(|(first, name)| {
                (name, lines.iter().skip(first).step_by(3).map(|line| (*line).to_owned()).collect())
            })
            .collect(),
    );
    let reader = Reader { index: &index, documents_max: 1_000, read_ms_max: READ_MS_MAX };
    let span = if whole { Span::All } else { Span::Hours24 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let market = runtime.block_on(reader.market(View { span, ..View::default() })).ok()?;
    Some(html(&view::market(&market)))
}

/// The topology page and the metrics of a state that another process has told; `None` if it is not understood.
pub fn status(body: &[u8]) -> Option<(String, String)> {
    let status: Status = serde_json::from_slice(body).ok()?;
    let mut fragments = view::notice(&status);
    fragments.extend(&view::topology(&status));
    Some((html(&fragments), exposition(&status)))
}

fn html(fragments: &Fragments) -> String {
    fragments.missing(&Held::default()).into_values().collect()
}

/// An index that answers every question about an index with all it has of it.
#[derive(Debug)]
struct Lines(HashMap<&'static str, Vec<String>>);

impl Lines {
    fn of(&self, index: &str) -> Vec<StoredDocument> {
        let stored =
            |source: &String| StoredDocument { id: "a".to_owned(), version: 1, source: source.clone() };
        self.0.get(index).into_iter().flatten().map(stored).collect()
    }
}

impl Index for Lines {
    fn bulk(&self, _: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, IndexError>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn get<'a>(
        &'a self,
        index: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        ready(Ok(self.of(index).pop())).boxed()
    }

    fn range<'a>(&'a self, range: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        ready(Ok(self.of(&range.index))).boxed()
    }

    fn oldest<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, IndexError>> {
        ready(Ok(self.of(index).into_iter().next())).boxed()
    }

    fn scan<'a>(
        &'a self,
        index: &'a str,
        _: Option<&'a str>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, IndexError>> {
        ready(Ok(self.of(index))).boxed()
    }

    fn count<'a>(&'a self, index: &'a str) -> BoxFuture<'a, Result<u64, IndexError>> {
        ready(Ok(self.of(index).len() as u64)).boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, IndexError>> {
        ready(Ok(0)).boxed()
    }
}
