//! Hand-made files: the reader does not look into blocks, so that any bytes serve as one.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;
use std::io::{self, Read};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{BLOCK_BYTES_MIN, BlkReader, MAGIC, XorKey};
use crate::limits::Limits;

fn record(fill: u8) -> Vec<u8> {
    let block = [fill; BLOCK_BYTES_MIN];
    let length = u32::try_from(block.len()).unwrap().to_le_bytes();
    [&MAGIC[..], &length, &block].concat()
}

fn transcript(reader: impl Read, key: Option<XorKey>) -> String {
    let mut text = String::new();
    for item in BlkReader::new(reader, key) {
        match item {
            Ok(block) => {
                writeln!(text, "byte {}: {} bytes of {}", block.offset, block.bytes.len(), block.bytes[0])
                    .unwrap();
            }
            Err(error) => writeln!(text, "{error}").unwrap(),
        }
    }
    text
}

#[track_caller]
fn check(file: &[u8], expected: &Expect) {
    let plain = transcript(file, None);
    expected.assert_eq(&plain);
    let key = XorKey::from_file(&[1, 2, 3, 4, 5, 6, 7, 0xf9]).unwrap();
    let mut obfuscated = file.to_vec();
    key.apply(0, &mut obfuscated);
    assert_eq!(transcript(OneByte(&obfuscated), Some(key)), plain);
}

/// The least that a reader may give at a time.
struct OneByte<'a>(&'a [u8]);

impl Read for OneByte<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn whole_files() {
    check(b"", &expect![[""]]);
    check(&[0; 100], &expect![[""]]);
    check(
        &[record(1), record(2)].concat(),
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 97: 81 bytes of 2
    "#]],
    );
    check(
        &[record(1), vec![0; 1000], record(2), vec![0; 3]].concat(),
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 1097: 81 bytes of 2
    "#]],
    );
}

