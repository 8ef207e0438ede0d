//! The state of a topology that runs in another process, asked of the page which that process serves.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{Request, StatusCode, Uri, header};
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{PageOptions, Status, StatusSource, format};

/// A topology daemon's page that is asked for the daemon's state again and again.
///
/// While it does not answer the state is *not ready*, with the reason; the page itself goes on with what is in the index.
#[derive(Debug)]
pub struct RemoteTopology {
    host: String,
    port: u16,
    options: PageOptions,
    /// A standard mutex: nothing waits while holding it.
    latest: Mutex<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    status: Status,
    /// The first of the questions without an answer.
    away_since: Option<DateTime<Utc>>,
}

/// An address at which no topology can be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no address of a topology's page; give one such as http://127.0.0.1:8081")]
pub struct RemoteError(String);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("{0}")]
    Connect(#[source] io::Error),
    #[error("{0}")]
    Broken(#[source] hyper::Error),
    #[error("no answer within {0} ms")]
    Slow(u64),
    #[error("its answer breaks off or has more than {0} bytes")]
    Body(usize),
    #[error("it answers with status {0}, so something else listens there")]
    Refused(StatusCode),
    #[error("its answer is not understood ({0}), so it may be of another version")]
    Foreign(#[source] serde_json::Error),
}

impl RemoteTopology {
    /// Takes `http://HOST:PORT`; nothing is asked yet.
    ///
    /// ```
    /// use btc_dashboard_web::{PageOptions, RemoteTopology};
    ///
    /// assert!(RemoteTopology::new("http://127.0.0.1:8081", &PageOptions::default()).is_ok());
    /// assert!(RemoteTopology::new("https://127.0.0.1/topology", &PageOptions::default()).is_err());
    /// ```
    pub fn new(url: &str, options: &PageOptions) -> Result<Arc<Self>, RemoteError> {
        let refuse = || RemoteError(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| refuse())?;
        let is_bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        let host = uri.host().filter(|_| is_bare && uri.scheme_str() == Some("http")).ok_or_else(refuse)?;
        Ok(Arc::new(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(80),
            options: options.clone(),
            latest: Mutex::default(),
        }))
    }

    /// The newest answer, or why there is none.
    pub fn status_source(self: &Arc<Self>) -> StatusSource {
        let remote = Arc::clone(self);
        Arc::new(move || remote.latest.lock().unwrap_or_else(PoisonError::into_inner).status.clone())
    }

    /// Asks again and again. Never returns.
    pub async fn watch(&self) {
        let mut ticks = interval(Duration::from_millis(self.options.status_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.refresh().await;
        }
    }

    /// Asks once.
    pub async fn refresh(&self) {
        let limit = self.options.status_ms_max;
        let asked = timeout(Duration::from_millis(limit), self.ask()).await;
        let answer = asked.unwrap_or(Err(AskError::Slow(limit)));
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(status) => {
                if latest.away_since.is_some() {
                    tracing::info!(host = %self.host, port = self.port, "the topology answers again");
                }
                *latest = Latest { status, away_since: None };
            }
            Err(error) => {
                if latest.away_since.is_none() {
                    tracing::warn!(host = %self.host, port = self.port, %error, "the topology does not answer");
                }
                let since = *latest.away_since.get_or_insert_with(Utc::now);
                latest.status = self.away(since, &error);
            }
        }
    }

    /// Without numbers: those of a topology that is gone would look like those of one that stands still.
    fn away(&self, since: DateTime<Utc>, error: &AskError) -> Status {
        let why = format!(
            "the topology at {}:{} has not answered since {}: {error}; prices, hours and miners are as they were then. \
             Start it, or mend --topology",
            self.host,
            self.port,
            format::second(since)
        );
        Status { why: Some(why), history_done: true, ..Status::default() }
    }

    async fn ask(&self) -> Result<Status, AskError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(AskError::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(AskError::Broken)?;
        let bytes_max = self.options.status_bytes_max;
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = Uri::from_static("/api/status");
        let host = format!("{}:{}", self.host, self.port);
        if let Ok(host) = host.parse() {
            request.headers_mut().insert(header::HOST, host);
        }
        let ask = async move {
            let answer = sender.send_request(request).await.map_err(AskError::Broken)?;
            if !answer.status().is_success() {
                return Err(AskError::Refused(answer.status()));
            }
            let body = Limited::new(answer.into_body(), bytes_max).collect().await;
            let body = body.map_err(|_| AskError::Body(bytes_max))?.to_bytes();
            serde_json::from_slice(&body).map_err(AskError::Foreign)
        };
        // The connection ends with its sender; how it ends says nothing that the answer does not.
        let (status, _) = tokio::join!(ask, connection);
        status
    }
}
