//! Goal: a cluster with a certificate of its own is reached when that is trusted, and not otherwise. Method: a local TLS server.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use trombe_connectors::{ElasticsearchConfig, ElasticsearchIndex};

use crate::server::{Act, config, serve};

#[tokio::test]
async fn only_a_trusted_certificate_is_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let root = folder.path().join("root.pem");
    let text = STANDARD.encode(made.cert.der());
    std::fs::write(&root, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
        .unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The look whether anybody listens, or a client that does not trust the certificate, ends here.
            if let Ok(stream) = acceptor.accept(stream).await {
                let answer = |_: &_| Act::Answer(200, r#"{"version":{"number":"9.5.3"}}"#.into());
                serve(stream, &answer, &Mutex::default()).await;
            }
        }
    });

    let trusting = ElasticsearchConfig {
        urls: vec![format!("https://localhost:{}", address.port())],
        ca_certificate_file: Some(root),
        ..config(&[])
    };
    let index = ElasticsearchIndex::connect(&trusting).unwrap();
    assert_eq!(index.version().await.unwrap(), "9.5.3");
    drop(index);

    let strange = ElasticsearchConfig { ca_certificate_file: None, ..trusting.clone() };
    let error = ElasticsearchIndex::connect(&strange).unwrap().version().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("certificate"), "{error}");

    let absent = ElasticsearchConfig { ca_certificate_file: Some("/nowhere.pem".into()), ..trusting };
    let error = ElasticsearchIndex::connect(&absent).unwrap_err();
    assert!(error.to_string().contains("/nowhere.pem"), "{error}");
    serving.abort();
}
