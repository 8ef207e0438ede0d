//! Transaction and block messages.

use chrono::{DateTime, Utc};

use crate::error::{ParseError, Why};
use crate::hash::BlockHash;
use crate::limits::Limits;
use crate::pools::PoolList;
use crate::record::ChainMessage;

/// Reads a chain message with the default [`Limits`].
///
/// `source` is the message's header: which provider's parser understands `value`. `received_ms` stands in for a
/// transaction's time where the provider tells none. `pools` names the miner where the provider does not.
pub fn parse_chain(
    source: &str,
    value: &[u8],
    received_ms: i64,
    pools: &PoolList,
) -> Result<ChainMessage, ParseError> {
    parse_chain_with(source, value, received_ms, pools, &Limits::DEFAULT)
}

/// Reads a chain message within `limits`; see [`parse_chain`].
pub fn parse_chain_with(
    source: &str,
    _value: &[u8],
    _received_ms: i64,
    _pools: &PoolList,
    _limits: &Limits,
) -> Result<ChainMessage, ParseError> {
    Err(ParseError::message(Why::UnknownSource(
        source.to_owned(),
        String::new(),
    )))
}

/// A block that a REST answer mentions, for fetching it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockReference {
    /// The block's hash.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// The time in its header, if told.
    pub time: Option<DateTime<Utc>>,
}

/// Reads the REST answers that list blocks: blockchain.info's `latestblock` (one object) and `blocks` (an array, or
/// an object with the array `blocks`), mempool.space's `v1/blocks` (an array).
pub fn parse_block_references(_value: &[u8]) -> Result<Vec<BlockReference>, ParseError> {
    Err(ParseError::message(Why::Missing))
}
