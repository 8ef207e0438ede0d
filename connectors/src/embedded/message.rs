//! What a message counts, and how its headers lie in a row.

use bytes::Bytes;

use crate::Message;

/// The bytes by which a message is limited and counted.
pub(super) fn size(message: &Message) -> usize {
    let headers: usize = message.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    message.key.len() + message.value.len() + headers
}

/// The headers as one blob: for each, the two lengths (32 bits, little-endian), the name and the value.
pub(super) fn encode_headers(headers: &[(String, Bytes)]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(headers.iter().map(|(name, value)| 8 + name.len() + value.len()).sum());
    for (name, value) in headers {
        blob.extend(length(name.len()));
        blob.extend(length(value.len()));
        blob.extend_from_slice(name.as_bytes());
        blob.extend_from_slice(value);
    }
    blob
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a message is limited to less than 4 GiB").to_le_bytes()
}

/// The headers in a blob; `None` if it is damaged.
pub(super) fn decode_headers(mut blob: Bytes) -> Option<Vec<(String, Bytes)>> {
    let mut headers = Vec::new();
    while !blob.is_empty() {
        let (name_bytes, rest) = blob.split_first_chunk::<4>()?;
        let value_bytes = rest.first_chunk::<4>()?;
        let name_end = 8 + u32::from_le_bytes(*name_bytes) as usize;
        let value_end = name_end + u32::from_le_bytes(*value_bytes) as usize;
        let name = std::str::from_utf8(blob.get(8..name_end)?).ok()?.to_owned();
        if value_end > blob.len() {
            return None;
        }
        headers.push((name, blob.slice(name_end..value_end)));
        blob = blob.slice(value_end..);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back_as_they_were(
            headers in prop::collection::vec((".{0,8}", prop::collection::vec(any::<u8>(), 0..20)), 0..6)
        ) {
            let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, Bytes::from(value))).collect();
            let blob = encode_headers(&headers);
            prop_assert_eq!(decode_headers(blob.into()), Some(headers));
        }

        #[test]
        fn damaged_headers_are_an_error_and_no_panic(blob in prop::collection::vec(any::<u8>(), 0..40)) {
            drop(decode_headers(blob.into()));
        }
    }
}
