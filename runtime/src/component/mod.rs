//! What users write: spouts, bolts and sinks.

pub(crate) mod async_spout;
pub(crate) mod bolt;
pub(crate) mod closures;
pub(crate) mod context;
pub(crate) mod dead_letter;
pub(crate) mod deferred;
pub(crate) mod iterator;
pub(crate) mod sink;
pub(crate) mod spout;
pub(crate) mod stateful;
