//! One raw block.

use bitcoin::VarInt;
use bitcoin::block::Header;
use bitcoin::consensus::{Decodable, deserialize};
use bitcoin::hashes::Hash;
use chrono::{DateTime, Utc};

use super::transaction::Decoded;
use super::{BlockFault, RawTransaction, payee, verify};
use crate::error::{ParseError, Why};
use crate::hash::BlockHash;
use crate::limits::Limits;
use crate::money::{MoneyError, Satoshi};
use crate::pools::{Miner, PoolList};
use crate::record::{BlockRecord, LargestTransaction};

/// Length of a serialised header, in bytes.
pub(super) const HEADER_BYTES: usize = 80;

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
        &self.bytes[..HEADER_BYTES]
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
        self.coinbase.outputs()
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

/// Decodes and verifies a mainnet block with the default [`Limits`].
///
/// Verified means: the header has its proof of work, and mainnet's; the merkle root and, where there is one,
/// the witness commitment are those of the transactions; the first transaction and no other is a coinbase; no
/// amount exceeds 21 million BTC; nothing follows. Signatures and the outputs that are spent are not looked
/// at.
pub fn decode_block(bytes: &[u8]) -> Result<RawBlock<'_>, ParseError> {
    decode_block_with(bytes, &Limits::DEFAULT)
}

/// Decodes and verifies a block within `limits`; see [`decode_block`].
pub fn decode_block_with<'a>(bytes: &'a [u8], limits: &Limits) -> Result<RawBlock<'a>, ParseError> {
    if bytes.len() > limits.block_bytes_max {
        let bytes_max = limits.block_bytes_max;
        let bytes = bytes.len();
        return Err(ParseError::message(Why::TooLong { bytes, bytes_max }));
    }
    let header = header(bytes)?;
    let decoded = transactions(bytes)?;
    verify(&header, &decoded).map_err(ParseError::message)?;
    let mut sums = Vec::with_capacity(decoded.len());
    for transaction in &decoded {
        let offset = transaction.bytes.as_ptr().addr() - bytes.as_ptr().addr();
        sums.push(transaction.sums().map_err(|error| ParseError::byte(offset, error))?);
    }
    let coinbase = sums.remove(0);
    let paid = &decoded[0].transaction;
    let coinbase_script = paid.input[0].script_sig.to_bytes();
    let time = DateTime::from_timestamp(i64::from(header.time), 0)
        .ok_or_else(|| ParseError::byte(68, Why::Time(header.time.to_string())))?;
    Ok(RawBlock {
        bytes,
        hash: BlockHash::from_bytes(header.block_hash().to_byte_array()),
        prev_hash: BlockHash::from_bytes(header.prev_blockhash.to_byte_array()),
        height: verify::stated_height(header.version.to_consensus(), &coinbase_script),
        time,
        coinbase,
        coinbase_script,
        payout_addresses: paid
            .output
            .iter()
            .filter_map(|output| payee::address(&output.script_pubkey))
            .collect(),
        outputs: Satoshi::checked_sum(sums.iter().map(RawTransaction::outputs))
            .ok_or_else(|| ParseError::message(MoneyError::Overflow))?,
        largest: largest(&sums),
        transactions: sums,
    })
}

fn header(bytes: &[u8]) -> Result<Header, ParseError> {
    let header = bytes.get(..HEADER_BYTES).unwrap_or(bytes);
    let header: Header = deserialize(header).map_err(|error| ParseError::byte(0, BlockFault::from(error)))?;
    verify::proof_of_work(&header).map_err(|fault| ParseError::byte(0, fault))?;
    Ok(header)
}

fn transactions(bytes: &[u8]) -> Result<Vec<Decoded<'_>>, ParseError> {
    let mut rest = &bytes[HEADER_BYTES..];
    let count = VarInt::consensus_decode(&mut rest)
        .map_err(|error| ParseError::byte(HEADER_BYTES, BlockFault::from(error)))?;
    let mut decoded = Vec::new();
    for _ in 0..count.0 {
        let offset = bytes.len() - rest.len();
        decoded.push(Decoded::take(&mut rest, offset)?);
    }
    if !rest.is_empty() {
        let trailing = BlockFault::Trailing { bytes: rest.len() };
        return Err(ParseError::byte(bytes.len() - rest.len(), trailing));
    }
    Ok(decoded)
}

fn verify(header: &Header, transactions: &[Decoded<'_>]) -> Result<(), BlockFault> {
    let Some((coinbase, others)) = transactions.split_first() else {
        return Err(BlockFault::Empty);
    };
    if !coinbase.transaction.is_coinbase() || others.iter().any(|other| other.transaction.is_coinbase()) {
        return Err(BlockFault::Coinbase);
    }
    let root =
        verify::merkle_root(transactions.iter().map(|transaction| *transaction.txid.as_bytes()).collect())?;
    if root != header.merkle_root.to_byte_array() {
        return Err(BlockFault::MerkleRoot);
    }
    let any_witness = others.iter().any(|other| other.wtxid != *other.txid.as_bytes());
    let script = coinbase.transaction.input[0].script_sig.as_bytes();
    let height = verify::stated_height(header.version.to_consensus(), script);
    let wtxids = others.iter().map(|other| other.wtxid);
    verify::witness_commitment(&coinbase.transaction, wtxids, any_witness, height)
}

fn largest(transactions: &[RawTransaction<'_>]) -> Option<LargestTransaction> {
    // `max_by_key` would take the last of equal ones.
    let largest = transactions.iter().rev().max_by_key(|transaction| transaction.outputs())?;
    Some(LargestTransaction { txid: largest.txid(), outputs: largest.outputs() })
}
