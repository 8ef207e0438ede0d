//! Lines of bounded length from a file that may hold anything.

use std::io::{self, BufRead};

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    /// Whether it was longer than the limit; the rest was skipped.
    pub(super) is_cut: bool,
    /// Whether the file ended before the line did.
    pub(super) is_open: bool,
}

/// Reads line by line; ends after the first error.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: Option<R>,
    bytes_max: usize,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, bytes_max: usize) -> Self {
        Self { reader: Some(reader), bytes_max, number: 0 }
    }

    fn read(reader: &mut R, bytes_max: usize, line: &mut Line) -> io::Result<bool> {
        let mut started = false;
        loop {
            let buffer = match reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                line.is_open = started;
                return Ok(started);
            }
            started = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = bytes_max - line.bytes.len();
            line.is_cut |= part.len() > room;
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            let consumed = end.map_or(buffer.len(), |end| end + 1);
            reader.consume(consumed);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        self.number += 1;
        let mut line = Line { number: self.number, bytes: Vec::new(), is_cut: false, is_open: false };
        match Self::read(reader, self.bytes_max, &mut line) {
            Ok(true) => Some(Ok(line)),
            Ok(false) => {
                self.reader = None;
                None
            }
            Err(error) => {
                self.reader = None;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_the_last_may_be_open() {
        let lines: Vec<Line> = Lines::new(&b"ab\nabcdef\n\nxy"[..], 4).map(Result::unwrap).collect();
        let seen: Vec<_> =
            lines.iter().map(|line| (line.bytes.as_slice(), line.is_cut, line.is_open)).collect();
        let expected: [(&[u8], bool, bool); 4] =
            [(b"ab", false, false), (b"abcd", true, false), (b"", false, false), (b"xy", false, true)];
        assert_eq!(seen, expected);
        assert_eq!(lines[3].number, 4);
    }
}
