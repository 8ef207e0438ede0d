//! What travels between tasks, and how it is known to have arrived: batches, flights, held tuples, queues.

pub(crate) mod flight;
pub(crate) mod fragment;
pub(crate) mod held;
pub(crate) mod home;
pub(crate) mod inbox;
pub(crate) mod lineage;
pub(crate) mod numbers;
pub(crate) mod progress;
pub(crate) mod wake;

#[cfg(all(test, trombe_loom))]
pub(crate) mod models;
