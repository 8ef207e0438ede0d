//! Ways in for `fuzz/`, which throws bytes at whatever reads records. No part of what the crate promises.

use super::state::record::{self, Written};

/// Key, value and expiry of a record of the state's topic, written again; `None` if no program of ours has written it.
pub fn state_record(key: &[u8], value: Option<&[u8]>, expires_ms: Option<&[u8]>) -> Option<Written> {
    record::rewritten(key, value, expires_ms)
}
