//! mempool's `pools-v2.json`, as <https://github.com/mempool/mining-pools> publishes it.

use serde::Deserialize;

use super::list::Facts;
use crate::error::ParseError;
use crate::json;

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// The pools of such a file, in its order.
pub(super) fn facts(text: &str) -> Result<Vec<Facts>, ParseError> {
    let entries: Vec<Entry> = json::parse(text)?;
    let facts = entries.into_iter().map(|Entry { name, addresses, tags }| Facts {
        name,
        addresses,
        tags: tags.iter().map(|tag| literal(tag)).collect(),
        aliases: Vec::new(),
    });
    Ok(facts.collect())
}

/// The text that a tag means: a backslash before punctuation only escapes it.
fn literal(tag: &str) -> String {
    let mut text = String::with_capacity(tag.len());
    let mut rest = tag.chars().peekable();
    while let Some(letter) = rest.next() {
        match (letter, rest.peek()) {
            ('\\', Some(next)) if next.is_ascii_punctuation() => text.extend(rest.next()),
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (tag, text) in [
            (r"pool\.com", "pool.com"),
            (r"\/x\/", "/x/"),
            (r"a\\b", r"a\b"),
            ("7pool.com$", "7pool.com$"),
            (r"end\", r"end\"),
        ] {
            assert_eq!(literal(tag), text);
        }
    }
}
