//! The Bitcoin topology in simulated worlds: it withstands every fault, and every planted mistake is found.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod planted;
mod stores;
mod withstood;
