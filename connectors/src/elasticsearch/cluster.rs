//! Requests to the nodes of a cluster: fail-over, time-outs and limits.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method, Url};
use tokio::time::{Instant, sleep};

use super::backoff::Backoff;
use super::config::{ElasticsearchConfig, Identity};
use super::fault::{Fault, Verdict};
use super::nodes::Nodes;
use crate::IndexError;

/// A node that failed is left alone so long at first.
const ASIDE_MS_MIN: u64 = 100;

/// All nodes of a cluster. Each has its own connections.
pub(super) struct Cluster {
    transports: Vec<Transport>,
    nodes: Mutex<Nodes>,
    request_timeout: Duration,
    probe_timeout: Duration,
    response_bytes_max: usize,
    /// Who asks is not known to the cluster (401): until when that is not asked for again, and the answer.
    locked_out: Mutex<Option<(Instant, Answer)>>,
    refused_pause: Duration,
}

/// A request. All of them may be sent twice: writes carry the version of what they say.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// With its query, without a leading slash.
    pub(super) path: String,
    pub(super) body: Option<Bytes>,
    pub(super) content_type: &'static str,
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, content_type: "application/json" }
    }

    pub(super) fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(body.to_string().into());
        self
    }
}

/// What a node answered, whatever its status.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// Another node was asked before, so that its time says nothing about the cluster.
    pub(super) is_detour: bool,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success. `None` if the index does not exist.
    pub(super) fn found(self) -> Result<Option<Bytes>, IndexError> {
        if self.is_success() {
            return Ok(Some(self.body));
        }
        let fault = Fault::of(&self.body);
        match fault.verdict(self.status) {
            Verdict::NoIndex => Ok(None),
            Verdict::Later | Verdict::Overloaded => Err(IndexError::Unavailable(fault.told(self.status))),
            Verdict::TooLarge | Verdict::Refused | Verdict::Bad => {
                Err(IndexError::Refused(fault.told(self.status)))
            }
        }
    }
}

/// No answer: which nodes were asked and why each failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer(pub(super) String);

impl From<NoAnswer> for IndexError {
    fn from(NoAnswer(why): NoAnswer) -> Self {
        Self::Unavailable(why)
    }
}

impl fmt::Debug for Cluster {
    /// Without the transports, which would show their credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares the connections to all nodes; nothing is sent.
    pub(super) fn new(config: &ElasticsearchConfig) -> Result<Self, IndexError> {
        let refused = |error: &dyn fmt::Display| IndexError::Refused(error.to_string());
        let urls = config.nodes().map_err(|error| refused(&error))?;
        let identity = config.identity().map_err(|error| refused(&error))?;
        let mut transports = Vec::with_capacity(urls.len());
        for url in &urls {
            transports.push(transport(config, &identity, url)?);
        }
        let names = urls.iter().map(name).collect();
        let aside = Backoff {
            ms_min: ASIDE_MS_MIN.min(config.health_interval_ms),
            ms_max: config.health_interval_ms,
        };
        let probe_timeout = Duration::from_millis(config.connect_timeout_ms);
        Ok(Self {
            transports,
            nodes: Mutex::new(Nodes::new(names, aside, probe_timeout)),
            request_timeout: Duration::from_millis(config.request_timeout_ms),
            probe_timeout,
            response_bytes_max: config.response_bytes_max,
            locked_out: Mutex::default(),
            refused_pause: Duration::from_millis(config.refused_pause_ms),
        })
    }

    /// Asks one node after the other until one answers as a working node does.
    ///
    /// A time-out ends the call: the next node would most likely need as long, and the caller decides whether to go on.
    ///
    /// Wrong credentials are not tried again for a while, by reads and writes alike: some clusters lock out a user for that.
    pub(super) async fn call(&self, request: &Request) -> Result<Answer, NoAnswer> {
        if let Some((until, answer)) = &*self.locked_out()
            && Instant::now() < *until
        {
            return Ok(answer.clone());
        }
        let answer = self.call_any(request).await?;
        if answer.status == 401 {
            *self.locked_out() = Some((Instant::now() + self.refused_pause, answer.clone()));
        }
        Ok(answer)
    }

    async fn call_any(&self, request: &Request) -> Result<Answer, NoAnswer> {
        let mut asked = Vec::new();
        let mut unhappy = None;
        loop {
            let choice = self.nodes().choose(Instant::now(), &asked);
            let Some(choice) = choice else {
                return unhappy.ok_or_else(|| NoAnswer(self.nodes().why()));
            };
            asked.push(choice.node);
            match self.ask(choice.node, choice.is_proven, request).await {
                Ok(answer) if is_node_down(answer.status) => {
                    self.failed(choice.node, &Fault::of(&answer.body).told(answer.status));
                    unhappy = Some(answer);
                }
                Ok(answer) => {
                    if self.nodes().succeeded(choice.node) {
                        tracing::info!(node = self.nodes().name(choice.node), "the node answers again");
                    }
                    return Ok(Answer { is_detour: asked.len() > 1, ..answer });
                }
                Err(Failure { why, is_timeout }) => {
                    self.failed(choice.node, &why);
                    if is_timeout {
                        return Err(NoAnswer(self.nodes().why()));
                    }
                }
            }
        }
    }

