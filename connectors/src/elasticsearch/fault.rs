//! What Elasticsearch says when it does not do what it was asked, and what follows from it.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// How much of a reason is kept: it ends in logs, on the page and in dead letters.
const REASON_CHARS_MAX: usize = 500;

/// Errors of a write that say nothing about its document, so that it may be stored once the cluster is mended. By their names in
/// Elasticsearch's `ElasticsearchExceptionHandle`; those with a status of 5xx are known by it.
const KINDS_OF_THE_CLUSTER: [&str; 8] = [
    "index_not_found_exception",
    "index_closed_exception",
    "index_primary_shard_not_allocated_exception",
    "resource_already_exists_exception",
    "shard_not_found_exception",
    "index_shard_closed_exception",
    "index_shard_not_started_exception",
    "unavailable_shards_exception",
];

/// Likewise, where the type is one that documents cause, too: from `ShardLimitValidator`, and from `IndexAbstraction` and
/// `TransportBulkAction` for names that are an alias or a data stream and cannot be written to like an index.
const REASONS_OF_THE_CLUSTER: [&str; 3] = [
    "this action would add [",
    "no write index is defined for alias",
    "only write ops with an op_type of create are allowed in data streams",
];

/// An error as Elasticsearch explains it. What is no such explanation becomes the reason as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    /// Such as `mapper_parsing_exception`; empty if the answer names none.
    pub(super) kind: String,
    pub(super) reason: String,
}

/// What follows from a status that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may work later.
    Later,
    /// The cluster has too much to do: later, and less at a time.
    Overloaded,
    /// The request is larger than the server takes.
    TooLarge,
    /// The index does not exist.
    NoIndex,
    /// Nothing of the kind will work before somebody mends credentials or permissions.
    Refused,
    /// This request never works.
    Bad,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Explanation {
    Whole {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        caused_by: Option<Box<Explanation>>,
    },
    Text(String),
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Explanation::deserialize(deserializer).map(Self::from)
    }
}

impl From<Explanation> for Fault {
    fn from(explanation: Explanation) -> Self {
        match explanation {
            Explanation::Whole { kind, reason, caused_by } => {
                let cause =
                    caused_by.map(|cause| Self::from(*cause)).filter(|cause| !cause.reason.is_empty());
                let reason = match (reason.unwrap_or_default(), cause) {
                    (reason, Some(cause)) if !reason.contains(&cause.reason) => {
                        format!("{reason}: {}", cause.reason)
                    }
                    (reason, _) => reason,
                };
                Self { kind, reason: shortened(&reason) }
            }
            Explanation::Text(text) => Self { kind: String::new(), reason: shortened(&text) },
            Explanation::Other(_) => Self::default(),
        }
    }
}

