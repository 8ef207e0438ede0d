//! What is answered under which path.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};

use crate::{guard, hub::Hub};

pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .layer(middleware::from_fn_with_state(Arc::clone(&hub), guard::guard))
        .with_state(hub)
}
