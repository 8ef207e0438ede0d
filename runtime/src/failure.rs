//! Why a tuple failed: the reason a bolt gives, and the autopsy the engine writes about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::state::{StateError, StateErrorKind};

/// The result of component methods: `Err` fails the tuple being worked on.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// What should become of a failed tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The cause may pass: the spout gives the tuple again after a backoff.
    Retry,
    /// The tuple itself is at fault: it is not given again and [`Spout::exhausted`](crate::Spout::exhausted) is told.
    Reject,
    /// Nothing gets any further in this process: the topology ends, with an [`EndError`](crate::EndError). What is not acked comes
    /// again at the next start.
    Fatal,
    /// As `Fatal`, because another process has taken this one's place: started again by itself, it would take the place in its turn.
    Superseded,
}

impl FailureKind {
    /// Whether the topology ends.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Fatal | Self::Superseded)
    }
}

/// A reason for failing a tuple.
///
/// Any `std::error::Error` converts into a retryable failure, so `?` works inside components. A [`StateError`] by which, or because of
/// which, it came about is told apart: one that cannot pass ends the topology.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    reason: String,
}

impl Failure {
    /// The tuple failed for a cause that may pass; it will be replayed.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self { kind: FailureKind::Retry, reason: reason.to_string() }
    }

    /// The tuple can never succeed; it will not be replayed.
    pub fn reject(reason: impl fmt::Display) -> Self {
        Self { kind: FailureKind::Reject, reason: reason.to_string() }
    }

    /// Nothing can go on in this process: the topology ends, with this as its error.
    pub fn fatal(reason: impl fmt::Display) -> Self {
        Self { kind: FailureKind::Fatal, reason: reason.to_string() }
    }

    /// Whether the tuple is worth another attempt.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The reason as given.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

// `main` shows an error by `Debug`; the bare reason reads better there than a struct.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// `Failure` does not implement `Error` itself, as that would make this conversion overlap with `From<T> for T`.
impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut kind = kind_of(&error);
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason.push_str(": ");
            reason.push_str(&inner.to_string());
            kind = kind.or(kind_of(inner));
            cause = inner.source();
        }
        Self { kind: kind.unwrap_or(FailureKind::Retry), reason }
    }
}

fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<FailureKind> {
    let error: &StateError = error.downcast_ref()?;
    Some(match error.kind {
        StateErrorKind::Transient => FailureKind::Retry,
        StateErrorKind::Permanent => FailureKind::Fatal,
        StateErrorKind::Superseded => FailureKind::Superseded,
    })
}

/// What is known about one failed tuple tree, as plain data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autopsy {
    /// The component in which it failed.
    pub component: String,
    /// The edge by which the tuple came there, as `from` or `from/stream`.
    pub edge: String,
    /// The task of the component, counted from zero.
    pub task: usize,
    /// The spout whose tuple it was (empty for a tuple that is not anchored to any).
    pub spout: String,
    /// The spout's own id of the tuple.
    pub id: Option<u64>,
    /// Which attempt this was, counted from one.
    pub attempt: u32,
    /// How long the tuple waited in the queue of the component.
    pub queued_us: u64,
    /// How long the component worked on it or held it.
    pub executed_us: u64,
    /// Whether it will be tried again.
    pub kind: FailureKind,
    /// Why it failed.
    pub reason: String,
}

impl fmt::Display for Autopsy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, edge, task, attempt, queued_us, executed_us, reason, .. } = self;
        write!(
            f,
            "{component}[{task}] failed a tuple from {edge} on attempt {attempt} \
             (queued {queued_us} us, executed {executed_us} us): {reason}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_converts_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("index refused")]
        struct Outer(#[source] std::num::ParseIntError);
        let failure = Failure::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(failure.kind(), FailureKind::Retry);
        assert_eq!(failure.reason(), "index refused: invalid digit found in string");
    }

    #[test]
    fn what_a_store_says_of_trying_again_is_kept_however_deep_it_is() {
        #[derive(Debug, thiserror::Error)]
        #[error("the ledger is not written")]
        struct Ledger(#[source] StateError);
        let cases = [
            (StateErrorKind::Transient, FailureKind::Retry),
            (StateErrorKind::Permanent, FailureKind::Fatal),
            (StateErrorKind::Superseded, FailureKind::Superseded),
        ];
        for (told, heard) in cases {
            let error = StateError::of(told, "n", "why");
            assert_eq!(Failure::from(error.clone()).kind(), heard);
            let failure = Failure::from(Ledger(error));
            assert_eq!(
                (failure.kind(), failure.reason()),
                (heard, "the ledger is not written: state of `n`: why")
            );
        }
    }
}
