//! What the engine reads back: rows of its own, and the strikes that a failing simulation prints.

use trombe::fuzzing::{lineage_floor, lineage_row};
use trombe::sim::StrikeId;

use crate::texts;

/// A row that is understood is the one that would be written: what is out of order or twice is refused.
pub(crate) fn check_lineage(data: &[u8]) -> bool {
    let Some((key, value)) = split(data) else { return false };
    let read = [lineage_row, lineage_floor].map(|read| read(key, value));
    for (key_again, value_again) in read.iter().flatten() {
        assert_eq!((key_again.as_slice(), value_again.as_slice()), (key, value));
    }
    read.iter().any(Option::is_some)
}

/// The first byte is the length of the key.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

pub(crate) fn lineage_seeds() -> Vec<Vec<u8>> {
    // Group, partition, page, row, source; for a floor partition, group, source.
    let row = [&[0, 7, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1][..], b"sentences"].concat();
    let floor = [&[0, 0, 0, 3, 0, 7][..], b"sentences"].concat();
    let places = |places: [u16; 3]| places.map(u16::to_le_bytes).concat();
    let paths = [7_u64, 8, 0].map(u64::to_le_bytes).concat();
    // The length of a path, the places, the paths.
    let rows = [
        (&row, [vec![0], places([1, 2, 4_095])].concat()),
        (&row, [vec![8], places([1, 1, 2]), paths].concat()),
        (&floor, 8_192_u64.to_be_bytes().to_vec()),
    ];
    let length = |key: &[u8]| u8::try_from(key.len()).expect("a short key");
    rows.map(|(key, value)| [&[length(key)], key.as_slice(), &value].concat()).to_vec()
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
