//! The outcome of an attribution.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// Who mined a block, as far as anybody can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miner {
    /// The pool's name, or `unknown`.
    pub name: String,
    /// The name in lower case without anything but a-z and 0-9, for keys; `unknown` if nothing is left.
    pub slug: String,
    /// The coinbase script's printable ASCII, every other byte a dot; kept so that an unknown miner can be
    /// named later. `None` where the message does not hold the script.
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
    /// The name, and the slug, of nobody.
    pub const UNKNOWN: &'static str = "unknown";

    /// A miner of this name.
    pub fn named(name: &str, matched_by: MatchedBy) -> Self {
        Self { name: name.to_owned(), slug: slug(name), tag: None, matched_by }
    }

    /// A miner whom nothing names.
    pub fn unknown() -> Self {
        Self::named(Self::UNKNOWN, MatchedBy::Nothing)
    }

    /// Whether nothing names the miner.
    pub fn is_unknown(&self) -> bool {
        self.matched_by == MatchedBy::Nothing
    }

    /// The same miner with the tag of this coinbase script.
    pub(crate) fn tagged(mut self, coinbase_script: &[u8]) -> Self {
        let coinbase_script = within_consensus(coinbase_script);
        let printable = |&byte: &u8| {
            if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }
        };
        self.tag = (!coinbase_script.is_empty()).then(|| coinbase_script.iter().map(printable).collect());
        self
    }
}

/// The script without what is too much for one: a message may hold megabytes, which every tag would be sought in.
pub(super) fn within_consensus(coinbase_script: &[u8]) -> &[u8] {
    &coinbase_script[..coinbase_script.len().min(Limits::COINBASE_SCRIPT_BYTES_MAX)]
}

/// `name` in lower case without anything but a-z and 0-9, or `unknown` if nothing is left.
pub(super) fn slug(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    let slug: String = kept.map(|letter| letter.to_ascii_lowercase()).collect();
    if slug.is_empty() { Miner::UNKNOWN.to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (name, expected) in [
            ("Foundry USA", "foundryusa"),
            ("BTC.com", "btccom"),
            ("21 Inc.", "21inc"),
            ("七彩神仙鱼", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(slug(name), expected);
        }
    }

    #[test]
    fn tags_are_printable() {
        assert_eq!(Miner::unknown().tagged(b"\x03\xeb~/F2Pool/ \x7f").tag.unwrap(), "..~/F2Pool/ .");
        assert_eq!(Miner::unknown().tagged(b"").tag, None);
        assert_eq!(Miner::unknown().tagged(&[b'x'; 101]).tag.unwrap().len(), 100);
    }
}
