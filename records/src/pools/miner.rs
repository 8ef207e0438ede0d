//! The outcome of an attribution.

use serde::{Deserialize, Serialize};

/// Who mined a block, as far as anybody can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miner {
    /// The pool's name, or `unknown`.
    pub name: String,
    /// The name in lower case without anything but a-z and 0-9, for keys; `unknown` if nothing is left.
    pub slug: String,
    /// The coinbase script's printable ASCII, every other byte a dot; kept so that an unknown miner can be named later.
    pub tag: Option<String>,
    /// What told the name.
    pub matched_by: MatchedBy,
}

/// What told a miner's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchedBy {
    /// A payout address of the coinbase.
    Address(String),
    /// A tag in the coinbase script, as the pool list spells it.
    Tag(String),
    /// The provider's own attribution.
    Provider,
    /// Nothing: the miner is unknown.
    Nothing,
}

impl Miner {
    /// The name of nobody.
    pub const UNKNOWN: &'static str = "unknown";

    /// A miner of this name.
    pub fn named(name: &str, matched_by: MatchedBy) -> Self {
        Self {
            name: name.to_owned(),
            slug: slug(name),
            tag: None,
            matched_by,
        }
    }

    /// A miner whom nothing names.
    pub fn unknown() -> Self {
        Self::named(Self::UNKNOWN, MatchedBy::Nothing)
    }
}

/// `name` in lower case without anything but a-z and 0-9, or `unknown` if nothing is left.
pub fn slug(name: &str) -> String {
    let slug: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if slug.is_empty() {
        Miner::UNKNOWN.to_owned()
    } else {
        slug
    }
}
