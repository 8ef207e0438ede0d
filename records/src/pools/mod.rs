//! Who mined a block.

mod list;
mod miner;

pub use list::{PoolList, PoolListError};
pub use miner::{MatchedBy, Miner};
