//! A served page and a client that speaks HTTP by hand, so that it can also speak it badly.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic, and this is part of one")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use btc_dashboard_web::{PageOptions, Status, StatusSource, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::fake::Documents;

/// Far longer than anything takes; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

pub(crate) fn options() -> PageOptions {
    PageOptions {
        refresh_ms: 50,
        status_ms: 50,
        heartbeat_ms: 100,
        shutdown_ms_max: 500,
        ..PageOptions::default()
    }
}

pub(crate) async fn serve_page(index: &Arc<Documents>, status: Status, options: PageOptions) -> Served {
    serve_source(index, Arc::new(move || status.clone()), options).await
}

pub(crate) async fn serve_source(
    index: &Arc<Documents>,
    source: StatusSource,
    options: PageOptions,
) -> Served {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let index = Arc::clone(index);
    let task = tokio::spawn(async move {
        serve(listener, index, source, options, stopped).await.unwrap();
    });
    Served { address, stop: Some(stop), task }
}

impl Served {
    /// The answer's head and body.
    pub(crate) async fn get(&self, path: &str) -> (String, String) {
        self.request(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
    }

    pub(crate) async fn request(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time").unwrap();
        let answer = String::from_utf8(bytes).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }

    pub(crate) async fn open(&self, path: &str, headers: &str) -> Events {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Events { stream, text: String::new() }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(PATIENCE, &mut self.task).await.expect("an end in time").unwrap();
    }
}

/// An open event stream.
pub(crate) struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// Reads on until the text appears, and gives everything up to and with it.
    pub(crate) async fn until(&mut self, wanted: &str) -> String {
        let read = async {
            let mut bytes = [0; 4096];
            loop {
                if let Some(at) = self.text.find(wanted) {
                    let rest = self.text.split_off(at + wanted.len());
                    return std::mem::replace(&mut self.text, rest);
                }
                let count = self.stream.read(&mut bytes).await.unwrap();
                assert!(count > 0, "the stream ended without {wanted:?} after {:?}", self.text);
                self.text.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no {wanted:?}"))
    }

    /// Whether it ends by itself.
    pub(crate) async fn ends(mut self) -> bool {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.is_ok()
    }
}
