//! Who mined a block: a list of pools, and the rule that finds one in a coinbase transaction.

mod builtin;
mod list;
mod mempool_v2;
mod miner;

#[cfg(test)]
mod tests;

pub use list::{PoolList, PoolListError};
pub use miner::{MatchedBy, Miner};
