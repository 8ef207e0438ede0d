//! What the rest of the system knows of a message, whoever sent it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::hash::{BlockHash, Txid};
use crate::money::{Eur, Satoshi};
use crate::pools::Miner;

/// One observation of the price of one bitcoin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRecord {
    /// When the provider observed it; the receive time where the provider does not say.
    pub observed_at: DateTime<Utc>,
    /// EUR for one bitcoin; never zero.
    pub eur: Eur,
    /// The source that said so, as in the message's header.
    pub source: String,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// The natural key.
    pub txid: Txid,
    /// When the feed saw it; for a transaction taken from a block, the block's time.
    pub time: DateTime<Utc>,
    /// The sum of all outputs.
    pub outputs: Satoshi,
    /// The sum of the outputs that do not return to one of the transaction's own input addresses.
    pub adjusted: Satoshi,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRecord {
    /// The natural key.
    pub hash: BlockHash,
    /// The block that this one builds on; blockchain.info's websocket does not tell it.
    pub prev_hash: Option<BlockHash>,
    /// Height in the chain; version-1 blocks do not tell it.
    pub height: Option<u32>,
    /// The time in the block's header.
    pub time: DateTime<Utc>,
    /// What the miner earned, subsidy and fees together: the coinbase transaction's total.
    pub reward: Option<Satoshi>,
    /// The fees' part of the reward.
    pub fees: Option<Satoshi>,
    /// Who mined it.
    pub miner: Miner,
    /// Number of transactions, the coinbase included.
    pub tx_count: Option<u32>,
    /// The sum of all outputs but the coinbase's, as the provider counts them, if it does.
    pub outputs: Option<Satoshi>,
    /// The transaction with the largest outputs but for the coinbase, as far as the message tells it.
    pub largest: Option<LargestTransaction>,
    /// Serialised size, in bytes.
    pub size_bytes: Option<u32>,
}

/// The transaction of a block that moves the most. Of equal ones, the first in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargestTransaction {
    /// Its id.
    pub txid: Txid,
    /// The sum of its outputs.
    pub outputs: Satoshi,
}

/// A message of a transaction and block feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainMessage {
    /// A transaction, confirmed or not.
    Transaction(TransactionRecord),
    /// One block or several, in the message's order.
    Blocks(Vec<BlockRecord>),
    /// Status, pong, statistics: nothing to record.
    Control,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::pools::MatchedBy;

    fn time() -> DateTime<Utc> {
        DateTime::from_timestamp(1_469_682_363, 0).unwrap()
    }

    #[test]
    fn records_survive_serde() {
        let price = PriceRecord {
            observed_at: time(),
            eur: Eur::parse("595.30").unwrap(),
            source: "kraken".to_owned(),
        };
        let json = serde_json::to_string(&price).unwrap();
        expect![[r#"{"observed_at":"2016-07-28T05:06:03Z","eur":"595.3","source":"kraken"}"#]]
            .assert_eq(&json);
        assert_eq!(serde_json::from_str::<PriceRecord>(&json).unwrap(), price);

        let (txid, outputs) = (Txid::from_bytes([7; 32]), Satoshi::ONE_BTC);
        let transaction = TransactionRecord { txid, time: time(), outputs, adjusted: Satoshi::ZERO };
        let json = serde_json::to_string(&transaction).unwrap();
        assert_eq!(serde_json::from_str::<TransactionRecord>(&json).unwrap(), transaction);

        let block = BlockRecord {
            hash: BlockHash::from_bytes([8; 32]),
            prev_hash: None,
            height: Some(422_557),
            time: time(),
            reward: Some(outputs),
            fees: None,
            miner: Miner::named("BTC.com", MatchedBy::Tag("/BTC.com/".to_owned())),
            tx_count: None,
            outputs: None,
            largest: Some(LargestTransaction { txid, outputs }),
            size_bytes: None,
        };
        let json = serde_json::to_string(&block).unwrap();
        assert_eq!(serde_json::from_str::<BlockRecord>(&json).unwrap(), block);
    }
}
