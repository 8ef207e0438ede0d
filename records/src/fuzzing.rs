//! Ways in for `fuzz/` and the benchmarks. No part of what the crate promises.

use crate::chain;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::pools::PoolList;
use crate::record::{ChainMessage, TransactionRecord};

/// The transaction of a `utx` that is in blockchain.info's layout.
pub fn transaction_by_layout(message: &[u8]) -> Option<TransactionRecord> {
    chain::transaction_by_layout(message, &Limits::DEFAULT)
}

/// [`parse_chain`](crate::parse_chain) by JSON parsers alone: what it says of any message, the layouts must not change.
pub fn parse_without_layout(
    source: &str,
    value: &[u8],
    received_ms: i64,
    pools: &PoolList,
) -> Result<ChainMessage, ParseError> {
    chain::parse_without_layout(source, value, received_ms, pools)
}
