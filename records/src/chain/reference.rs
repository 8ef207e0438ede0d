//! REST answers that list blocks, for fetching the ones that a websocket missed.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::error::{ParseError, Why};
use crate::hash::BlockHash;
use crate::json::{self, Bounded, Seconds, Text};
use crate::limits::Limits;

/// A block that a REST answer mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockReference {
    /// The block's hash.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// The time in its header, if told.
    pub time: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, alias = "id")]
    hash: Text<'a>,
    height: u32,
    #[serde(alias = "timestamp")]
    time: Option<Seconds>,
}

type References<'a> = Bounded<Reference<'a>, { Limits::BLOCKS_MAX }>;

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    blocks: Option<References<'a>>,
}

/// Reads the REST answers that list blocks: blockchain.info's `latestblock` (one object) and `blocks` (an
/// array, or an object with the array `blocks`), mempool.space's `v1/blocks` (an array). Keeps their order.
pub fn parse_block_references(value: &[u8]) -> Result<Vec<BlockReference>, ParseError> {
    let limits = Limits::DEFAULT;
    let text = json::text(value, limits.chain_bytes_max, limits.json_depth_max)?;
    let references = if text.trim_ascii_start().starts_with('[') {
        json::parse::<References<'_>>(text)?.0
    } else {
        match json::object::<Wrapped<'_>>(text)?.blocks {
            Some(references) => references.0,
            None => vec![json::object(text)?],
        }
    };
    references.into_iter().enumerate().map(|(index, reference)| block_reference(index, &reference)).collect()
}

fn block_reference(index: usize, reference: &Reference<'_>) -> Result<BlockReference, ParseError> {
    let hash = reference.hash.0.parse();
    let hash = hash.map_err(|error| ParseError::path(format!("[{index}].hash"), Why::Hash(error)))?;
    Ok(BlockReference { hash, height: reference.height, time: reference.time.map(|time| time.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes() {
        let block = format!(r#"{{"hash":"{:064}","height":7,"time":1732816289}}"#, 1);
        let id = format!(r#"{{"id":"{:064}","height":7,"timestamp":1732816289,"extras":{{}}}}"#, 1);
        let one = parse_block_references(block.as_bytes()).unwrap();
        assert_eq!(one[0].height, 7);
        for same in [format!("[{block}]"), format!(r#"{{"blocks":[{block}]}}"#), format!(" [{id}]")] {
            assert_eq!(parse_block_references(same.as_bytes()).unwrap(), one, "{same}");
        }
        assert!(parse_block_references(b"[]").unwrap().is_empty());
    }

    #[test]
    fn refusals_name_the_place() {
        let check = |value: &str, expected: &str| {
            let error = parse_block_references(value.as_bytes()).unwrap_err();
            assert_eq!(error.place().to_string(), expected, "{error}");
        };
        check(r#"[{"hash":"00","height":1}]"#, "[0].hash");
        check(r#"{"blocks":[{"hash":"00","height":-1}]}"#, "blocks[0].height");
        check(r#"{"height":1}"#, "message");
        check("7", "byte 0");
        check(&format!("[{}0]", "0,".repeat(10)), "[0]");
    }
}
