//! Requests to the providers, every part of them limited in time and size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use tokio::time::timeout;

use crate::config::HttpConfig;
use crate::error::ProduceError;
use crate::tls;

/// Redirections followed for one request.
const REDIRECTS_MAX: usize = 3;

/// A client that keeps the limits. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    config: HttpConfig,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer within {0} ms")]
    HeadersTimeout(u64),
    #[error("the answer did not end within {0} ms")]
    BodyTimeout(u64),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("status {status}")]
    Status {
        status: StatusCode,
        /// How long the provider wants to be left alone.
        retry_after: Option<Duration>,
    },
}

impl HttpError {
    /// How long the provider wants to be left alone, if it said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Http {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, ProduceError> {
        let client = Client::builder()
            .use_preconfigured_tls(tls::client_config(config)?)
            .connect_timeout(Duration::from_millis(config.connect_ms_max))
            .redirect(redirect::Policy::custom(follow))
            .user_agent(&config.user_agent)
            .build()
            .map_err(|error| ProduceError::Client(error.to_string()))?;
        Ok(Self { client, config: config.clone() })
    }

    /// The body of a successful answer about prices or heights.
    pub(crate) async fn get(&self, url: &str) -> Result<Bytes, HttpError> {
        self.get_up_to(url, self.config.body_bytes_max).await
    }

    /// The body of a successful answer that carries blocks.
    pub(crate) async fn get_blocks(&self, url: &str) -> Result<Bytes, HttpError> {
        self.get_up_to(url, self.config.block_body_bytes_max).await
    }

    async fn get_up_to(&self, url: &str, bytes_max: usize) -> Result<Bytes, HttpError> {
        let headers_ms_max = self.config.connect_ms_max + self.config.headers_ms_max;
        let answer = timeout(Duration::from_millis(headers_ms_max), self.client.get(url).send())
            .await
            .map_err(|_| HttpError::HeadersTimeout(headers_ms_max))?
            .map_err(|error| HttpError::Connect(with_causes(&error)))?;
        let status = answer.status();
        if !status.is_success() {
            let longest = Duration::from_millis(self.config.retry_after_ms_max);
            let retry_after = retry_after(answer.headers(), Utc::now()).map(|wait| wait.min(longest));
            return Err(HttpError::Status { status, retry_after });
        }
        timeout(Duration::from_millis(self.config.body_ms_max), body(answer, bytes_max))
            .await
            .map_err(|_| HttpError::BodyTimeout(self.config.body_ms_max))?
    }
}

/// Follows a few redirections, also to other hosts as providers move, but none that gives up TLS.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let is_downgrade = attempt.url().scheme() != "https"
        && attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("too many redirects")
    } else if is_downgrade {
        attempt.error("a redirection from https to http is not followed")
    } else {
        attempt.follow()
    }
}

/// Reads the (decompressed) body and stops at the limit, whatever `Content-Length` says.
async fn body(mut answer: reqwest::Response, bytes_max: usize) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| HttpError::Broken(with_causes(&error)))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(HttpError::TooLong(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The wait that a `Retry-After` asks for, in either of its forms: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

/// An error with its causes; reqwest's own text stops at the first.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let now = DateTime::parse_from_rfc3339("2015-10-21T07:27:30Z").unwrap().to_utc();
        let wait = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            retry_after(&headers, now)
        };
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-5"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
