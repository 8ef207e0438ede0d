//! Hexadecimal text, as every provider writes hashes and scripts.

use std::borrow::Borrow;

/// The value of one hexadecimal digit, or `0xff`.
const DIGITS: [u8; 256] = {
    let mut table = [0xff_u8; 256];
    let mut value = 0_u8;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// The two digits of every byte, in lower case.
const PAIRS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = [b"0123456789abcdef"[value >> 4], b"0123456789abcdef"[value & 0xf]];
        value += 1;
    }
    table
};

fn byte(pair: [u8; 2]) -> Option<u8> {
    let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
    ((high | low) < 16).then_some(high << 4 | low)
}

/// The bytes that `text` spells, or `None` if it has an odd length or a character that is not a digit.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = vec![0; pairs.len()];
    for (slot, &pair) in bytes.iter_mut().zip(pairs) {
        *slot = byte(pair)?;
    }
    Some(bytes)
}

/// The 32 bytes that `digits` spell in reverse: hashes are printed with their last byte first.
pub(crate) fn decode_reversed(digits: &[u8]) -> Option<[u8; 32]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (slot, &pair) in bytes.iter_mut().rev().zip(pairs) {
        *slot = byte(pair)?;
    }
    Some(bytes)
}

/// The digits of `bytes`, in lower case.
///
/// ```
/// assert_eq!(btc_records::hex::encode([0x00, 0xa5]), "00a5");
/// ```
#[expect(clippy::missing_panics_doc, reason = "digits are ASCII, so it cannot panic")]
pub fn encode(bytes: impl IntoIterator<Item: Borrow<u8>>) -> String {
    let digits = bytes.into_iter().flat_map(|byte| PAIRS[usize::from(*byte.borrow())]);
    String::from_utf8(digits.collect()).expect("digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_refusals() {
        assert_eq!(decode("00fF7a"), Some(vec![0x00, 0xff, 0x7a]));
        assert_eq!(encode([0x00, 0xff, 0x7a]), "00ff7a");
        for bad in ["0", "0g", "é", " 1", "+1"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        assert_eq!(decode_reversed(b"00"), None);
        let mut reversed = [0_u8; 32];
        reversed[31] = 1;
        assert_eq!(decode_reversed(format!("01{}", "00".repeat(31)).as_bytes()), Some(reversed));
    }
}
