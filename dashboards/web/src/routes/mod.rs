//! What is answered under which path.

pub(crate) mod assets;
mod pages;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::{api, events, guard, hub::Hub, metrics, query::QueryError, read::ReadError};

pub(crate) use self::pages::{PageParams, fragments};

pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/", get(pages::market))
        .route("/topology", get(pages::topology))
        .route("/events", get(events::events))
        .route("/assets/{name}", get(assets::asset))
        .route("/api/value", get(api::value))
        .route("/api/volume", get(api::volume))
        .route("/api/miners", get(api::miners))
        .route("/api/topology", get(api::topology))
        .route("/api/status", get(api::status))
        .route("/api/lag", get(api::lag))
        .route("/metrics", get(metrics::metrics))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here; begin at /\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&hub), guard::guard))
        .with_state(hub)
}

/// Whether this process answers at all.
async fn health() -> &'static str {
    "ok\n"
}

/// Whether everything that it needs is there.
async fn ready(hub: axum::extract::State<Arc<Hub>>) -> Response {
    let status = hub.fresh_status();
    if status.ready {
        return "ready\n".into_response();
    }
    let why = status.why.as_deref().unwrap_or("not started yet");
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
}

/// Why a request could not be answered. Machines get JSON, as the page itself never makes these mistakes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}; mend the query")]
    Malformed(String),
    #[error("{0} event streams are open, which is the limit; close one, or raise subscribers_max")]
    Crowded(usize),
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Query(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Read(_) | Self::Crowded(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, axum::Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// A query that was understood by its handler, or a clear answer why not.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> axum::extract::FromRequestParts<S> for Query<T> {
    type Rejection = RequestError;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|query| Self(query.0))
            .map_err(|error| RequestError::Malformed(error.body_text()))
    }
}
