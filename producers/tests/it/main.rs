//! The producers against a local server that speaks the providers' wire formats, and against real files.
//!
//! No test sleeps: each waits for a condition, with a bound that only a failure reaches.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall fail")]

mod blockchain;
mod bpi;
mod feeds;
mod hostile_chain;
mod hostile_files;
mod hostile_http;
mod log_away;
mod memory_log;
mod recording;
mod sample;
mod server;
mod support;
mod tls;
