//! A server that plays a node of Elasticsearch as a test scripts it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    BufReader,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use trombe_connectors::{Document, ElasticsearchConfig, ElasticsearchIndex};

/// A request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The first one is 0; a probe has none but `usize::MAX`.
    pub(crate) number: usize,
    /// Such as `POST /_bulk?...`.
    pub(crate) line: String,
    /// In lower case, one a line.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// What the server does with a request, which it has always read whole.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Answer(u16, String),
    /// Announces an answer of so many bytes.
    Announce(u64),
    /// Closes the connection.
    Cut,
    /// Never answers.
    Hang,
}

impl Request {
    /// Whether it asks no more than whether the node lives.
    fn is_probe(&self) -> bool {
        self.line == "GET /"
    }

    /// The ids of a bulk request's documents, with the sources.
    pub(crate) fn documents(&self) -> Vec<(String, String)> {
        let lines: Vec<&str> = self.body.lines().collect();
        let action = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let id = |line: &str| action(line)["index"]["_id"].as_str().unwrap().to_owned();
        lines.chunks(2).map(|pair| (id(pair[0]), pair[1].to_owned())).collect()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.documents().into_iter().map(|(id, _)| id).collect()
    }

    /// An answer with an item for each document: what `item` gives follows its names.
    pub(crate) fn items(&self, item: impl Fn(&str) -> String) -> Act {
        let items: Vec<String> = self
            .ids()
            .iter()
            .map(|id| format!(r#"{{"index":{{"_index":"docs","_id":"{id}",{}}}}}"#, item(id)))
            .collect();
        Act::Answer(200, format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(",")))
    }
}

pub(crate) const CREATED: &str = r#""status":201"#;

/// The fields of an item or the body of an answer that failed.
pub(crate) fn failed(status: u16, kind: &str) -> String {
    format!(r#""status":{status},"error":{{"type":"{kind}","reason":"as scripted"}}"#)
}

pub(crate) fn refusal(status: u16, kind: &str) -> Act {
    Act::Answer(status, format!("{{{}}}", failed(status, kind)))
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (script, seen) = (Arc::new(script), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            // Connections end with the server.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                connections.spawn(async move { serve(stream, &*script, &seen).await });
            }
        });
        Self { address, requests, task }
    }

    /// Without the probes, which may come at any time.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().iter().filter(|request| !request.is_probe()).cloned().collect()
    }

    /// How often it was asked for anything.
    pub(crate) fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn config(&self) -> ElasticsearchConfig {
        config(&[self.address])
    }

    pub(crate) fn index(&self) -> ElasticsearchIndex {
        ElasticsearchIndex::connect(&self.config()).unwrap()
    }
}

/// Reads requests and does what the script says, until the client or the script ends it.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    script: &(impl Fn(&Request) -> Act + ?Sized),
    seen: &Mutex<Vec<Request>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = receive(&mut stream).await {
        {
            let mut seen = seen.lock().unwrap();
            let count = || seen.iter().filter(|request| !request.is_probe()).count();
            request.number = if request.is_probe() { usize::MAX } else { count() };
            seen.push(request.clone());
        }
        let answer = match script(&request) {
            Act::Answer(status, body) => format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Act::Announce(bytes) => format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{{"),
            Act::Cut => return,
            Act::Hang => std::future::pending().await,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn receive(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(count) if count > 0 => {}
            _ => return None,
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines.split_off(1).join("\n").to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    let line = lines.pop()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { number: 0, line, headers, body: String::from_utf8(body).unwrap() })
}

/// Short waits, so that tests end soon.
pub(crate) fn config(nodes: &[SocketAddr]) -> ElasticsearchConfig {
    ElasticsearchConfig {
        urls: nodes.iter().map(|address| format!("http://{address}")).collect(),
        request_timeout_ms: 5_000,
        health_interval_ms: 20,
        retry_backoff_ms_min: 1,
        retry_backoff_ms_max: 10,
        bulk_age_ms: 1,
        ..ElasticsearchConfig::default()
    }
}

pub(crate) fn document(id: &str) -> Document {
    Document {
        index: "docs".into(),
        id: id.into(),
        version: 1,
        timestamp: chrono::DateTime::UNIX_EPOCH,
        source: format!(r#"{{"id":"{id}"}}"#),
    }
}

pub(crate) fn documents(ids: &[&str]) -> Vec<Document> {
    ids.iter().map(|id| document(id)).collect()
}
