//! Transactions, each counted once however often and in whatever order it is seen.
//!
//! A transaction's *sightings* are the distinct (time, outputs, adjusted) its messages tell; the smallest of them, hence
//! the earliest, is the one that counts. Sightings are kept by key group and hour in [`Bucket`](bucket::Bucket)s; a bucket
//! adds up to a [`Partial`], an absolute statement about its hour which the volume bolt puts together with those of the
//! other key groups.
//!
//! Nothing is ever subtracted. A new transaction, the common case, is added to its partial; whatever else changes (an
//! earlier sighting that moves a transaction to another hour, say) has the bucket counted again from its entries.

mod bolt;
mod bucket;
mod partial;
mod sightings;

use serde::{Deserialize, Serialize};

pub(crate) use bolt::{SightedTransaction, Transactions};
pub(crate) use bucket::rewritten;
pub(crate) use partial::{Largest, MinuteVolume, Partial};
pub(crate) use sightings::SightingLimits;
#[cfg(test)]
pub(crate) use sightings::Sightings;

/// What one message says of a transaction. The order decides which of several counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Sighting {
    pub(crate) time_s: i64,
    pub(crate) outputs_sat: u64,
    pub(crate) adjusted_sat: u64,
}
