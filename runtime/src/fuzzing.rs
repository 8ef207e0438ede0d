//! Ways in for `fuzz/`, which throws bytes at whatever reads rows. No part of what the crate promises.

use crate::state::lineage;

/// A row of what an exactly-once bolt has had, key and value, written again; `None` if it is none.
pub fn lineage_row(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    lineage::rewritten(key, value)
}

/// The same of a row that says from where on it is known.
pub fn lineage_floor(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    lineage::rewritten_floor(key, value)
}
