//! Transaction and block messages: one module a provider.

mod blockchain_info;
pub(crate) mod field;
mod mempool_space;
mod reference;

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) use blockchain_info::transaction_by_layout;
pub use reference::{BlockReference, parse_block_references};

use crate::error::{ParseError, Why};
use crate::json;
use crate::limits::Limits;
use crate::pools::PoolList;
use crate::raw;
use crate::record::{ChainMessage, TransactionRecord};

/// What a parser is given beside the message.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Stands in for a time that the provider does not tell, in Unix milliseconds.
    pub(crate) received_ms: i64,
    /// Names the miner; where it cannot, the provider may.
    pub(crate) pools: &'a PoolList,
}

type Parser = fn(&str, Context<'_>) -> Result<ChainMessage, ParseError>;
/// Reads what a provider sends nearly always, if that is what it is.
type Layout = fn(&[u8], &Limits) -> Option<TransactionRecord>;

struct Source {
    name: &'static str,
    layout: Option<Layout>,
    parser: Parser,
}

const SOURCES: [Source; 5] = [
    Source { name: "blockchain-info", layout: Some(transaction_by_layout), parser: blockchain_info::message },
    Source { name: "mempool-space", layout: None, parser: mempool_space::message },
    Source { name: "raw-transaction", layout: None, parser: raw::transaction_message },
    Source { name: "raw-block", layout: None, parser: raw::block_message },
    Source { name: "sample", layout: Some(transaction_by_layout), parser: sample },
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
    let source = source_named(source)?;
    if let Some(transaction) = source.layout.and_then(|read| read(value, limits)) {
        return Ok(ChainMessage::Transaction(transaction));
    }
    parse_whole(source, value, received_ms, pools, limits)
}

fn source_named(name: &str) -> Result<&'static Source, ParseError> {
    SOURCES.iter().find(|source| source.name == name).ok_or_else(|| {
        let known = SOURCES.map(|source| source.name).join(", ");
        ParseError::message(Why::UnknownSource(json::shorten(name), known))
    })
}

/// Reads a message by its source's parser alone, as if no layout were known.
pub(crate) fn parse_without_layout(
    source: &str,
    value: &[u8],
    received_ms: i64,
    pools: &PoolList,
) -> Result<ChainMessage, ParseError> {
    parse_whole(source_named(source)?, value, received_ms, pools, &Limits::DEFAULT)
}

fn parse_whole(
    source: &Source,
    value: &[u8],
    received_ms: i64,
    pools: &PoolList,
    limits: &Limits,
) -> Result<ChainMessage, ParseError> {
    let text = json::text(value, limits.chain_bytes_max, limits.json_depth_max)?;
    (source.parser)(text, Context { received_ms, pools })
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
