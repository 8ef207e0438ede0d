//! Bolts that answer later.

use super::bolt::Streams;
use super::context::TaskContext;
use crate::emitter::Emitter;
use crate::failure::Failure;
use crate::tuple::Tuple;

/// A bolt that owns its tuples: windows, aggregates, anything that acks only once its effect is durable.
///
/// Every tuple given to `execute` must be ended by [`Tuple::ack`] or [`Tuple::fail`], now or later; one that is dropped has failed.
/// If `execute` drops it while returning an error, then that error is the reason. What is emitted is anchored to nothing
/// unless it is emitted by [`out.anchored(anchors)`](Emitter::anchored).
///
/// Tuples in hand have failed when nothing has happened to their trees for the configuration's `inactivity_timeout_ms`; ending them
/// afterwards does nothing. Those given to `out.anchored` are not in hand any more: however long what was emitted for them waits
/// downstream, they do not time out.
/// A panic drops the task, and so fails all it holds; it is then built anew by its factory and prepared.
pub trait DeferredBolt: Send + 'static {
    /// What it reads.
    type In: Send + 'static;
    /// What it emits.
    type Out: Send + 'static;

    /// Names the further streams that [`Emitter::emit_to`] emits to.
    fn declare(streams: &mut Streams)
    where
        Self: Sized,
    {
        let _ = streams;
    }

    /// Called once before anything else. An error keeps the topology from starting.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let _ = context;
        Ok(())
    }

    /// Called for every tuple.
    fn execute(&mut self, tuple: Tuple<Self::In>, out: &mut Emitter<Self::Out>) -> Result<(), Failure>;

    /// Called when tuples were executed and now the inbox is empty, on ticks, when the tuples in hand reach `held_count_max`, and at
    /// shutdown as long as any are held. Emits results anchored to what is held, or makes it durable and acks it.
    ///
    /// After an error what it anchored has failed, as some of the emissions may be missing; what is still in hand is not
    /// touched. It is called again, after a backoff.
    fn flush(&mut self, out: &mut Emitter<Self::Out>) -> Result<(), Failure>;

    /// Called once at shutdown, after the last flush.
    fn cleanup(&mut self) {}
}
