//! From a task's outputs to its consumers' tasks: a port a stream, a router an edge, a sink a consuming task.

mod any_port;
mod convert;
mod port;
mod queue;
mod router;

pub(crate) use any_port::AnyPort;
pub(crate) use convert::{Convert, ConvertSink};
pub(crate) use port::Port;
pub(crate) use queue::QueueSink;
pub(crate) use router::Router;

use crate::clock::Nanos;
use crate::flow::flight::Lot;
use crate::flow::fragment::Batch;

/// One end of an edge: takes batches for one task of the consumer.
pub(crate) trait Sink<T>: Send {
    /// Takes everything out of `batch` and leaves it empty (the buffers may be others). False: some of it is parked, and the
    /// producer should stop until [`unpark`](Self::unpark) says otherwise.
    fn push(&mut self, batch: &mut Batch<T>, lot: Lot, now: Nanos) -> bool;

    /// Tries again what was parked; true if nothing is parked any more.
    fn unpark(&mut self, now: Nanos) -> bool;

    /// Ends a component that runs inside.
    fn close(&mut self) {}
}
