//! Transactions and blocks as the network serialises them.
//!
//! Decoding and addresses are the [`bitcoin`] crate's; the rules that make a block believable without its
//! ancestors are checked here: proof of work, merkle root, witness commitment, coinbase, amounts.

mod block;
mod fault;
mod message;
mod payee;
mod transaction;
mod verify;

#[cfg(test)]
mod tests;

pub use block::{RawBlock, decode_block, decode_block_with};
pub use fault::BlockFault;
pub(crate) use message::{block_message, transaction_message};
pub use message::{encode_raw_block, encode_raw_transaction};
pub use transaction::RawTransaction;
