//! Every document of the dashboard, field by field. Names, order and types are fixed: tools rely on them.
//!
//! Money is exact in `*_sat` (integers) and `*_exact` (decimal strings); the floats beside them are for charts.

use serde::{Deserialize, Serialize};

/// The index of [`ValueDocument`]s.
pub const VALUE: &str = "btc-value";
/// The index of [`VolumeDocument`]s.
pub const VOLUME: &str = "btc-volume";
/// The index of [`MinerDocument`]s.
pub const MINER: &str = "btc-miner";
/// The index of [`RawDocument`]s of price messages.
pub const RAW_BPI: &str = "btc-raw-bpi";
/// The index of [`RawDocument`]s of block messages.
pub const RAW_BLOCKS: &str = "btc-raw-blocks";
/// The index of [`RawDocument`]s of transaction messages.
pub const RAW_TRANSACTIONS: &str = "btc-raw-transactions";
/// The index of [`DeadLetterDocument`]s.
pub const DEAD_LETTER: &str = "btc-dead-letter";
/// All indices.
pub const INDICES: [&str; 7] = [VALUE, VOLUME, MINER, RAW_BPI, RAW_BLOCKS, RAW_TRANSACTIONS, DEAD_LETTER];

/// One observation of the price. `_id` = time, source and exact price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueDocument {
    /// When it was observed.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// EUR for one bitcoin.
    pub eur: f64,
    /// The same, exactly.
    pub eur_exact: String,
    /// Who said so.
    pub source: String,
}

/// One UTC hour. `_id` = its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeDocument {
    /// The hour's start.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// The sum of all outputs of all transactions, coinbases excepted.
    pub volume_sat: u64,
    /// The same in BTC.
    pub volume_btc: f64,
    /// Each minute's volume at that minute's price; minutes without a price are missing (see `priced_share`).
    pub volume_eur: f64,
    /// The same, exactly.
    pub volume_eur_exact: String,
    /// The volume without the outputs that return to an input's own address.
    pub adjusted_volume_sat: u64,
    /// The outputs of the largest transaction.
    pub max_tx_sat: u64,
    /// The same in BTC.
    pub max_tx_btc: f64,
    /// The same at the price of its minute, if that has one.
    pub max_tx_eur: Option<f64>,
    /// The same, exactly.
    pub max_tx_eur_exact: Option<String>,
    /// The largest transaction's id; of equal ones the smallest.
    pub max_tx_hash: Option<String>,
    /// The number of transactions.
    pub tx_count: u64,
    /// The part of the volume whose minutes have a price, 0 to 1.
    pub priced_share: f64,
}

/// What one miner earned in one UTC day or month. `_id` = `day:2024-10-19:<slug>` or `month:2024-10:<slug>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinerDocument {
    /// The period's start.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// `2024-10-19` or `2024-10`.
    pub period: String,
    /// The miner's name, or `unknown`.
    pub miner: String,
    /// The blocks of the best chain that are the miner's. It may be 0 where a reorganisation or a better
    /// attribution took them back.
    pub blocks: u64,
    /// Their subsidies and fees.
    pub reward_sat: u64,
    /// The same in BTC.
    pub reward_btc: f64,
    /// Each block's reward at the price of the block's minute.
    pub reward_eur: f64,
    /// The same, exactly.
    pub reward_eur_exact: String,
    /// The part of the reward whose minutes have a price, 0 to 1.
    pub priced_share: f64,
}

/// A message as it was received. `_id` = its natural key and a hash of the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawDocument {
    /// When it was received.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// The natural key.
    pub key: String,
    /// Whose format it has.
    pub source: String,
    /// Which feed it came by.
    pub feed: String,
    /// The message, if it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The message, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_base64: Option<String>,
    /// What was understood of a block.
    #[serde(default, skip_serializing_if = "Option::is_none", flatten)]
    pub block: Option<RawBlockFields>,
}

/// What was understood of a block message that tells of one block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RawBlockFields {
    /// The block's hash.
    pub hash: String,
    /// Its height, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The time in its header.
    pub time: String,
    /// Who mined it, or `unknown`.
    pub miner: String,
    /// Subsidy and fees, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward_sat: Option<u64>,
    /// The number of transactions with the coinbase, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_count: Option<u32>,
    /// All outputs but the coinbase's, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_sat: Option<u64>,
    /// The largest transaction but the coinbase, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_tx: Option<String>,
    /// Its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_tx_sat: Option<u64>,
}

/// A record that could not be understood or stored. `_id` = a hash of its source and bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterDocument {
    /// When it was received.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// Why, and where in the record.
    pub reason: String,
    /// Whose format it was said to have.
    pub source: String,
    /// Which feed it came by.
    pub feed: String,
    /// Its topic, if it ever was in one.
    pub topic: Option<String>,
    /// Its partition.
    pub partition: Option<u32>,
    /// Its offset.
    pub offset: Option<u64>,
    /// The record's first bytes.
    pub raw_base64: String,
    /// The record's length in bytes.
    pub raw_bytes: u64,
}
