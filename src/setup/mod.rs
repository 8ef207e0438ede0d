//! Setting up the servers: topics, templates and indices, the Kibana dashboard. Each target says what it found and did.

pub(crate) mod differences;
pub(crate) mod elasticsearch;
pub(crate) mod kafka;
pub(crate) mod kibana;

use std::fmt;

/// Whether anything may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bring everything about that can be.
    Apply,
    /// Make what is absent, and leave what is there as it is.
    Complete,
    /// Look only.
    Check,
}

/// What was found or done, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// All is as it should be.
    Unchanged(String),
    /// It is now as it should be.
    Changed(String),
    /// It is not as it should be, and what to do.
    Differs(String),
}

impl Finding {
    pub(crate) fn is_different(&self) -> bool {
        matches!(self, Self::Differs(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged(what) => write!(f, "unchanged: {what}"),
            Self::Changed(what) => write!(f, "changed: {what}"),
            Self::Differs(what) => write!(f, "differs: {what}"),
        }
    }
}
