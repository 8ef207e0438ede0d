//! The bolt `volume`.

use std::sync::Arc;

use trombe::{Anchors, DeferredBolt, Emitter, Failure, StateStore, Tuple};
use trombe_connectors::Document;

use super::hours::Hours;
use crate::documents::VOLUME;
use crate::prices::PriceObservation;
use crate::render::document;
use crate::state::Retention;
use crate::time::Hour;
use crate::transactions::Partial;

/// What bears on an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VolumeInput {
    /// What a key group states of it.
    Partial(Partial),
    /// A price observed in it or near it.
    Price(Hour, PriceObservation),
}

/// Puts together and prices what the key groups state of an hour.
///
/// A tuple is acked when it is durable and the document it bears on is in the index.
pub(crate) struct Volume {
    hours: Hours,
    anchors: Anchors,
}

impl Volume {
    pub(crate) fn new(store: Arc<dyn StateStore>, retention: Retention, rows_count_max: usize) -> Self {
        Self { hours: Hours::new(store, retention, rows_count_max), anchors: Anchors::new() }
    }
}

impl DeferredBolt for Volume {
    type In = VolumeInput;
    type Out = Document;

    fn execute(&mut self, tuple: Tuple<VolumeInput>, _: &mut Emitter<Document>) -> Result<(), Failure> {
        match tuple.value() {
            VolumeInput::Partial(partial) => self.hours.put_partial(partial)?,
            VolumeInput::Price(hour, price) => self.hours.put_price(*hour, price)?,
        }
        self.anchors.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<Document>) -> Result<(), Failure> {
        let documents = self.hours.flush()?;
        let mut out = out.anchored(self.anchors.take());
        for (hour, version, source) in documents {
            out.emit(document(VOLUME, source.timestamp.clone(), version, hour.start_s(), &source)?);
        }
        Ok(())
    }
}
