//! `wss://ws.blockchain.info/inv`.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Input, Output, Parts, rest};
use crate::adjusted;
use crate::chain::{Context, field};
use crate::error::{ParseError, Why};
use crate::json::{self, MaybeAmount, MaybeCount, MaybeText, Seconds, Text};
use crate::money::Satoshi;
use crate::pools::{Miner, PoolList};
use crate::record::{BlockRecord, ChainMessage, TransactionRecord};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    op: Option<Text<'a>>,
    #[serde(borrow)]
    x: Option<Body<'a>>,
}

/// The fields of a `utx` and of a `block` together, so that one pass reads either.
#[derive(Deserialize)]
#[serde(expecting = "the object of a transaction or a block")]
struct Body<'a> {
    #[serde(borrow)]
    hash: Option<Text<'a>>,
    time: Option<Seconds>,
    #[serde(borrow)]
    inputs: Option<Parts<Input<'a>>>,
    #[serde(borrow)]
    out: Option<Parts<Output<'a>>>,
    #[serde(default)]
    height: MaybeCount,
    #[serde(default)]
    reward: MaybeAmount,
    #[serde(borrow, default, rename = "foundBy")]
    found_by: MaybeText<'a>,
    #[serde(default, rename = "nTx")]
    tx_count: MaybeCount,
    #[serde(default)]
    size: MaybeCount,
    #[serde(default, rename = "totalBTCSent")]
    outputs: MaybeCount,
}

/// Reads a websocket message, or a REST `rawblock`, which alone has no `op`.
pub(in crate::chain) fn message(text: &str, context: Context<'_>) -> Result<ChainMessage, ParseError> {
    let message = match json::object::<Message<'_>>(text) {
        Ok(message) => message,
        // Other operations may put anything into `x`.
        Err(error) => match operation(text) {
            Some(Operation::Other) => return Ok(ChainMessage::Control),
            _ => return Err(error),
        },
    };
    let Some(op) = message.op else {
        return rest::block(text, context);
    };
    let body = message.x.ok_or_else(|| ParseError::path("x", Why::Missing));
    match Operation::of(&op.0) {
        Operation::Transaction => transaction(body?, context).map(ChainMessage::Transaction),
        Operation::Block => block(&body?, context).map(|block| ChainMessage::Blocks(vec![block])),
        Operation::Other => Ok(ChainMessage::Control),
    }
}

enum Operation {
    Transaction,
    Block,
    Other,
}

impl Operation {
    fn of(op: &str) -> Self {
        match op {
            "utx" => Self::Transaction,
            "block" => Self::Block,
            _ => Self::Other,
        }
    }
}

fn operation(text: &str) -> Option<Operation> {
    #[derive(Deserialize)]
    struct Peek<'a> {
        #[serde(borrow)]
        op: Text<'a>,
    }
    json::object::<Peek<'_>>(text).ok().map(|peek| Operation::of(&peek.op.0))
}

fn transaction(body: Body<'_>, context: Context<'_>) -> Result<TransactionRecord, ParseError> {
    let txid = field::hash(body.hash.as_ref(), "x.hash")?;
    let time = match body.time {
        Some(time) => time.0,
        None => json::received(context.received_ms)?,
    };
    let outputs = body.out.map(|out| out.0).filter(|out| !out.is_empty());
    let outputs = outputs.ok_or_else(|| ParseError::path("x.out", Why::Missing))?;
    let outputs = outputs.into_iter().map(|output| (output.value.0, output.addr.0));
    let inputs = body.inputs.map(|inputs| inputs.0).unwrap_or_default();
    let inputs: Vec<Cow<'_, str>> =
        inputs.into_iter().filter_map(|input| input.prev_out.and_then(|prev| prev.addr.0)).collect();
    let (outputs, adjusted) =
        adjusted::sums(inputs, outputs).map_err(|error| ParseError::path("x.out", error))?;
    Ok(TransactionRecord { txid, time, outputs, adjusted })
}

fn block(body: &Body<'_>, context: Context<'_>) -> Result<BlockRecord, ParseError> {
    Ok(BlockRecord {
        hash: field::hash(body.hash.as_ref(), "x.hash")?,
        prev_hash: None,
        height: body.height.get(),
        time: field::time(body.time, "x.time")?,
        reward: body.reward.0,
        fees: None,
        miner: found_by(body.found_by.0.as_deref(), context.pools),
        tx_count: body.tx_count.get().filter(|&count| count > 0),
        outputs: body.outputs.0.filter(|&satoshi| satoshi > 0).map(Satoshi::from_sum),
        largest: None,
        size_bytes: body.size.get().filter(|&size| size > 0),
    })
}

fn found_by(name: Option<&str>, pools: &PoolList) -> Miner {
    name.map_or_else(Miner::unknown, |name| pools.provided(name))
}
