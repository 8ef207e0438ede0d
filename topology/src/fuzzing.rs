//! Ways in for `fuzz/`, which throws bytes at whatever reads records and rows. No part of what the crate promises.

use serde::Serialize;
use serde::de::DeserializeOwned;
use trombe::{Failure, StateError};
use trombe_connectors::{Document, Message, Record};

use crate::dead_letter::DeadLetter;
use crate::envelope;
use crate::miners::{BlockObservation, Ledger};
use crate::prices::PriceObservation;
use crate::state::{decode, encode};
use crate::time::Hour;
use crate::transactions::{Partial, rewritten};
use crate::volume::HourTotal;

/// A record of the dead letters' topic, written again and as a document.
pub fn dead_letter(record: &Record) -> Result<(Message, Document), Failure> {
    let letter = DeadLetter::read(record);
    Ok((letter.message()?, letter.document()?))
}

/// The document of a record of the secondary index's topic.
pub fn document(record: &Record) -> Result<Document, Failure> {
    envelope::read(record)
}

/// The record of a document.
pub fn envelope(document: &Document) -> Result<Message, Failure> {
    envelope::message(document)
}

/// What a row of state holds.
#[derive(Clone, Copy, Debug)]
pub enum Row {
    /// Sightings of transactions.
    Sightings,
    /// A key group's part of an hour.
    Partial,
    /// An observation of a block.
    Block,
    /// An observation of the price.
    Price,
}

impl Row {
    /// Every kind.
    pub const EVERY: [Self; 4] = [Self::Sightings, Self::Partial, Self::Block, Self::Price];

    /// Reads a row and writes it again.
    pub fn rewritten(self, row: &[u8]) -> Result<Vec<u8>, StateError> {
        fn json<V: Serialize + DeserializeOwned>(row: &[u8]) -> Result<Vec<u8>, StateError> {
            encode("fuzz", &decode::<V>("fuzz", row)?)
        }
        match self {
            Self::Sightings => Ok(rewritten(row)),
            Self::Partial => json::<Partial>(row),
            Self::Block => json::<BlockObservation>(row),
            Self::Price => json::<PriceObservation>(row),
        }
    }
}

/// The versions of the documents that follow from rows, each as far as it can be read.
pub fn versions(rows: &[(Row, &[u8])]) -> Vec<u64> {
    let mut total = HourTotal::new(Hour::of(0));
    let mut ledger = Ledger::new(100);
    for (kind, row) in rows {
        match kind {
            Row::Sightings => {}
            Row::Partial => {
                decode("fuzz", row).map(|partial| total.put_partial(&partial)).ok();
            }
            Row::Block => {
                decode("fuzz", row).map(|block| ledger.put_block(&block)).ok();
            }
            Row::Price => {
                decode("fuzz", row).map(|price| (total.put_price(&price), ledger.put_price(&price))).ok();
            }
        }
    }
    let volume = total.document().map(|(version, _)| version);
    let miners = ledger.accounts().filter_map(|account| ledger.document(account));
    volume.into_iter().chain(miners.map(|(version, _)| version)).collect()
}
