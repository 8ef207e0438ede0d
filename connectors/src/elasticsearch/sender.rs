//! One bulk request on its way to the cluster and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use elasticsearch::http::Method;

use super::cluster::{Answer, Cluster, NoAnswer, Request};
use super::config::{ElasticsearchConfig, Refresh};
use super::delivery::{Reply, Wire};
use super::fault::{Fault, Verdict};
use super::gate::Gate;
use super::items::{self, ItemEnd};
use crate::{Document, Outcome};

/// What is needed of an answer; the rest would be most of its bytes.
const FILTER: &str = "errors,items.*._index,items.*._id,items.*.status,items.*.error.type,items.*.error.reason,\
                      items.*.error.caused_by,items.*.failure_store";
/// A server that takes less than this in one request takes nothing.
const BODY_BYTES_MIN: usize = 64 << 10;
/// A request of the size that the server takes adds one such part to it, so that about one of 200 requests is too large.
const GROWTH_DIVISOR: usize = 256;

#[derive(Debug)]
pub(super) struct Sender {
    cluster: Arc<Cluster>,
    gate: Gate,
    /// What every write asks for.
    options: String,
    /// Shrinks when the server says that a request was too large, and grows back slowly: its limit may have been raised.
    body_bytes_max: AtomicUsize,
    /// How large a body may be at most.
    bulk_bytes_max: usize,
}

impl Sender {
    pub(super) fn new(cluster: Arc<Cluster>, config: &ElasticsearchConfig) -> Self {
        let refresh = match config.refresh {
            Refresh::None => "",
            Refresh::WaitFor => "&refresh=wait_for",
        };
        // A shard that is away is to be reported by the cluster, document by document, before the request times out here.
        let options = format!("timeout={}ms{refresh}", config.request_timeout_ms / 2);
        Self {
            cluster,
            gate: Gate::new(config.concurrency_max),
            options,
            body_bytes_max: AtomicUsize::new(config.bulk_bytes_max),
            bulk_bytes_max: config.bulk_bytes_max,
        }
    }

    /// How large a body may be.
    pub(super) fn body_bytes_max(&self) -> usize {
        self.body_bytes_max.load(Ordering::Relaxed)
    }

    async fn bulk(&self, documents: &[&Document]) -> Reply {
        let pass = self.gate.enter().await;
        let body = match items::body(documents) {
            Ok(body) => body,
            Err(error) => return Reply::Bad(error.to_string()),
        };
        let bytes = body.len();
        let request = Request {
            method: Method::Post,
            path: format!("_bulk?{}&filter_path={FILTER}", self.options),
            body: Some(body),
            content_type: "application/x-ndjson",
        };
        let reply = match self.cluster.call(&request).await {
            Ok(answer) => {
                let reply = understood(documents, &answer);
                if !answer.is_detour {
                    pass.answered(is_overload(&reply));
                }
                reply
            }
            // Nodes that do not answer say nothing about how much the others can do.
            Err(NoAnswer(why)) => return Reply::Later(why),
        };
        self.learn_size(&reply, bytes, documents.len());
        reply
    }

    fn learn_size(&self, reply: &Reply, bytes: usize, count: usize) {
        if matches!(reply, Reply::Items(_)) {
            let max = self.body_bytes_max();
            if max < self.bulk_bytes_max && bytes > max / 2 {
                let more = (max + max / GROWTH_DIVISOR + 1).min(self.bulk_bytes_max);
                // A change by another meanwhile is as good.
                let grown =
                    self.body_bytes_max.compare_exchange(max, more, Ordering::Relaxed, Ordering::Relaxed);
                tracing::trace!(is_grown = grown.is_ok(), more, "the cluster takes requests of this size");
            }
        }
        if matches!(reply, Reply::TooLarge(_)) && count > 1 {
            let half = (bytes / 2).max(BODY_BYTES_MIN);
            if self.body_bytes_max.fetch_min(half, Ordering::Relaxed) > half {
                tracing::warn!(
                    bytes,
                    half,
                    "the cluster takes no bulk request of this size; smaller ones are sent"
                );
            }
        }
    }

