//! What a store answers that could not do what it was asked, and what may be expected of asking again.

/// What may be expected of the same call later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// The cause may pass: it is tried again, and what waits for it waits.
    Transient,
    /// It can never succeed as it stands, such as the write of a key that is larger than the store takes. As the state in memory has
    /// an effect that can never be durable, the topology ends.
    Permanent,
    /// Another process has taken the state over, and nothing that this one writes will ever count. The topology ends.
    Superseded,
}

/// A store that could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state of `{namespace}`: {reason}")]
#[non_exhaustive]
pub struct StateError {
    /// Whether to ask again.
    pub kind: StateErrorKind,
    /// The namespace that was read or written.
    pub namespace: String,
    /// What went wrong, with the key if it is one key's fault, and what to do about it.
    pub reason: String,
}

impl StateError {
    /// An error about `namespace` that may pass.
    pub fn new(namespace: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::of(StateErrorKind::Transient, namespace, reason)
    }

    /// An error of that kind about `namespace`.
    pub fn of(kind: StateErrorKind, namespace: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self { kind, namespace: namespace.into(), reason: reason.to_string() }
    }
}