    /// Puts a node aside: it did not answer, or what it answered made no sense.
    fn failed(&self, node: usize, why: &str) {
        let mut nodes = self.nodes();
        if nodes.failed(node, Instant::now(), why.to_owned()) {
            tracing::warn!(node = nodes.name(node), why, "a node is put aside");
        }
    }

    /// A node whose process hangs still accepts connections. So one that failed has to answer a small request first, and so has, again
    /// and again, one that is long about its answer.
    async fn ask(&self, node: usize, is_proven: bool, request: &Request) -> Result<Answer, Failure> {
        if !is_proven {
            self.probe(node).await?;
        }
        let answer = self.send(node, request, self.request_timeout);
        tokio::pin!(answer);
        let hangs = async {
            loop {
                sleep(self.probe_timeout).await;
                if let Err(failure) = self.probe(node).await {
                    break failure;
                }
            }
        };
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            failure = hangs => Err(failure),
        }
    }

    /// Sees whether the node answers at all, whatever it says.
    async fn probe(&self, node: usize) -> Result<(), Failure> {
        let asked = self.send(node, &Request::new(Method::Get, ""), self.probe_timeout).await;
        match asked {
            Ok(_) => Ok(()),
            Err(Failure { is_timeout: true, .. }) => {
                Err(Failure::new(format!("it hangs: no answer within {:?}", self.probe_timeout)))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn send(&self, node: usize, request: &Request, time_max: Duration) -> Result<Answer, Failure> {
        let transport = &self.transports[node];
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        // The plain types are the ones that every version from 7.10 on takes.
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // A compressed answer would hide its length.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let sent = transport.send(
            request.method,
            &request.path,
            headers,
            None::<&()>,
            request.body.clone(),
            Some(time_max),
        );
        let response = sent.await.map_err(|error| Failure::of(&error, error.is_timeout()))?;
        let status = response.status_code().as_u16();
        let too_long =
            || Failure::new(format!("its answer is longer than {} bytes", self.response_bytes_max));
        let known = response.content_length().and_then(|length| usize::try_from(length).ok());
        if known.is_some_and(|length| length > self.response_bytes_max) {
            return Err(too_long());
        }
        let body = response.bytes().await.map_err(|error| Failure::of(&error, error.is_timeout()))?;
        if body.len() > self.response_bytes_max {
            Err(too_long())
        } else {
            Ok(Answer { status, body, is_detour: false })
        }
    }

    fn locked_out(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Answer)>> {
        self.locked_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nodes(&self) -> std::sync::MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a node gave no answer.
#[derive(Debug)]
struct Failure {
    why: String,
    is_timeout: bool,
}

impl Failure {
    fn new(why: String) -> Self {
        Self { why, is_timeout: false }
    }

    /// The innermost cause says most.
    fn of(error: &dyn std::error::Error, is_timeout: bool) -> Self {
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self { why: cause.to_string(), is_timeout }
    }
}

/// A gateway or a node without a master; another node may do.
fn is_node_down(status: u16) -> bool {
    matches!(status, 502..=504)
}

fn transport(config: &ElasticsearchConfig, identity: &Identity, url: &Url) -> Result<Transport, IndexError> {
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url.clone()))
        .disable_proxy()
        .enable_meta_header(false)
        .request_body_compression(config.compress);
    builder = match identity {
        Identity::Nobody => builder,
        Identity::User { name, password } => {
            builder.auth(Credentials::Basic(name.clone(), password.expose().to_owned()))
        }
        Identity::ApiKey(key) => builder.auth(match key.expose().split_once(':') {
            Some((id, key)) => Credentials::ApiKey(id.to_owned(), key.to_owned()),
            None => Credentials::EncodedApiKey(key.expose().to_owned()),
        }),
    };
    if let Some(file) = &config.ca_certificate_file {
        let unusable = |why: &dyn fmt::Display| {
            IndexError::Refused(format!("ca_certificate_file {} cannot be used: {why}", file.display()))
        };
        let pem = std::fs::read(file).map_err(|error| unusable(&error))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unusable(&error))?;
        builder = builder.cert_validation(CertificateValidation::Full(certificate));
    }
    builder.build().map_err(|error| IndexError::Refused(format!("no connection can be prepared: {error}")))
}

fn name(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
