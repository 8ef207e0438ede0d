//! A window that moves over a file.

use std::io::{self, Read};

/// How much is read at once, in bytes.
const READ_BYTES: u64 = 256 * 1024;

/// The eight bytes of `xor.dat`, with which Bitcoin Core obfuscates its block files from version 28 on. Byte
/// `i` of a file is xored with byte `i % 8` of the key; a key of zeros changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XorKey([u8; 8]);

impl XorKey {
    /// The key in the contents of an `xor.dat`, if that has eight bytes.
    pub fn from_file(contents: &[u8]) -> Option<Self> {
        contents.try_into().ok().map(Self)
    }

    /// Undoes, or does, the obfuscation of `bytes` that stand at `offset` of a file.
    pub fn apply(self, offset: u64, bytes: &mut [u8]) {
        let mut key = self.0;
        key.rotate_left((offset % 8) as usize);
        for (byte, key) in bytes.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
    }
}

/// The part of a file that is in memory, and where it stands.
#[derive(Debug)]
pub(super) struct Window<R> {
    reader: R,
    key: Option<XorKey>,
    buffer: Vec<u8>,
    /// Start of the window in the buffer; what lies before is taken.
    start: usize,
    /// Where the window starts, in bytes from the file's start.
    offset: u64,
    /// The file ended, or failed.
    ended: bool,
    error: Option<io::Error>,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R, key: Option<XorKey>) -> Self {
        Self { reader, key, buffer: Vec::new(), start: 0, offset: 0, ended: false, error: None }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// What ended the file before its end; to be asked when all that was read before is used.
    pub(super) fn error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Reads until the window holds `wanted` bytes or the file ends, and tells how many it holds, `wanted` at
    /// most.
    pub(super) fn fill(&mut self, wanted: usize) -> usize {
        while self.bytes().len() < wanted && !self.ended {
            self.read();
        }
        self.bytes().len().min(wanted)
    }

    /// Moves past `count` bytes of the window, or all of them, and returns them.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.start;
        self.start = (start + count).min(self.buffer.len());
        self.offset += (self.start - start) as u64;
        &self.buffer[start..self.start]
    }

    /// Moves past zeros.
    pub(super) fn skip_zeros(&mut self) {
        while self.fill(1) > 0 {
            let zeros = self.bytes().iter().take_while(|&&byte| byte == 0).count();
            self.take(zeros);
            if !self.bytes().is_empty() {
                break;
            }
        }
    }

    /// Moves to the next `magic`, or the file's end, and tells how many bytes that took.
    pub(super) fn skip_to(&mut self, magic: &[u8]) -> u64 {
        let start = self.offset;
        while self.fill(magic.len()) == magic.len() {
            if let Some(found) = memchr::memmem::find(self.bytes(), magic) {
                self.take(found);
                return self.offset - start;
            }
            // The magic may straddle what is read next.
            self.take(self.bytes().len() + 1 - magic.len());
        }
        self.take(magic.len());
        self.offset - start
    }

    fn read(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
        let held = self.buffer.len();
        let read = self.reader.by_ref().take(READ_BYTES).read_to_end(&mut self.buffer);
        if let Some(key) = self.key {
            key.apply(self.offset + held as u64, &mut self.buffer[held..]);
        }
        self.ended = !matches!(read, Ok(1..));
        self.error = read.err();
    }
}
