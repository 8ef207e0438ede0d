//! What the engine promises, checked on the deterministic driver: the same tasks as on threads, in an order drawn from a seed, on a
//! clock that stands still. Every promise is checked for several seeds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod anchors;
mod backpressure;
mod common;
mod dead_letters;
mod deferred;
mod endings;
mod failures;
mod groupings;
mod jitter;
mod lineage;
mod lost_spouts;
mod order;
mod pending;
mod plans;
mod random_trees;
mod shutdown;
mod sinks;
mod spouts;
mod stateful;
mod streams;
mod tantrums;
mod threads;
mod timeouts;
mod word_count;