impl Fault {
    /// The error of an answer's body.
    pub(super) fn of(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            error: Fault,
        }
        serde_json::from_slice::<Body>(body).map_or_else(
            |_| Self { kind: String::new(), reason: shortened(String::from_utf8_lossy(body).trim()) },
            |body| body.error,
        )
    }

    /// For people: the status, the type and the reason.
    pub(super) fn told(&self, status: u16) -> String {
        let hint = if self.is_block() {
            "; if a disk passed its flood-stage watermark, free space on it, and the block goes by itself"
        } else {
            ""
        };
        match (self.kind.as_str(), self.reason.as_str()) {
            ("", "") => format!("HTTP {status}"),
            ("", reason) => format!("HTTP {status}: {reason}"),
            (kind, reason) => format!("HTTP {status}, {kind}: {reason}{hint}"),
        }
    }

    /// An index or cluster that takes no writes for now, most often for want of disk space.
    fn is_block(&self) -> bool {
        self.kind == "cluster_block_exception"
    }

    /// What follows for a whole request.
    pub(super) fn verdict(&self, status: u16) -> Verdict {
        match status {
            _ if self.is_block() => Verdict::Later,
            429 => Verdict::Overloaded,
            _ if self.is_rejected_execution() => Verdict::Overloaded,
            408 | 500..=599 => Verdict::Later,
            413 => Verdict::TooLarge,
            404 if self.kind == "index_not_found_exception" => Verdict::NoIndex,
            // Without a type it comes from something between here and the cluster, which knows nothing of documents.
            400 if !self.kind.is_empty() => Verdict::Bad,
            _ => Verdict::Refused,
        }
    }

    /// What follows for a whole request that writes.
    pub(super) fn write_verdict(&self, status: u16) -> Verdict {
        if self.is_of_the_cluster() { Verdict::Later } else { self.verdict(status) }
    }

    /// What follows for one document of a bulk request whose own status is no success. `None`: it can never be stored.
    pub(super) fn item_verdict(&self, status: u16) -> Option<Verdict> {
        match self.write_verdict(status) {
            later @ (Verdict::Later | Verdict::Overloaded) => Some(later),
            _ if self.is_security(status) => Some(Verdict::Refused),
            Verdict::TooLarge | Verdict::NoIndex | Verdict::Refused | Verdict::Bad => None,
        }
    }

    /// The credentials or their privileges do not suffice.
    fn is_security(&self, status: u16) -> bool {
        self.kind == "security_exception" || matches!(status, 401 | 403)
    }

    fn is_of_the_cluster(&self) -> bool {
        KINDS_OF_THE_CLUSTER.contains(&self.kind.as_str())
            || (matches!(self.kind.as_str(), "illegal_argument_exception" | "validation_exception")
                && REASONS_OF_THE_CLUSTER.iter().any(|reason| self.reason.contains(reason)))
    }

    /// The stored version is the same or newer.
    pub(super) fn is_version_conflict(&self) -> bool {
        self.kind == "version_conflict_engine_exception"
    }

    fn is_rejected_execution(&self) -> bool {
        matches!(self.kind.as_str(), "es_rejected_execution_exception" | "circuit_breaking_exception")
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: &str) -> Fault {
        Fault { kind: kind.into(), reason: "why".into() }
    }

    #[test]
    fn errors_are_read_in_every_shape() {
        let cases = [
            (
                r#"{"error":{"type":"a","reason":"b","root_cause":[{"type":"a"}]},"status":400}"#,
                "HTTP 400, a: b",
            ),
            (
                r#"{"error":{"type":"a","reason":"b","caused_by":{"type":"c","reason":"d"}}}"#,
                "HTTP 400, a: b: d",
            ),
            (
                r#"{"error":{"type":"a","reason":"b d","caused_by":{"type":"c","reason":"d"}}}"#,
                "HTTP 400, a: b d",
            ),
            (r#"{"error":{"type":"a","reason":null}}"#, "HTTP 400, a: "),
            (r#"{"error":"no handler found","status":400}"#, "HTTP 400: no handler found"),
            (r#"{"error":[1]}"#, "HTTP 400"),
            ("<html>Bad Gateway</html>", "HTTP 400: <html>Bad Gateway</html>"),
            ("", "HTTP 400"),
        ];
        for (body, told) in cases {
            assert_eq!(Fault::of(body.as_bytes()).told(400), told, "{body}");
        }
        let long = Fault::of("é".repeat(10_000).as_bytes());
        assert_eq!(long.reason.chars().count(), REASON_CHARS_MAX + 3);
    }

    #[test]
    fn every_status_has_its_consequence() {
        use Verdict::{Bad, Later, NoIndex, Overloaded, Refused, TooLarge};
        let cases = [
            (400, "mapper_parsing_exception", Bad, None),
            (400, "es_rejected_execution_exception", Overloaded, Some(Overloaded)),
            (401, "security_exception", Refused, Some(Refused)),
            (403, "security_exception", Refused, Some(Refused)),
            (403, "cluster_block_exception", Later, Some(Later)),
            (400, "", Refused, None),
            (403, "something_else", Refused, Some(Refused)),
            (401, "", Refused, Some(Refused)),
            (400, "index_closed_exception", Bad, Some(Later)),
            (409, "index_primary_shard_not_allocated_exception", Refused, Some(Later)),
            (404, "index_not_found_exception", NoIndex, Some(Later)),
            (404, "", Refused, None),
            (408, "", Later, Some(Later)),
            (413, "", TooLarge, None),
            (429, "cluster_block_exception", Later, Some(Later)),
            (429, "es_rejected_execution_exception", Overloaded, Some(Overloaded)),
            (429, "circuit_breaking_exception", Overloaded, Some(Overloaded)),
            (500, "", Later, Some(Later)),
            (502, "", Later, Some(Later)),
            (503, "master_not_discovered_exception", Later, Some(Later)),
            (503, "unavailable_shards_exception", Later, Some(Later)),
            (504, "", Later, Some(Later)),
            (301, "", Refused, None),
        ];
        for (status, kind, whole, item) in cases {
            assert_eq!(fault(kind).verdict(status), whole, "{status} {kind}");
            assert_eq!(fault(kind).item_verdict(status), item, "{status} {kind} of one document");
        }
        for (reason, verdict) in [
            (
                "Validation Failed: 1: this action would add [2] shards, but this cluster currently has [9]/[9] maximum normal \
                 shards open;",
                Later,
            ),
            ("no write index is defined for alias [btc]. The write index may be ...", Later),
            ("Limit of total fields [1000] has been exceeded", Bad),
        ] {
            let fault = Fault { reason: reason.into(), ..fault("illegal_argument_exception") };
            assert_eq!(fault.write_verdict(400), verdict, "{reason}");
        }
        assert!(fault("cluster_block_exception").told(429).contains("flood-stage watermark"));
    }
}
