//! Ways in for `fuzz/`, which throws bytes at whatever reads queries. No part of what the crate promises.

use axum::extract::Query;
use axum::http::Uri;

use crate::api::{RangeParams, limit, time};
use crate::fragment::Held;
use crate::query::{View, ViewParams};

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
