//! One TLS configuration for requests and websockets: rustls with ring and Mozilla's root certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::config::HttpConfig;
use crate::error::ProduceError;

/// Makes the configuration. No process-wide default is set or needed.
pub(crate) fn client_config(config: &HttpConfig) -> Result<ClientConfig, ProduceError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.root_certificates_file {
        add_file(&mut roots, path)
            .map_err(|reason| ProduceError::RootCertificates { path: path.clone(), reason })?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ProduceError::Client(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Trusts every certificate of a PEM file. One that is not understood is refused rather than passed over: its
/// absence would show only as failing connections.
fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        found = true;
    }
    if found { Ok(()) } else { Err("there is no certificate in it".to_owned()) }
}
