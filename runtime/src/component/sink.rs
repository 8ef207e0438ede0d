//! Sinks: asynchronous writers at the end of a topology.

use std::future::Future;

use super::context::TaskContext;
use crate::failure::Failure;

/// Writes batches to the outside world, on tokio, beside the threads that compute.
///
/// Each task writes up to `in_flight_max` batches at a time, so batches may be done out of order.
pub trait AsyncSink: Send + Sync + 'static {
    /// What it reads.
    type In: Send + 'static;

    /// Called once before anything else. An error keeps the topology from starting.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let _ = context;
        Ok(())
    }

    /// How it likes to be fed.
    fn limits(&self) -> SinkLimits {
        SinkLimits::default()
    }

    /// Writes a batch, never empty, and answers item by item in the same order: an item is acked on `Ok` and failed on `Err`.
    /// Items without an answer, or all of them after a panic, have failed.
    ///
    /// A write that waits holds up the spouts. One that has given no answer within [`write_timeout_ms`](SinkLimits::write_timeout_ms)
    /// is dropped at its next `await`, and its items have failed; whether they were written nobody knows.
    fn write(&self, batch: Vec<Self::In>) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;
}

/// Limits of one task of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkLimits {
    /// Items in a batch at most.
    pub batch_count_max: usize,
    /// How long an item waits for the batch to fill at most.
    pub linger_ms: u64,
    /// Batches being written at the same time at most.
    pub in_flight_max: usize,
    /// How long a write may go without its answer; `None`: for ever, for a sink that waits for its server to come back.
    pub write_timeout_ms: Option<u64>,
}

impl Default for SinkLimits {
    fn default() -> Self {
        Self { batch_count_max: 500, linger_ms: 20, in_flight_max: 2, write_timeout_ms: Some(300_000) }
    }
}
