//! Transaction and block messages: one module a provider.

mod blockchain_info;
pub(crate) mod field;
mod mempool_space;
mod reference;

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::IgnoredAny;

pub use reference::{BlockReference, parse_block_references};

use crate::error::{ParseError, Why};
use crate::json;
use crate::limits::Limits;
use crate::pools::PoolList;
use crate::raw;
use crate::record::ChainMessage;

/// What a parser is given beside the message.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Stands in for a time that the provider does not tell, in Unix milliseconds.
    pub(crate) received_ms: i64,
    /// Names the miner; where it cannot, the provider may.
    pub(crate) pools: &'a PoolList,
}

type Parser = fn(&str, Context<'_>) -> Result<ChainMessage, ParseError>;

const PARSERS: [(&str, Parser); 5] = [
    ("blockchain-info", blockchain_info::message),
    ("mempool-space", mempool_space::message),
    ("raw-transaction", raw::transaction_message),
    ("raw-block", raw::block_message),
    ("sample", sample),
];

/// Reads a chain message with the default [`Limits`].
///
/// `source` is the message's header: which provider's parser understands `value`. `received_ms` stands in for
/// a transaction's time where the provider tells none. `pools` names the miner; the provider does where the list
/// cannot, or where the message does not hold the coinbase.
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
    value: &[u8],
    received_ms: i64,
    pools: &PoolList,
    limits: &Limits,
) -> Result<ChainMessage, ParseError> {
    let Some((_, parser)) = PARSERS.iter().find(|(name, _)| *name == source) else {
        let known = PARSERS.map(|(name, _)| name).join(", ");
        return Err(ParseError::message(Why::UnknownSource(json::shorten(source), known)));
    };
    let text = json::text(value, limits.chain_bytes_max, limits.json_depth_max)?;
    parser(text, Context { received_ms, pools })
}

/// The project's own sample speaks as blockchain.info of transactions and as mempool.space of blocks.
fn sample(text: &str, context: Context<'_>) -> Result<ChainMessage, ParseError> {
    #[derive(Deserialize)]
    struct Peek {
        op: Option<IgnoredAny>,
    }
    match json::object::<Peek>(text)?.op {
        Some(_) => blockchain_info::message(text, context),
        None => mempool_space::message(text, context),
    }
}
