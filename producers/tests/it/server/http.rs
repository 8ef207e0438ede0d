//! HTTP/1.1 as the price and chain interfaces speak it, down to answers that break off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};

/// What is answered to one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Ok(String),
    Status(u16, Option<(&'static str, String)>),
    /// Headers at once, then a byte of the body now and then.
    SlowBody,
    /// The headers promise more than comes.
    HalfBody(String),
    /// Nothing, for ever.
    Silence,
    /// These bytes, whatever they are, and the end of the connection.
    Bytes(Vec<u8>),
    /// A header that never ends, byte by byte.
    SlowHeader,
    /// A body without end.
    Endless,
}

/// The `n`th request (from 0) of a path is answered with what the script says.
type Script = dyn Fn(&str, usize) -> Answer + Send + Sync;

#[derive(Debug)]
pub(crate) struct HttpServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<(String, Instant)>>>,
    task: JoinHandle<()>,
}

impl HttpServer {
    pub(crate) async fn start(script: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<(String, Instant)>>>::default();
        let script: Arc<Script> = Arc::new(script);
        let counts = Arc::<Mutex<HashMap<String, usize>>>::default();
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen, counts) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&counts));
                tokio::spawn(async move {
                    serve(stream, |path| {
                        seen.lock().unwrap().push((path.to_owned(), Instant::now()));
                        let mut counts = counts.lock().unwrap();
                        let count = counts.entry(path.to_owned()).or_default();
                        *count += 1;
                        script(path, *count - 1)
                    })
                    .await;
                });
            }
        });
        Self { url, requests, task }
    }

    /// When a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> Vec<Instant> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|(asked, _)| asked == path).map(|(_, at)| *at).collect()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, mut answer: impl FnMut(&str) -> Answer) {
    while let Some(path) = request(&mut stream).await {
        let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        match answer(&path) {
            Answer::Ok(body) => {
                let text = head(body.len()) + &body;
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Status(status, header) => {
                let header = header.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
                let text = format!("HTTP/1.1 {status} Scripted\r\n{header}Content-Length: 0\r\n\r\n");
                stream.write_all(text.as_bytes()).await.ok();
            }
            Answer::SlowBody => {
                stream.write_all(head(1_000).as_bytes()).await.ok();
                let mut ticks = interval(Duration::from_millis(20));
                while stream.write_all(b" ").await.is_ok() {
                    ticks.tick().await;
                }
            }
            Answer::HalfBody(body) => {
                let text = head(body.len() * 2) + &body;
                stream.write_all(text.as_bytes()).await.ok();
                return;
            }
            Answer::Silence => std::future::pending().await,
            Answer::Bytes(bytes) => {
                stream.write_all(&bytes).await.ok();
                return;
            }
            Answer::SlowHeader => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await.ok();
                let mut ticks = interval(Duration::from_millis(20));
                while stream.write_all(b"x").await.is_ok() {
                    ticks.tick().await;
                }
                return;
            }
            Answer::Endless => {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.ok();
                let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
                while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                return;
            }
        }
    }
}

/// Reads a request and gives its path.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}
