//! The bolt `transactions`.

use std::sync::Arc;

use btc_records::{TransactionRecord, Txid};
use trombe::{Anchors, DeferredBolt, Emitter, Failure, StateStore, TaskContext, Tuple, key_group, key_hash};

use super::sightings::{SightingLimits, Sightings};
use super::{Partial, Sighting};
use crate::state::Retention;

/// One sighting of one transaction, on its way from the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SightedTransaction {
    pub(crate) txid: Txid,
    pub(crate) sighting: Sighting,
}

impl From<TransactionRecord> for SightedTransaction {
    fn from(record: TransactionRecord) -> Self {
        let sighting = Sighting {
            time_s: record.time.timestamp(),
            outputs_sat: record.outputs.to_sat(),
            adjusted_sat: record.adjusted.to_sat(),
        };
        Self { txid: record.txid, sighting }
    }
}

/// Counts each transaction once and states, key group by key group, what each hour adds up to.
///
/// A tuple is acked when its sighting is durable and every statement it bears on has been dealt with downstream.
pub(crate) struct Transactions {
    store: Arc<dyn StateStore>,
    retention: Retention,
    limits: SightingLimits,
    sightings: Option<Sightings>,
    anchors: Anchors,
}

impl Transactions {
    pub(crate) fn new(store: Arc<dyn StateStore>, retention: Retention, limits: SightingLimits) -> Self {
        Self { store, retention, limits, sightings: None, anchors: Anchors::new() }
    }

    fn sightings(&mut self) -> Result<&mut Sightings, Failure> {
        self.sightings.as_mut().ok_or_else(|| Failure::retry("the bolt is not prepared; prepare it first"))
    }
}

impl DeferredBolt for Transactions {
    type In = SightedTransaction;
    type Out = Partial;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.sightings =
            Some(Sightings::open(&self.store, self.retention, self.limits, context.key_groups())?);
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple<SightedTransaction>, _: &mut Emitter<Partial>) -> Result<(), Failure> {
        let SightedTransaction { txid, sighting } = *tuple.value();
        self.sightings()?.see(key_group(key_hash(&txid)), txid, sighting)?;
        self.anchors.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<Partial>) -> Result<(), Failure> {
        let partials = self.sightings()?.flush()?;
        let mut out = out.anchored(self.anchors.take());
        for partial in partials {
            out.emit(partial);
        }
        Ok(())
    }
}
