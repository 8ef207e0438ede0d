//! The whole topology on the real engine and the embedded store: messages in, exported documents out.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod crashes;
mod dead_letters;
mod disturbed;
mod exactly_once;
mod index_away;
mod mainnet;
mod market;
mod on_kafka;
mod reorganisations;
mod retention;
mod same_documents;
mod secondary;
mod world;
