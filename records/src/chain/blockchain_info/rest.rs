//! `blockchain.info/rawblock/<hash>`.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Input, Output, Parts};
use crate::chain::{Context, field};
use crate::error::{ParseError, Why};
use crate::hex;
use crate::json::{self, MaybeAmount, MaybeCount, Seconds, Text};
use crate::money::{MoneyError, Satoshi};
use crate::record::{BlockRecord, ChainMessage};

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    hash: Option<Text<'a>>,
    #[serde(borrow, rename = "prev_block")]
    prev: Option<Text<'a>>,
    time: Option<Seconds>,
    #[serde(default)]
    height: MaybeCount,
    #[serde(default)]
    fee: MaybeAmount,
    #[serde(default)]
    n_tx: MaybeCount,
    #[serde(default)]
    size: MaybeCount,
    #[serde(borrow)]
    tx: Option<First<'a>>,
}

/// A block's transactions, of which only the first, the coinbase, is kept.
struct First<'a>(Option<Transaction<'a>>);

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(borrow)]
    inputs: Parts<Input<'a>>,
    #[serde(borrow)]
    out: Parts<Output<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstVisitor;
        impl<'de> Visitor<'de> for FirstVisitor {
            type Value = First<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of transactions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = seq.next_element()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(FirstVisitor)
    }
}

/// `blockchain.info/rawblock/<hash>`: the miner and the reward come from the coinbase transaction.
pub(super) fn block(text: &str, context: Context<'_>) -> Result<ChainMessage, ParseError> {
    let block: Block<'_> = json::object(text)?;
    let coinbase =
        block.tx.and_then(|first| first.0).ok_or_else(|| ParseError::path("tx[0]", Why::Missing))?;
    let refused = |why| ParseError::path("tx[0].inputs", Why::Contradiction(why));
    let [input] = coinbase.inputs.0.as_slice() else {
        return Err(refused("not a coinbase: fetch the block again"));
    };
    if input.prev_out.as_ref().is_some_and(|prev| prev.addr.0.is_some()) {
        return Err(refused("not a coinbase: fetch the block again"));
    }
    let script = input.script.as_ref().map(|script| hex::decode(&script.0).ok_or(Why::Hex)).transpose();
    let script = script.map_err(|why| ParseError::path("tx[0].inputs[0].script", why))?.unwrap_or_default();
    let outputs = coinbase.out.0;
    let reward = Satoshi::checked_sum(outputs.iter().map(|output| output.value.0))
        .and_then(|sum| Satoshi::new(sum.to_sat()).ok())
        .ok_or_else(|| ParseError::path("tx[0].out", MoneyError::AboveMaxMoney))?;
    let addresses: Vec<_> = outputs.into_iter().filter_map(|output| output.addr.0).collect();
    let prev_hash = block.prev.as_ref().map(|prev| field::hash(Some(prev), "prev_block")).transpose()?;
    let record = BlockRecord {
        hash: field::hash(block.hash.as_ref(), "hash")?,
        prev_hash,
        height: block.height.get(),
        time: field::time(block.time, "time")?,
        reward: Some(reward),
        fees: block.fee.0,
        miner: context.pools.attribute(&script, &addresses),
        tx_count: block.n_tx.get(),
        outputs: None,
        largest: None,
        size_bytes: block.size.get(),
    };
    Ok(ChainMessage::Blocks(vec![record]))
}
