//! Documents as the index takes them.

use btc_records::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use trombe::Failure;
use trombe_connectors::Document;

use crate::time::utc;

/// A document of `index` with this source.
pub(crate) fn document<S: Serialize>(
    index: &str,
    id: String,
    version: u64,
    time_s: i64,
    source: &S,
) -> Result<Document, Failure> {
    let source = serde_json::to_string(source).map_err(Failure::reject)?;
    Ok(Document { index: index.to_owned(), id, version, timestamp: utc(time_s), source })
}

/// The first `BYTES` bytes of the SHA-256 of `parts`, in hexadecimal. Each part's length is hashed too, so that no two
/// different lists of parts look alike.
pub(crate) fn short_hash<const BYTES: usize>(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..BYTES])
}
