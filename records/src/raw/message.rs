//! The JSON messages that carry raw transactions and blocks through the log.
//!
//! They are the project's own. A raw block would be megabytes; its message keeps what proves and names it:
//! the header, the coinbase transaction, and the sums over the other transactions, which travel as messages
//! of their own. Those keep the sums only: the log is written and read once for every byte of theirs, and
//! whoever replays blocks has their bytes.

use bitcoin::block::Header;
use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::block::HEADER_BYTES;
use super::transaction::Decoded;
use super::{BlockFault, RawBlock, RawTransaction, payee, verify};
use crate::chain::{Context, field};
use crate::error::{ParseError, Why};
use crate::hash::{BlockHash, Txid};
use crate::hex;
use crate::json::{self, Amount, Seconds, Text};
use crate::money::Satoshi;
use crate::record::{BlockRecord, ChainMessage, LargestTransaction, TransactionRecord};

/// The `raw-transaction` message: `{"txid","time","outputs_sat","adjusted_sat"}`, `time` in Unix seconds, of a
/// transaction that is no coinbase. Whoever reads it relies on whoever wrote it to have verified the block.
pub fn encode_raw_transaction(transaction: &RawTransaction<'_>, time: DateTime<Utc>) -> Vec<u8> {
    let (txid, time) = (transaction.txid(), time.timestamp());
    let (outputs, adjusted) = (transaction.outputs(), transaction.adjusted());
    format!(r#"{{"txid":"{txid}","time":{time},"outputs_sat":{outputs},"adjusted_sat":{adjusted}}}"#)
        .into_bytes()
}

/// The `raw-block` message:
/// `{"hash","height","header","coinbase","n_tx","size","outputs_sat","largest_tx","largest_tx_sat"}`, the
/// last three without the coinbase, `largest_tx` and `largest_tx_sat` null where there is no other
/// transaction.
///
/// `height` stands in for the one that a version-1 block does not state; it is null if neither is known.
pub fn encode_raw_block(block: &RawBlock<'_>, height: Option<u32>) -> Vec<u8> {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    let height = block.height().or(height).map_or("null".to_owned(), |height| height.to_string());
    let (largest_tx, largest_tx_sat) = match block.largest() {
        Some(largest) => (format!("\"{}\"", largest.txid), largest.outputs.to_string()),
        None => ("null".to_owned(), "null".to_owned()),
    };
    let fields = [
        ("hash", format!("\"{}\"", block.hash())),
        ("height", height),
        ("header", format!("\"{}\"", hex(block.header_bytes()))),
        ("coinbase", format!("\"{}\"", hex(block.coinbase().bytes()))),
        ("n_tx", block.tx_count().to_string()),
        ("size", block.bytes().len().to_string()),
        ("outputs_sat", block.outputs().to_string()),
        ("largest_tx", largest_tx),
        ("largest_tx_sat", largest_tx_sat),
    ];
    let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", fields.join(",")).into_bytes()
}

#[derive(Deserialize)]
struct TransactionIn {
    txid: Txid,
    time: Option<Seconds>,
    outputs_sat: Amount,
    adjusted_sat: Amount,
}

/// Reads a `raw-transaction` message.
pub(crate) fn transaction_message(text: &str, _: Context<'_>) -> Result<ChainMessage, ParseError> {
    let message: TransactionIn = json::object(text)?;
    let (outputs, adjusted) = (message.outputs_sat.0, message.adjusted_sat.0);
    if adjusted > outputs {
        return Err(ParseError::path(
            "adjusted_sat",
            Why::Contradiction("more than all outputs: produce it again"),
        ));
    }
    let time = field::time(message.time, "time")?;
    Ok(ChainMessage::Transaction(TransactionRecord { txid: message.txid, time, outputs, adjusted }))
}

#[derive(Deserialize)]
struct BlockIn<'a> {
    hash: BlockHash,
    height: Option<u32>,
    #[serde(borrow)]
    header: Text<'a>,
    #[serde(borrow)]
    coinbase: Text<'a>,
    n_tx: Option<u32>,
    size: Option<u32>,
    /// A sum, which may exceed all bitcoin.
    outputs_sat: Option<Satoshi>,
    largest_tx: Option<Txid>,
    largest_tx_sat: Option<Amount>,
}

