//! One TLS configuration for requests and websockets: rustls with ring and Mozilla's root certificates.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::error::ProduceError;

/// Makes the configuration. No process-wide default is set or needed.
pub(crate) fn client_config() -> Result<ClientConfig, ProduceError> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ProduceError::Client(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
