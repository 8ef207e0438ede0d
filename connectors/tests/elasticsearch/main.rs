//! The index on Elasticsearch: on a scripted server, which plays what a real one seldom does, and on a real one.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod answers;
mod chaos;
mod nodes;
mod real;
mod server;
mod tls;
mod writes;