/// Reads a `raw-block` message, and holds the header to its hash and its proof of work.
pub(crate) fn block_message(text: &str, context: Context<'_>) -> Result<ChainMessage, ParseError> {
    let message: BlockIn<'_> = json::object(text)?;
    let header = header(&message)?;
    let coinbase = bytes(&message.coinbase, "coinbase")?;
    let coinbase = transaction(&coinbase, "coinbase")?;
    if !coinbase.transaction.is_coinbase() {
        return Err(ParseError::path("coinbase", BlockFault::Coinbase));
    }
    let script = coinbase.transaction.input[0].script_sig.as_bytes();
    let stated = verify::stated_height(header.version.to_consensus(), script);
    if let (Some(stated), Some(told)) = (stated, message.height)
        && stated != told
    {
        return Err(ParseError::path(
            "height",
            Why::Contradiction("not the coinbase's height: produce it again"),
        ));
    }
    let height = stated.or(message.height);
    let reward = coinbase.sums().map_err(|error| ParseError::path("coinbase", error))?.outputs();
    let outputs = coinbase.transaction.output.iter();
    let addresses: Vec<_> = outputs.filter_map(|output| payee::address(&output.script_pubkey)).collect();
    let largest = message.largest_tx.zip(message.largest_tx_sat);
    let record = BlockRecord {
        hash: message.hash,
        prev_hash: Some(BlockHash::from_bytes(header.prev_blockhash.to_byte_array())),
        height,
        time: json::unix_time(i64::from(header.time))
            .ok_or_else(|| ParseError::path("header", Why::Time(header.time.to_string())))?,
        reward: Some(reward),
        fees: height.and_then(|height| reward.checked_sub(Satoshi::subsidy(height))),
        miner: context.pools.attribute(script, &addresses),
        tx_count: message.n_tx,
        outputs: message.outputs_sat,
        largest: largest.map(|(txid, outputs)| LargestTransaction { txid, outputs: outputs.0 }),
        size_bytes: message.size,
    };
    Ok(ChainMessage::Blocks(vec![record]))
}

fn header(message: &BlockIn<'_>) -> Result<Header, ParseError> {
    let bytes = bytes(&message.header, "header")?;
    let refused = |fault: BlockFault| ParseError::path("header", fault);
    if bytes.len() != HEADER_BYTES {
        return Err(refused(BlockFault::Encoding(format!(
            "{} bytes instead of {HEADER_BYTES}",
            bytes.len()
        ))));
    }
    let header: Header = deserialize(&bytes).map_err(|error| refused(BlockFault::from(error)))?;
    if header.block_hash().to_byte_array() != *message.hash.as_bytes() {
        return Err(ParseError::path(
            "hash",
            Why::Contradiction("not the hash of `header`: produce it again"),
        ));
    }
    verify::proof_of_work(&header).map_err(refused)?;
    Ok(header)
}

fn bytes(text: &Text<'_>, path: &str) -> Result<Vec<u8>, ParseError> {
    hex::decode(&text.0).ok_or_else(|| ParseError::path(path, Why::Hex))
}

/// The one transaction that `bytes` holds.
fn transaction<'a>(bytes: &'a [u8], path: &str) -> Result<Decoded<'a>, ParseError> {
    let mut rest = bytes;
    let decoded = Decoded::take(&mut rest, 0).map_err(|error| ParseError::path(path, error.into_why()))?;
    if !rest.is_empty() {
        return Err(ParseError::path(path, BlockFault::Trailing { bytes: rest.len() }));
    }
    Ok(decoded)
}
