//! The promises of the whole program, tested from outside: its command line, its page, its files.
//!
//! Everything runs the real binary against a store in a folder of its own. A test that wants the shared
//! recorded data says `skipped:` on standard error where they are absent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

/// The batch layer: what the archive gives back is what the stream has computed.
mod archive;
/// Wrong blocks, wrong bytes, hostile messages: they end in the dead letters and stop nothing.
mod bad_input;
/// The command line's contract and its answers to mistakes.
mod cli;
/// The same dashboard on real Kafka and Elasticsearch.
mod cluster;
/// The containers: the compose file and the Dockerfile as data.
mod compose;
/// The daemons as separate processes on one store, fed by a local server.
mod daemons;
/// S3's protocol in small, with lost answers.
#[cfg(feature = "archive")]
mod fake_s3;
/// Killed at any moment and started again, the result is the undisturbed one.
mod kill;
/// `up`: the page lives, and Ctrl-C loses nothing.
mod page;
/// Replays of real blocks and recordings against facts and against each other.
mod replay;
/// `setup` against a local Kibana, and against real servers where they are.
mod setup;
/// Every program under supervisord: started, stopped, killed, healed; the configuration as data.
mod supervisord;
/// What every test needs: the binary, scratch folders, exports.
mod support;
/// The repository itself: layers, file sizes, documents that match the tree.
mod tidy;
/// The page as a process of its own.
mod ui;
