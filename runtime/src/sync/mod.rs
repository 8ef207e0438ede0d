//! What threads share, by one name: the standard library's and crossbeam's, or loom's where the structures built of them are
//! model-checked (`RUSTFLAGS='--cfg trombe_loom' cargo test -p trombe --lib models`, see `flow/models`).
//!
//! Everything that carries an invariant between threads takes its types from here. Mere counters (histograms, a task's own totals) and the
//! manual clock do not: no other value depends on theirs, and each would only multiply the interleavings to try.

#[cfg(trombe_loom)]
mod model;

#[cfg(trombe_loom)]
pub(crate) use model::{
    Arc, ArrayQueue, AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Condvar, Mutex, MutexGuard, fence, thread,
};

#[cfg(not(trombe_loom))]
pub(crate) use {
    crossbeam_queue::ArrayQueue,
    std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, fence},
    std::sync::{Arc, Condvar, Mutex, MutexGuard},
    std::thread,
};

/// Something that one thread writes often, away from what others do: two cache lines, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);
