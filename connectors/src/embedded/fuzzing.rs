//! Ways in for `fuzz/`, which throws bytes at whatever reads rows. No part of what the crate promises.

use bytes::Bytes;

use super::message::{decode_headers, encode_headers};

/// The headers in a row; `None` if it is damaged.
pub fn headers(blob: Bytes) -> Option<Vec<(String, Bytes)>> {
    decode_headers(blob)
}

/// The row for these headers; `None` for none.
pub fn headers_row(headers: &[(String, Bytes)]) -> Option<Vec<u8>> {
    encode_headers(headers)
}
