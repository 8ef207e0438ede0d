//! Bitcoind's block files (`blk00000.dat` and on).
//!
//! A file is a sequence of records: the network's magic, the length of a block in four bytes, least
//! significant first, and the block's serialisation (`FlatFileSeq` and `BlockManager::WriteBlock` in Bitcoin
//! Core). Files are allocated ahead, so that zeros may follow a record. From version 28 on Bitcoin Core
//! obfuscates them with the eight bytes of `xor.dat` beside them ([`XorKey`]).
//!
//! A damaged place costs what lies in it and no more: reading goes on at the next magic, and the error says
//! from where to where nothing could be read.

mod window;

#[cfg(test)]
mod tests;

use std::io::Read;

use crate::limits::Limits;
use window::Window;
pub use window::XorKey;

/// Mainnet's magic, at the start of every record.
const MAGIC: [u8; 4] = [0xf9, 0xbe, 0xb4, 0xd9];
/// Magic and length, in bytes.
const FRAME_BYTES: usize = 8;
/// A header and a transaction count, in bytes: no block is shorter.
const BLOCK_BYTES_MIN: usize = 81;

/// An iterator over the blocks of a block file, in the file's order, which need not be the chain's.
///
/// Holds one block and a read-ahead of it in memory, whatever the file says.
#[derive(Debug)]
pub struct BlkReader<R> {
    window: Window<R>,
    block_bytes_max: usize,
}

/// A block of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlkBlock {
    /// Where its serialisation starts, in bytes from the file's start.
    pub offset: u64,
    /// Its serialisation, not yet decoded.
    pub bytes: Vec<u8>,
}

/// A place of a file that could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlkError {
    /// The file could not be read; nothing more comes.
    #[error("byte {offset}: {error}: check the disk, then read the file again")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        error: std::io::Error,
    },
    /// Something else than a record. Reading goes on after it.
    #[error(
        "byte {offset}: no block, {bytes} bytes skipped: if an `xor.dat` lies in the folder, give its key"
    )]
    Garbage {
        /// Where.
        offset: u64,
        /// How many bytes were skipped.
        bytes: u64,
    },
    /// A record with a length that no block has. Reading goes on at the next magic.
    #[error(
        "byte {offset}: a block of {length} bytes, not {length_min} to {length_max}: skipped, reindex the node"
    )]
    Length {
        /// Where the record starts.
        offset: u64,
        /// The length that it states.
        length: u64,
        /// The shortest possible.
        length_min: usize,
        /// The longest read.
        length_max: usize,
    },
    /// A record cut short: by the file's end, or by the next record. Reading goes on there.
    #[error(
        "byte {offset}: a block of {length} bytes, of which {found} are there: fetch that block elsewhere"
    )]
    Truncated {
        /// Where the record starts.
        offset: u64,
        /// The length that it states.
        length: usize,
        /// How many bytes of it there are.
        found: u64,
    },
}

impl<R: Read> BlkReader<R> {
    /// Reads mainnet blocks with the default [`Limits`]; `key` if an `xor.dat` lies beside the file.
    pub fn new(reader: R, key: Option<XorKey>) -> Self {
        Self::with_limits(reader, key, &Limits::DEFAULT)
    }

    /// Reads mainnet blocks within `limits`; see [`BlkReader::new`].
    pub fn with_limits(reader: R, key: Option<XorKey>, limits: &Limits) -> Self {
        Self { window: Window::new(reader, key), block_bytes_max: limits.block_bytes_max }
    }

    fn read(&mut self) -> Result<Option<BlkBlock>, BlkError> {
        self.window.skip_zeros();
        let offset = self.window.offset();
        if self.window.fill(FRAME_BYTES) == 0 {
            return self.window.error().map_or(Ok(None), |error| Err(BlkError::Io { offset, error }));
        }
        if !self.window.bytes().starts_with(&MAGIC) {
            let bytes = self.window.skip_to(&MAGIC);
            return Err(BlkError::Garbage { offset, bytes });
        }
        let Some(&[_, _, _, _, a, b, c, d]) = self.window.bytes().first_chunk::<FRAME_BYTES>() else {
            let found = self.window.take(FRAME_BYTES).len() as u64;
            return Err(BlkError::Garbage { offset, bytes: found });
        };
        let length = u32::from_le_bytes([a, b, c, d]);
        if let Some(length) = self.block_bytes(length) {
            return self.block(offset, length).map(Some);
        }
        // The next record may begin where the length should stand.
        self.window.take(MAGIC.len());
        self.window.skip_to(&MAGIC);
        Err(BlkError::Length {
            offset,
            length: length.into(),
            length_min: BLOCK_BYTES_MIN,
            length_max: self.block_bytes_max,
        })
    }

    /// The length that a record states, if a block can have it.
    fn block_bytes(&self, length: u32) -> Option<usize> {
        let length = usize::try_from(length).ok()?;
        (BLOCK_BYTES_MIN..=self.block_bytes_max).contains(&length).then_some(length)
    }

    /// Where a record starts in `bytes`. Within a block the magic may stand by chance, or because somebody paid for
    /// it, but seldom with a length that makes sense.
    fn find_record(&self, bytes: &[u8]) -> Option<usize> {
        memchr::memmem::find_iter(bytes, &MAGIC).find(|at| {
            let length = bytes[at + MAGIC.len()..].first_chunk();
            length.is_none_or(|&length| self.block_bytes(u32::from_le_bytes(length)).is_some())
        })
    }

    /// The block of `length` bytes in the record at `offset`, where the window stands.
    fn block(&mut self, offset: u64, length: usize) -> Result<BlkBlock, BlkError> {
        let end = FRAME_BYTES + length;
        let filled = self.window.fill(end + MAGIC.len());
        let bytes = self.window.bytes();
        let after = &bytes[end.min(filled)..filled];
        let followed = MAGIC.starts_with(after) || after.iter().all(|&byte| byte == 0);
        // A length that leads to no record may itself be damaged. If a record starts before, believe that
        // one.
        if (filled < end || !followed)
            && let Some(found) = self.find_record(&bytes[FRAME_BYTES..filled])
        {
            self.window.take(FRAME_BYTES + found);
            return Err(BlkError::Truncated { offset, length, found: found as u64 });
        }
        if filled < end {
            let found = self.window.take(end).len() - FRAME_BYTES;
            return Err(BlkError::Truncated { offset, length, found: found as u64 });
        }
        self.window.take(FRAME_BYTES);
        let bytes = self.window.take(length).to_vec();
        Ok(BlkBlock { offset: offset + FRAME_BYTES as u64, bytes })
    }
}

impl<R: Read> Iterator for BlkReader<R> {
    type Item = Result<BlkBlock, BlkError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