#[test]
fn garbage() {
    check(
        b"\x01",
        &expect![[r#"
        byte 0: no block, 1 bytes skipped: if an `xor.dat` lies in the folder, give its key
    "#]],
    );
    check(
        b"not a block file",
        &expect![[r#"
        byte 0: no block, 16 bytes skipped: if an `xor.dat` lies in the folder, give its key
    "#]],
    );
    check(
        &[vec![7; 10], record(1), vec![8; 5], record(2), vec![9; 2]].concat(),
        &expect![[r#"
        byte 0: no block, 10 bytes skipped: if an `xor.dat` lies in the folder, give its key
        byte 18: 81 bytes of 1
        byte 99: no block, 5 bytes skipped: if an `xor.dat` lies in the folder, give its key
        byte 112: 81 bytes of 2
        byte 193: no block, 2 bytes skipped: if an `xor.dat` lies in the folder, give its key
    "#]],
    );
    check(
        &[record(1), MAGIC[..3].to_vec()].concat(),
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 89: no block, 3 bytes skipped: if an `xor.dat` lies in the folder, give its key
    "#]],
    );
    check(
        &[record(1), MAGIC.to_vec(), vec![0; 3]].concat(),
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 89: no block, 7 bytes skipped: if an `xor.dat` lies in the folder, give its key
    "#]],
    );
}

#[test]
fn damaged_lengths() {
    let with_length = |length: u32| {
        let mut damaged = record(1);
        damaged[4..8].copy_from_slice(&length.to_le_bytes());
        [record(0), damaged, record(2), record(3)].concat()
    };
    check(
        &with_length(0),
        &expect![[r#"
        byte 8: 81 bytes of 0
        byte 89: a block of 0 bytes, not 81 to 4000000: skipped, reindex the node
        byte 186: 81 bytes of 2
        byte 275: 81 bytes of 3
    "#]],
    );
    check(
        &with_length(80),
        &expect![[r#"
        byte 8: 81 bytes of 0
        byte 89: a block of 80 bytes, not 81 to 4000000: skipped, reindex the node
        byte 186: 81 bytes of 2
        byte 275: 81 bytes of 3
    "#]],
    );
    check(
        &with_length(u32::MAX),
        &expect![[r#"
        byte 8: 81 bytes of 0
        byte 89: a block of 4294967295 bytes, not 81 to 4000000: skipped, reindex the node
        byte 186: 81 bytes of 2
        byte 275: 81 bytes of 3
    "#]],
    );
    check(
        &with_length(82),
        &expect![[r#"
        byte 8: 81 bytes of 0
        byte 89: a block of 82 bytes, of which 81 are there: fetch that block elsewhere
        byte 186: 81 bytes of 2
        byte 275: 81 bytes of 3
    "#]],
    );
    check(
        &with_length(120),
        &expect![[r#"
        byte 8: 81 bytes of 0
        byte 89: a block of 120 bytes, of which 81 are there: fetch that block elsewhere
        byte 186: 81 bytes of 2
        byte 275: 81 bytes of 3
    "#]],
    );
    check(
        &with_length(3_999_999),
        &expect![[r#"
        byte 8: 81 bytes of 0
        byte 89: a block of 3999999 bytes, of which 81 are there: fetch that block elsewhere
        byte 186: 81 bytes of 2
        byte 275: 81 bytes of 3
    "#]],
    );
}

#[test]
fn truncated_files() {
    let file = [record(1), record(2)].concat();
    check(
        &file[..file.len() - 1],
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 89: a block of 81 bytes, of which 80 are there: fetch that block elsewhere
    "#]],
    );
    check(
        &[&record(1)[..50], &record(2)].concat(),
        &expect![[r#"
        byte 0: a block of 81 bytes, of which 42 are there: fetch that block elsewhere
        byte 58: 81 bytes of 2
    "#]],
    );
}

/// A record may be cut anywhere, also within its magic or its length.
#[test]
fn a_record_cut_short_costs_only_itself() {
    for kept in 0..record(1).len() {
        let file = [record(1), record(2)[..kept].to_vec(), record(3), record(4)].concat();
        let blocks = BlkReader::new(&file[..], None).flatten();
        let survivors: Vec<u8> = blocks.map(|block| block.bytes[40]).collect();
        assert_eq!(survivors, [1, 3, 4], "{kept} bytes are left of the second");
    }
}

#[test]
fn a_magic_inside_a_block_is_left_alone() {
    let mut tricky = record(1);
    tricky[20..24].copy_from_slice(&MAGIC);
    check(
        &[tricky, record(2)].concat(),
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 97: 81 bytes of 2
    "#]],
    );
}

#[test]
fn a_magic_without_a_length_is_no_record_though_damage_follows() {
    let mut tricky = record(1);
    tricky[20..24].copy_from_slice(&MAGIC);
    check(
        &[tricky, b"damage".to_vec(), record(2)].concat(),
        &expect![[r#"
        byte 8: 81 bytes of 1
        byte 89: no block, 6 bytes skipped: if an `xor.dat` lies in the folder, give its key
        byte 103: 81 bytes of 2
    "#]],
    );
}

#[test]
fn a_failing_disk_ends_the_file() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("bad sector"))
        }
    }
    let file = record(1);
    expect![[r#"
        byte 8: 81 bytes of 1
        byte 89: bad sector: check the disk, then read the file again
    "#]]
    .assert_eq(&transcript(file.chain(Failing), None));
}

#[test]
fn memory_stays_bounded() {
    let limits = Limits { block_bytes_max: 1000, ..Limits::DEFAULT };
    let mut reader = BlkReader::with_limits(io::repeat(0xf9).take(20_000_000), None, &limits);
    assert!(reader.next().unwrap().is_err());
    assert!(reader.window.bytes().len() < 1_000_000);
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_the_end(parts in prop::collection::vec(
        prop_oneof![Just(record(5)), Just(MAGIC.to_vec()), prop::collection::vec(any::<u8>(), 0..30)], 0..8)
    ) {
        let file = parts.concat();
        let count = BlkReader::new(&file[..], None).count();
        prop_assert!(count <= file.len());
    }
}

#[test]
fn damage_costs_no_other_block() {
    let file: Vec<u8> = (1..=5).flat_map(record).collect();
    for flip in 0..file.len() * 8 {
        let mut file = file.clone();
        file[flip / 8] ^= 1 << (flip % 8);
        let blocks = BlkReader::new(&file[..], None).flatten();
        let survivors: Vec<u8> = blocks.map(|block| block.bytes[40]).collect();
        let damaged = u8::try_from(flip / 8 / record(0).len() + 1).unwrap();
        for other in (1..=5).filter(|&other| other != damaged) {
            assert!(survivors.contains(&other), "bit {flip}: block {other} was lost");
        }
    }
}
