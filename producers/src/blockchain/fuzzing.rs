//! The part of [`crate::fuzzing`] that reads what providers of transactions and blocks send.

use bytes::Bytes;

use super::dialect::{Heard, understand};
use super::rest::{FetchedBlock, cut_to_coinbase, mempool_page};
use crate::config::ChainProvider;

/// The natural keys of what a websocket's message tells; `None` if it is not understood.
pub fn heard(provider: ChainProvider, message: &[u8]) -> Option<Vec<String>> {
    match understand(provider, message) {
        Heard::Transaction(hash) => Some(vec![hash]),
        Heard::Blocks(blocks) => Some(blocks.into_iter().map(|block| block.hash).collect()),
        Heard::Nothing => Some(Vec::new()),
        Heard::Garbage(_) => None,
    }
}

/// Hash, height and message of each block in mempool.space's answer; `None` if it is not understood.
pub fn block_page(answer: &[u8]) -> Option<Vec<(String, u32, Bytes)>> {
    Some(mempool_page(answer).ok()?.into_iter().map(told).collect())
}

/// Hash, height and message of the block in blockchain.info's answer; `None` if it is not understood.
pub fn whole_block(answer: &Bytes) -> Option<(String, u32, Bytes)> {
    cut_to_coinbase(answer).ok().map(told)
}

fn told(block: FetchedBlock) -> (String, u32, Bytes) {
    (block.hash, block.height, block.value)
}
