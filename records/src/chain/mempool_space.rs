//! mempool.space: the websocket's `blocks` and `block`, and the REST answers of the same shape.
//!
//! Described at <https://mempool.space/docs/api/websocket>. A websocket message is an object of which each
//! key is a topic of its own; one message may hold a block beside statistics.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Context, field};
use crate::error::{ParseError, Why};
use crate::hex;
use crate::json::{self, Bounded, MaybeAmount, MaybeCount, MaybeText, Seconds, Text};
use crate::limits::Limits;
use crate::money::Satoshi;
use crate::pools::{Miner, PoolList};
use crate::record::{BlockRecord, ChainMessage};

type Blocks<'a> = Bounded<Block<'a>, { Limits::BLOCKS_MAX }>;

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    previousblockhash: Option<Text<'a>>,
    #[serde(default)]
    height: MaybeCount,
    timestamp: Option<Seconds>,
    #[serde(default)]
    tx_count: MaybeCount,
    #[serde(default)]
    size: MaybeCount,
    /// Out of the chain after a reorganisation.
    stale: Option<bool>,
    #[serde(borrow)]
    extras: Option<Extras<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extras<'a> {
    #[serde(default)]
    reward: MaybeAmount,
    #[serde(default)]
    total_fees: MaybeAmount,
    /// Without the coinbase's. A sum, which may exceed all bitcoin.
    #[serde(default)]
    total_output_amt: MaybeCount,
    #[serde(borrow)]
    pool: Option<Pool<'a>>,
    #[serde(borrow)]
    coinbase_raw: Option<Text<'a>>,
    #[serde(borrow)]
    coinbase_address: Option<Text<'a>>,
    #[serde(borrow)]
    coinbase_addresses: Option<Bounded<Text<'a>, { Limits::TRANSACTION_PARTS_MAX }>>,
}

#[derive(Deserialize)]
struct Pool<'a> {
    #[serde(borrow, default)]
    name: MaybeText<'a>,
}

/// What an object of the websocket holds, its other topics left out.
#[derive(Default)]
struct Topics<'a> {
    /// The object is not empty.
    any: bool,
    block: Option<Block<'a>>,
    blocks: Option<Blocks<'a>>,
    /// The object is itself a block, as REST answers are.
    id: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Topics<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopicsVisitor;
        impl<'de> Visitor<'de> for TopicsVisitor {
            type Value = Topics<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of topics")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Topics<'de>, A::Error> {
                let mut topics = Topics::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    topics.any = true;
                    match key.0.as_ref() {
                        "block" => topics.block = map.next_value()?,
                        "blocks" => topics.blocks = map.next_value()?,
                        key => {
                            topics.id |= key == "id";
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(topics)
            }
        }
        deserializer.deserialize_map(TopicsVisitor)
    }
}

/// Reads a websocket message; a REST answer that is a block, or an array of blocks, reads alike.
///
/// Blocks that the provider marks as stale are left out.
pub(super) fn message(text: &str, context: Context<'_>) -> Result<ChainMessage, ParseError> {
    if text.trim_ascii_start().starts_with('[') {
        return records(Some(json::parse(text)?), None, context).map(ChainMessage::Blocks);
    }
    let topics: Topics<'_> = json::object(text)?;
    match (topics.blocks, topics.block) {
        (None, None) if topics.id => {
            records(None, Some(json::object(text)?), context).map(ChainMessage::Blocks)
        }
        (None, None) if topics.any => Ok(ChainMessage::Control),
        (None, None) => Err(ParseError::path("blocks", Why::Missing)),
        (blocks, block) => records(blocks, block, context).map(ChainMessage::Blocks),
    }
}

fn records(
    blocks: Option<Blocks<'_>>,
    block: Option<Block<'_>>,
    context: Context<'_>,
) -> Result<Vec<BlockRecord>, ParseError> {
    let blocks = blocks.into_iter().flat_map(|blocks| blocks.0).enumerate();
    let blocks = blocks.map(|(index, block)| (format!("blocks[{index}]"), block));
    let all = blocks.chain(block.map(|block| ("block".to_owned(), block)));
    all.filter(|(_, block)| block.stale != Some(true))
        .map(|(path, block)| record(block, &path, context.pools))
        .collect()
}

fn record(block: Block<'_>, path: &str, pools: &PoolList) -> Result<BlockRecord, ParseError> {
    let extras = block.extras.unwrap_or_default();
    let prev_hash = block.previousblockhash.as_ref();
    let prev_hash = prev_hash.map(|prev| field::hash(Some(prev), &format!("{path}.previousblockhash")));
    Ok(BlockRecord {
        hash: field::hash(block.id.as_ref(), &format!("{path}.id"))?,
        prev_hash: prev_hash.transpose()?,
        height: block.height.get(),
        time: field::time(block.timestamp, &format!("{path}.timestamp"))?,
        reward: extras.reward.0,
        fees: extras.total_fees.0,
        outputs: extras.total_output_amt.0.map(Satoshi::from_sum),
        miner: miner(&extras, path, pools)?,
        tx_count: block.tx_count.get(),
        largest: None,
        size_bytes: block.size.get(),
    })
}

/// The pool list's attribution, so that a block has the same miner whichever feed it came by; the provider's own if
/// the list knows none.
fn miner(extras: &Extras<'_>, path: &str, pools: &PoolList) -> Result<Miner, ParseError> {
    let script = extras.coinbase_raw.as_ref().map(|raw| hex::decode(&raw.0).ok_or(Why::Hex)).transpose();
    let script = script.map_err(|why| ParseError::path(format!("{path}.extras.coinbaseRaw"), why))?;
    let script = script.unwrap_or_default();
    let several = extras.coinbase_addresses.iter().flat_map(|addresses| &addresses.0);
    let addresses: Vec<&str> =
        several.chain(&extras.coinbase_address).map(|address| address.0.as_ref()).collect();
    let listed = pools.attribute(&script, &addresses);
    let provided = extras.pool.as_ref().and_then(|pool| pool.name.0.as_deref());
    Ok(match provided {
        Some(name) if listed.is_unknown() => pools.provided(name).tagged(&script),
        _ => listed,
    })
}
