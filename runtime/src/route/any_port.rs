//! A port whose type is not known.

use std::any::Any;
use std::sync::Arc;

use super::Port;
use crate::clock::Nanos;
use crate::failure::Autopsy;
use crate::flow::flight::Lot;
use crate::flow::lineage::Path;

/// A port whose type only `emit_to` knows.
pub(crate) trait AnyPort: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn flush(&mut self, lot: &Lot, now: Nanos) -> bool;
    fn unpark(&mut self, now: Nanos) -> bool;
    fn number(&mut self, parent: Path, component: u64, stream: usize);
    fn is_empty(&self) -> bool;
    fn fail_collected(&self, lot: &Lot, autopsy: &Arc<Autopsy>);
    fn clear(&mut self);
    fn close(&mut self);
}

impl<U: Send + 'static> AnyPort for Port<U> {
    fn number(&mut self, parent: Path, component: u64, stream: usize) {
        self.number(parent, component, stream);
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn flush(&mut self, lot: &Lot, now: Nanos) -> bool {
        self.flush(lot, now)
    }

    fn unpark(&mut self, now: Nanos) -> bool {
        self.unpark(now)
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn fail_collected(&self, lot: &Lot, autopsy: &Arc<Autopsy>) {
        self.fail_collected(lot, autopsy);
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn close(&mut self) {
        self.close();
    }
}
