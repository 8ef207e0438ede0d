//! One raw block.

use chrono::{DateTime, Utc};

use super::{BlockFault, RawTransaction};
use crate::error::ParseError;
use crate::hash::BlockHash;
use crate::limits::Limits;
use crate::money::Satoshi;
use crate::pools::{Miner, PoolList};
use crate::record::{BlockRecord, LargestTransaction};

/// A decoded and verified block, borrowing from the bytes it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBlock<'a> {
    bytes: &'a [u8],
    hash: BlockHash,
    prev_hash: BlockHash,
    height: Option<u32>,
    time: DateTime<Utc>,
    coinbase: RawTransaction<'a>,
    coinbase_script: Vec<u8>,
    payout_addresses: Vec<String>,
    transactions: Vec<RawTransaction<'a>>,
    outputs: Satoshi,
    largest: Option<LargestTransaction>,
}

impl<'a> RawBlock<'a> {
    /// The whole serialisation.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
    /// The 80 bytes of the header.
    pub fn header_bytes(&self) -> &'a [u8] {
        &self.bytes[..80]
    }
    /// The header's hash.
    pub fn hash(&self) -> BlockHash {
        self.hash
    }
    /// The block that this one builds on.
    pub fn prev_hash(&self) -> BlockHash {
        self.prev_hash
    }
    /// The height that the coinbase states (BIP 34); version-1 blocks state none.
    pub fn height(&self) -> Option<u32> {
        self.height
    }
    /// The time in the header.
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }
    /// Number of transactions, the coinbase included.
    pub fn tx_count(&self) -> u32 {
        u32::try_from(self.transactions.len()).map_or(u32::MAX, |count| count.saturating_add(1))
    }
    /// The transaction that pays the miner.
    pub fn coinbase(&self) -> &RawTransaction<'a> {
        &self.coinbase
    }
    /// The coinbase input's script: height, tags, extra nonce.
    pub fn coinbase_script(&self) -> &[u8] {
        &self.coinbase_script
    }
    /// The addresses that the coinbase pays, in its order.
    pub fn payout_addresses(&self) -> &[String] {
        &self.payout_addresses
    }
    /// The transactions but for the coinbase, in the block's order.
    pub fn transactions(&self) -> &[RawTransaction<'a>] {
        &self.transactions
    }
    /// The sum of all outputs but the coinbase's.
    pub fn outputs(&self) -> Satoshi {
        self.outputs
    }
    /// The transaction that moves the most, but for the coinbase; the first of equal ones.
    pub fn largest(&self) -> Option<LargestTransaction> {
        self.largest
    }
    /// What the coinbase pays: subsidy and fees.
    pub fn reward(&self) -> Satoshi {
        self.coinbase.outputs
    }
    /// What this block creates, if it states its height.
    pub fn subsidy(&self) -> Option<Satoshi> {
        self.height.map(Satoshi::subsidy)
    }
    /// The fees' part of the reward, if the block states its height and the miner took the whole subsidy.
    pub fn fees(&self) -> Option<Satoshi> {
        self.reward().checked_sub(self.subsidy()?)
    }
    /// Who mined it.
    pub fn miner(&self, pools: &PoolList) -> Miner {
        pools.attribute(&self.coinbase_script, &self.payout_addresses)
    }
    /// The block's record.
    pub fn record(&self, pools: &PoolList) -> BlockRecord {
        BlockRecord {
            hash: self.hash,
            prev_hash: Some(self.prev_hash),
            height: self.height,
            time: self.time,
            reward: Some(self.reward()),
            fees: self.fees(),
            miner: self.miner(pools),
            tx_count: Some(self.tx_count()),
            outputs: Some(self.outputs),
            largest: self.largest,
            size_bytes: u32::try_from(self.bytes.len()).ok(),
        }
    }
}

/// Decodes and verifies a block with the default [`Limits`].
pub fn decode_block(bytes: &[u8]) -> Result<RawBlock<'_>, ParseError> {
    decode_block_with(bytes, &Limits::DEFAULT)
}

/// Decodes and verifies a block within `limits`; see [`decode_block`].
pub fn decode_block_with<'a>(_bytes: &'a [u8], _limits: &Limits) -> Result<RawBlock<'a>, ParseError> {
    Err(ParseError::message(BlockFault::Empty))
}
