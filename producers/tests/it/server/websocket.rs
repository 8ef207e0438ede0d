//! The chain feeds' websocket, down to frames that are none.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// What the server does next on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Drops the connection before the handshake.
    Refuse,
    Text(String),
    Binary(Vec<u8>),
    /// Bytes past the websocket's framing.
    Raw(Vec<u8>),
    /// Goes on when the test says so with this number, or a higher one.
    Await(u32),
    /// Ends the connection in the websocket's way.
    Close,
    /// Ends the TCP connection.
    Drop,
    /// Neither says nor reads anything any more.
    Silence,
}

#[derive(Debug)]
pub(crate) struct WebSocketServer {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    go: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl WebSocketServer {
    /// Each connection waits for the subscriptions, follows the next script, and then answers pings for ever.
    pub(crate) async fn start(subscriptions: usize, scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<Vec<String>>>>::default();
        let all_heard = Arc::clone(&heard);
        let (go, gone) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut scripts = scripts.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let script = scripts.next().unwrap_or_default();
                let index = {
                    let mut heard = all_heard.lock().unwrap();
                    heard.push(Vec::new());
                    heard.len() - 1
                };
                let connection = Connection { index, heard: Arc::clone(&all_heard), go: gone.clone() };
                tokio::spawn(connection.serve(stream, subscriptions, script));
            }
        });
        Self { url, heard, go, task }
    }

    /// Lets scripts go on that wait for a number up to this.
    pub(crate) fn go(&self, number: u32) {
        self.go.send_replace(number);
    }

    /// What was heard, connection by connection.
    pub(crate) fn heard(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for WebSocketServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Connection {
    index: usize,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    go: watch::Receiver<u32>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, subscriptions: usize, script: Vec<Step>) {
        if matches!(script.first(), Some(Step::Refuse)) {
            return;
        }
        let Ok(mut socket) = accept_async(stream).await else {
            return;
        };
        for _ in 0..subscriptions {
            if !self.hear(&mut socket).await {
                return;
            }
        }
        for step in script {
            if !self.step(&mut socket, step).await {
                return;
            }
        }
        while self.hear(&mut socket).await {}
    }

    /// Takes one step; `false` ends the connection.
    async fn step(&mut self, socket: &mut WebSocketStream<TcpStream>, step: Step) -> bool {
        match step {
            Step::Text(text) => socket.send(Message::text(text)).await.is_ok(),
            Step::Binary(bytes) => socket.send(Message::binary(bytes)).await.is_ok(),
            Step::Raw(bytes) => socket.get_mut().write_all(&bytes).await.is_ok(),
            Step::Close => {
                socket.close(None).await.ok();
                false
            }
            Step::Await(number) => loop {
                tokio::select! {
                    going = self.go.wait_for(|gone| *gone >= number) => return going.is_ok(),
                    heard = hear(socket, &self.heard, self.index) => if !heard { return false },
                }
            },
            Step::Refuse | Step::Drop => false,
            Step::Silence => std::future::pending().await,
        }
    }

    async fn hear(&mut self, socket: &mut WebSocketStream<TcpStream>) -> bool {
        hear(socket, &self.heard, self.index).await
    }
}

/// Reads one message, and answers a ping as the providers do.
async fn hear(
    socket: &mut WebSocketStream<TcpStream>,
    heard: &Mutex<Vec<Vec<String>>>,
    index: usize,
) -> bool {
    let Some(Ok(message)) = socket.next().await else {
        return false;
    };
    let Ok(text) = message.into_text() else {
        return false;
    };
    let pong = match text.as_str() {
        r#"{"op":"ping"}"# => Some(r#"{"op":"pong"}"#),
        r#"{"action":"ping"}"# => Some(r#"{"pong":true}"#),
        _ => None,
    };
    heard.lock().unwrap()[index].push(text.to_string());
    match pong {
        Some(pong) => socket.send(Message::text(pong)).await.is_ok(),
        None => true,
    }
}
