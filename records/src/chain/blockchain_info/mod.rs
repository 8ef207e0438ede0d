//! blockchain.info: the websocket's `utx` and `block`, and the REST answer `rawblock`.
//!
//! Described at <https://www.blockchain.com/api/api_websocket>; what became of the fields over the years is
//! in no document: `reward` and `foundBy` decayed from real values to 0 and `Unknown`, then to nothing.

mod layout;
mod rest;
mod websocket;

use serde::Deserialize;

pub(crate) use layout::transaction as transaction_by_layout;
pub(super) use websocket::message;

use crate::json::{Amount, Bounded, MaybeText, Text};
use crate::limits::Limits;

/// The inputs, or the outputs, of a transaction.
type Parts<T> = Bounded<T, { Limits::TRANSACTION_PARTS_MAX }>;

/// An input of a transaction.
#[derive(Deserialize)]
struct Input<'a> {
    /// Missing for a coinbase.
    #[serde(borrow)]
    prev_out: Option<PrevOut<'a>>,
    #[serde(borrow)]
    script: Option<Text<'a>>,
}

/// The output that an input spends.
#[derive(Deserialize)]
struct PrevOut<'a> {
    #[serde(borrow, default)]
    addr: MaybeText<'a>,
}

/// An output of a transaction.
#[derive(Deserialize)]
struct Output<'a> {
    value: Amount,
    /// Missing for `OP_RETURN`.
    #[serde(borrow, default)]
    addr: MaybeText<'a>,
}
