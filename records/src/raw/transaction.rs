//! One raw transaction.

use crate::hash::Txid;
use crate::money::Satoshi;

/// A decoded transaction of a raw block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTransaction<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) txid: Txid,
    pub(super) outputs: Satoshi,
    pub(super) adjusted: Satoshi,
}

impl<'a> RawTransaction<'a> {
    /// Its serialisation, witnesses included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its id.
    pub fn txid(&self) -> Txid {
        self.txid
    }

    /// The sum of its outputs.
    pub fn outputs(&self) -> Satoshi {
        self.outputs
    }

    /// The sum of the outputs that do not return to an address that the inputs reveal.
    pub fn adjusted(&self) -> Satoshi {
        self.adjusted
    }
}
