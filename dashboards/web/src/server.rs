//! Accepting connections: bounded in number, in time and in size.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use trombe_connectors::Index;

use crate::{OptionError, PageOptions, StatusSource, hub::Hub, routes, stall::Stall};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 * 1_024;

/// How long to wait when the system has no file descriptor left for another connection.
const ACCEPT_PAUSE_MS: u64 = 100;

/// Why the page could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An option is out of bounds.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The listener is of no use.
    #[error("the page's listener does not work ({0}); bind another address")]
    Listener(#[source] io::Error),
}

/// Serves the page until `shutdown` completes, then lets open answers finish for a moment.
pub async fn serve(
    listener: TcpListener,
    index: Arc<dyn Index>,
    status: StatusSource,
    options: PageOptions,
    shutdown: impl Future,
) -> Result<(), ServeError> {
    options.check()?;
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    tracing::info!(%address, "page");
    let hub = Arc::new(Hub::new(index, status, options.clone()));
    let router = routes::router(Arc::clone(&hub));
    let (closing, closed) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::select! {
        _ = shutdown => {}
        () = hub.watch() => {}
        () = accept(&listener, &router, &options, &closed, &mut connections) => {}
    }
    hub.close();
    drop(closing);
    let finish = async { while connections.join_next().await.is_some() {} };
    if timeout(Duration::from_millis(options.shutdown_ms_max), finish).await.is_err() {
        tracing::debug!("connections were still open at the end of the page's shutdown time");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    options: &PageOptions,
    closed: &watch::Receiver<()>,
    connections: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(options.connections_max));
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = answer(stream, router.clone(), options, closed.clone());
                connections.spawn(async move {
                    answer.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// Answers one connection's requests.
fn answer(
    stream: TcpStream,
    router: Router,
    options: &PageOptions,
    mut closed: watch::Receiver<()>,
) -> impl Future<Output = ()> + use<> {
    let header_time = Duration::from_millis(options.header_ms_max);
    let stream = Stall::new(stream, Duration::from_millis(options.stall_ms_max));
    async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_time)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            _ = closed.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a connection broke");
        }
    }
}
