//! What every request must satisfy and what every answer carries.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::hub::Hub;

/// Nothing but this server's own files; no inline script, no inline style.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Refuses requests that no honest browser sends, and adds the security headers to every answer.
pub(crate) async fn guard(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&hub, &request) {
        Some((status, why)) => (status, why).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(hub: &Hub, request: &Request) -> Option<(StatusCode, String)> {
    let uri_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let uri_bytes_max = hub.options().uri_bytes_max;
    if uri_bytes > uri_bytes_max {
        let why = format!("the address has {uri_bytes} bytes, more than {uri_bytes_max}; shorten it\n");
        return Some((StatusCode::URI_TOO_LONG, why));
    }
    let host = host(request.headers()).or_else(|| request.uri().host());
    if !host.is_some_and(|host| is_answered(host, &hub.options().hosts_allowed)) {
        let why =
            "this page answers to localhost, an IP address or a name in hosts_allowed; use one of them\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, why.to_owned()));
    }
    None
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether a `Host` header names this server. An IP address always may: DNS rebinding needs a name.
pub(crate) fn is_answered(host: &str, allowed: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || allowed.iter().any(|allowed| name.eq_ignore_ascii_case(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let allowed = ["dash.example".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]:8080",
            "10.0.0.7",
            "dash.example:1",
        ] {
            assert!(is_answered(host, &allowed), "{host}");
        }
        for host in [
            "",
            ":8080",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.example:80",
            "[::1",
            "dash",
        ] {
            assert!(!is_answered(host, &allowed), "{host}");
        }
    }
}
