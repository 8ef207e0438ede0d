//! The way over TLS, to a local server with a certificate of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use btc_producers::{ChainProvider, ChainSource, PriceProvider};
use futures_util::SinkExt as _;
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Answer, HttpServer};
use crate::support::quick;
use crate::{blockchain, bpi};

/// Serves a price by HTTPS and a transaction by `wss`, with a certificate that no public authority signed.
struct TlsServer {
    address: String,
    /// The certificate, as PEM.
    root: PathBuf,
    task: JoinHandle<()>,
}

impl TlsServer {
    async fn start(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let root = folder.join("root.pem");
        std::fs::write(&root, pem(made.cert.der())).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust the certificate ends here.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    serve(stream).await;
                });
            }
        });
        Self { address, root, task }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
    // The first byte after `GET /` tells the two apart: the websocket is asked for at `/`.
    let mut start = [0; 6];
    if stream.read_exact(&mut start).await.is_err() {
        return;
    }
    if start.ends_with(b"d") {
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.ok();
        return;
    }
    if start.ends_with(b"p") {
        let body = r#"{"data":{"base":"BTC","currency":"EUR","amount":"60000.5"}}"#;
        let answer =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.ok();
        stream.shutdown().await.ok();
        return;
    }
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(std::io::Cursor::new(start.to_vec()).chain(reader), writer);
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    socket.send(Message::text(blockchain::utx(1))).await.ok();
    std::future::pending::<()>().await;
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path()).await;
    let plain = HttpServer::start(|_, _| bpi::coinbase("60001")).await;

    let mut config = bpi::config(&plain, &[PriceProvider::Kraken, PriceProvider::Coinbase]);
    config.bpi.sources[0].url = Some(format!("https://{}/price", server.address));
    let daemon = bpi::start(Arc::default(), config);
    daemon.log.until("the other source takes over", |stored| !stored.is_empty()).await;
    let error = daemon.stop().await.unwrap().sources["kraken"].last_error.clone().unwrap();
    assert!(error.contains("invalid peer certificate"), "{error}");

    let mut config = quick();
    config.blockchain.sources = vec![websocket(&server, &plain)];
    let daemon = blockchain::start(Arc::default(), config);
    daemon
        .until("the websocket fails", |summary| summary.sources.values().any(|source| source.failures > 0))
        .await;
    let error = daemon.stop().await.unwrap().sources["blockchain-info"].last_error.clone().unwrap();
    assert!(error.contains("invalid peer certificate"), "{error}");
}

fn websocket(server: &TlsServer, rest: &HttpServer) -> ChainSource {
    ChainSource {
        websocket_url: Some(format!("wss://{}/", server.address)),
        rest_url: Some(rest.url.clone()),
        ..ChainSource::new(ChainProvider::BlockchainInfo)
    }
}

#[tokio::test]
async fn a_configured_root_certificate_is_trusted_by_requests_and_websockets() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path()).await;
    let plain = HttpServer::start(|_, _| Answer::Status(404, None)).await;

    let mut config = bpi::config(&plain, &[PriceProvider::Coinbase]);
    config.bpi.sources[0].url = Some(format!("https://{}/price", server.address));
    config.http.root_certificates_file = Some(server.root.clone());
    let daemon = bpi::start(Arc::default(), config.clone());
    daemon.log.until("the price is stored", |stored| !stored.is_empty()).await;
    daemon.stop().await.unwrap();

    config.blockchain.sources = vec![websocket(&server, &plain)];
    let daemon = blockchain::start(Arc::default(), config);
    daemon.log.until("the transaction is stored", |stored| !stored.is_empty()).await;
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn no_redirection_leads_out_of_tls() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path()).await;
    let plain = HttpServer::start(|_, _| bpi::coinbase("60001")).await;
    let mut config = bpi::config(&plain, &[PriceProvider::Kraken, PriceProvider::Coinbase]);
    config.bpi.sources[0].url = Some(format!("https://{}/downgrade", server.address));
    config.http.root_certificates_file = Some(server.root.clone());
    let daemon = bpi::start(Arc::default(), config);
    daemon.log.until("the other source takes over", |stored| !stored.is_empty()).await;
    let summary = daemon.stop().await.unwrap();
    let error = summary.sources["kraken"].last_error.as_deref().unwrap();
    assert!(error.contains("from https to http"), "{error}");
}

#[tokio::test]
async fn a_file_without_root_certificates_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots.pem");
    for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let mut config = quick();
        config.http.root_certificates_file = Some(path.clone());
        let daemon = bpi::start(Arc::default(), config);
        let error = daemon.stop().await.unwrap_err().to_string();
        assert!(error.contains("roots.pem") && error.contains("root_certificates_file"), "{error}");
    }
}
