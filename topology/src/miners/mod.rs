//! Miners: which blocks count, who mined them, what they earned by day and month.

mod block;
mod bolt;
mod chain;
mod ledger;
mod period;
#[cfg(test)]
mod tests;

pub(crate) use block::BlockObservation;
pub(crate) use bolt::{Miners, MinersInput};
pub(crate) use ledger::Ledger;
