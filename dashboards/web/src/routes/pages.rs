//! The two pages.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{Query, RequestError};
use crate::{
    fragment::Fragments,
    hub::Hub,
    query::{View, ViewParams},
    view::{self, Page, Theme},
};

/// A page's query.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    #[serde(flatten)]
    view: ViewParams,
    /// Of an event stream: which page it is for.
    page: Option<String>,
    theme: Option<String>,
    /// Of an event stream: which fragments its page holds.
    pub(crate) held: Option<String>,
}

impl PageParams {
    pub(crate) fn page(&self) -> Result<Page, RequestError> {
        Ok(match self.page.as_deref() {
            Some("topology") => Page::Topology,
            _ => Page::Market(View::parse(&self.view)?),
        })
    }
}

pub(crate) async fn market(
    State(hub): State<Arc<Hub>>,
    headers: HeaderMap,
    Query(params): Query<PageParams>,
) -> Result<Response, RequestError> {
    let view = View::parse(&params.view)?;
    Ok(render(&hub, &headers, &params, Page::Market(view)).await)
}

pub(crate) async fn topology(
    State(hub): State<Arc<Hub>>,
    headers: HeaderMap,
    Query(params): Query<PageParams>,
) -> Response {
    render(&hub, &headers, &params, Page::Topology).await
}

async fn render(hub: &Hub, headers: &HeaderMap, params: &PageParams, page: Page) -> Response {
    let asked = params.theme.as_deref().and_then(Theme::parse);
    let theme = asked.or_else(|| remembered(headers)).unwrap_or_default();
    let fragments = fragments(hub, page).await;
    Html(view::page(page, &fragments, &hub.options().feed_label, theme).into_string()).into_response()
}

/// The theme that the reader has chosen before; in a cookie, so that the first paint is right.
fn remembered(headers: &HeaderMap) -> Option<Theme> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let theme = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("theme="))?;
    Theme::parse(theme)
}

/// All parts of a page as of now. An index that does not answer is itself something to show.
pub(crate) async fn fragments(hub: &Hub, page: Page) -> Fragments {
    let status = hub.status();
    let mut fragments = view::notice(&status);
    match page {
        Page::Topology => fragments.extend(&view::topology(&status)),
        Page::Market(view) => match hub.market(view).await {
            Ok(market) => fragments.extend(&market),
            Err(error) => fragments.extend(&view::index_away(&error.to_string())),
        },
    }
    fragments
}
