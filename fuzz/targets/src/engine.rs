//! What the engine reads back: rows of its own, and the strikes that a failing simulation prints.

use trombe::fuzzing::lineage_row;
use trombe::sim::StrikeId;

use crate::texts;

/// A row that is understood is the one that would be written: what is out of order or twice is refused.
pub(crate) fn check_lineage(data: &[u8]) -> bool {
    let Some((key, value)) = split(data) else { return false };
    let Some(again) = lineage_row(key, value) else { return false };
    assert_eq!((again.0.as_slice(), again.1.as_slice()), (key, value));
    true
}

/// The first byte is the length of the key.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

pub(crate) fn lineage_seeds() -> Vec<Vec<u8>> {
    let key = [&[0, 7, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9][..], b"sentences"].concat();
    let places = |places: [u16; 3]| places.map(u16::to_le_bytes).concat();
    let paths = [7_u64, 8, 0].map(u64::to_le_bytes).concat();
    // The length of a path, the places, the paths.
    let values = [[vec![0], places([1, 2, 4_095])].concat(), [vec![8], places([1, 1, 2]), paths].concat()];
    let length = u8::try_from(key.len()).expect("a short key");
    values.map(|value| [&[length], key.as_slice(), &value].concat()).to_vec()
}

/// A strike that is understood is printed as one that reads the same.
pub(crate) fn check_strike(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(strike) = text.parse::<StrikeId>() else { return false };
    assert_eq!(strike.to_string().parse(), Ok(strike));
    true
}

pub(crate) fn strike_seeds() -> Vec<Vec<u8>> {
    texts(&["bolt-panic#17", "index-429#18446744073709551615"])
}
