//! Bitcoind's block files.

use std::io::Read;

/// An iterator over the blocks of a `blk*.dat` file.
#[derive(Debug)]
pub struct BlkReader<R> {
    _reader: R,
}

/// A block of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlkBlock {
    /// Where its serialisation starts, in bytes from the file's start.
    pub offset: u64,
    /// Its serialisation.
    pub bytes: Vec<u8>,
}

/// The eight bytes of `xor.dat` with which Bitcoin Core 28 and later obfuscates its block files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XorKey(pub [u8; 8]);

/// A damaged place of a file. Reading goes on with the next block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlkError {
    /// The reader failed; nothing more comes.
    #[error("byte {offset}: {error}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        error: std::io::Error,
    },
}

impl<R: Read> BlkReader<R> {
    /// Reads mainnet blocks; `key` if the folder has an `xor.dat`.
    pub fn new(reader: R, _key: Option<XorKey>) -> Self {
        Self { _reader: reader }
    }
}

impl<R: Read> Iterator for BlkReader<R> {
    type Item = Result<BlkBlock, BlkError>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