    /// A document that cannot be a line of a bulk request. `Err`: nothing is known of it.
    async fn alone(&self, document: &Document) -> Result<ItemEnd, NoAnswer> {
        let Document { index, id, version, source, .. } = document;
        if matches!(id.as_str(), "." | "..") {
            let why = "its source has a line break and its id cannot be part of an address; change either";
            return Ok(ItemEnd::Done(Outcome::Rejected(why.to_owned())));
        }
        let id = percent_encoded(id);
        let request = Request {
            body: Some(source.clone().into()),
            ..Request::new(
                Method::Put,
                format!("{index}/_doc/{id}?version={version}&version_type=external&{}", self.options),
            )
        };
        let pass = self.gate.enter().await;
        let answer = self.cluster.call(&request).await?;
        let end = items::end_alone(document, answer.status, &answer.body).map_err(NoAnswer)?;
        if !answer.is_detour {
            pass.answered(matches!(end, ItemEnd::Again { is_overloaded: true, .. }));
        }
        Ok(end)
    }
}

impl Wire for Sender {
    async fn post(&self, documents: &[&Document]) -> Reply {
        let lines: Vec<&Document> =
            documents.iter().copied().filter(|document| items::is_one_line(document)).collect();
        let mut line_ends = Vec::new();
        if !lines.is_empty() {
            match self.bulk(&lines).await {
                Reply::Items(ends) => line_ends = ends,
                other => return other,
            }
        }
        let mut line_ends = line_ends.into_iter();
        let mut ends = Vec::with_capacity(documents.len());
        for document in documents {
            let known = if items::is_one_line(document) { line_ends.next() } else { None };
            ends.push(match known {
                Some(end) => end,
                None => match self.alone(document).await {
                    Ok(end) => end,
                    Err(NoAnswer(why)) => ItemEnd::Again { why, is_overloaded: false },
                },
            });
        }
        match ends.iter().map(not_allowed).collect::<Option<Vec<&str>>>() {
            Some(whys) if !whys.is_empty() => Reply::Refused(whys[0].to_owned()),
            _ => Reply::Items(ends),
        }
    }
}

fn not_allowed(end: &ItemEnd) -> Option<&str> {
    match end {
        ItemEnd::NotAllowed(why) => Some(why),
        ItemEnd::Done(_) | ItemEnd::Again { .. } => None,
    }
}

fn understood(documents: &[&Document], answer: &Answer) -> Reply {
    if answer.is_success() {
        return items::ends(documents, &answer.body).map_or_else(Reply::Later, Reply::Items);
    }
    let fault = Fault::of(&answer.body);
    let why = fault.told(answer.status);
    match fault.write_verdict(answer.status) {
        Verdict::Later => Reply::Later(why),
        Verdict::Overloaded => Reply::Busy(why),
        Verdict::TooLarge => Reply::TooLarge(why),
        Verdict::Refused => Reply::Refused(why),
        Verdict::Bad | Verdict::NoIndex => Reply::Bad(why),
    }
}

/// Whether fewer requests at a time would do better.
fn is_overload(reply: &Reply) -> bool {
    match reply {
        Reply::Items(ends) => {
            ends.iter().any(|end| matches!(end, ItemEnd::Again { is_overloaded: true, .. }))
        }
        Reply::Busy(_) | Reply::Later(_) => true,
        Reply::TooLarge(_) | Reply::Bad(_) | Reply::Refused(_) => false,
    }
}

fn percent_encoded(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len() * 3);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend(
                [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
            );
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_can_be_part_of_an_address() {
        assert_eq!(percent_encoded("day:2024-10_1.x/\u{3bc} %"), "day%3A2024-10_1.x%2F%CE%BC%20%25");
    }

    #[test]
    fn the_size_of_requests_shrinks_at_once_and_grows_back_slowly() {
        let config = ElasticsearchConfig::default();
        let sender = Sender::new(Arc::new(Cluster::new(&config).unwrap()), &config);
        let max = config.bulk_bytes_max;
        sender.learn_size(&Reply::TooLarge(String::new()), max, 2);
        assert_eq!(sender.body_bytes_max(), max / 2);
        sender.learn_size(&Reply::Items(Vec::new()), 1_000, 2);
        assert_eq!(sender.body_bytes_max(), max / 2, "a small one proves nothing");
        let mut requests = 0;
        while sender.body_bytes_max() < max {
            sender.learn_size(&Reply::Items(Vec::new()), sender.body_bytes_max(), 2);
            requests += 1;
        }
        assert!((150..250).contains(&requests) && sender.body_bytes_max() == max, "{requests}");
    }
}
