//! Transactions and blocks as the network serialises them.

mod block;
mod fault;
mod message;
mod transaction;

pub use block::{RawBlock, decode_block, decode_block_with};
pub use fault::BlockFault;
pub use message::{encode_raw_block, encode_raw_transaction};
pub use transaction::RawTransaction;
