//! JSON as machines write it: without spaces, escapes, signs, fractions, or characters beyond ASCII.
//!
//! For messages whose layout never changes: the names and marks between two values are compared as one literal, and the values are
//! looked at eight bytes at a time. Whatever is written in another way is `None`, and a whole parser has to decide about it. So is a
//! value too long for its type: nothing is ever cut off.

/// More digits might not fit 64 bits.
const DIGITS_MAX: usize = 19;

/// Every byte of a word set to `byte`.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The high bit of each byte.
const HIGH: u64 = all(0x80);

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<'a>(&'a [u8]);

impl<'a> Plain<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// Nothing, if nothing is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// These very bytes.
    #[inline]
    pub(crate) fn literal<const LEN: usize>(&mut self, expected: &[u8; LEN]) -> Option<()> {
        let (head, rest) = self.0.split_first_chunk()?;
        (head == expected).then(|| self.0 = rest)
    }

    /// A string's characters and the quote that ends it.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let (text, rest) = self.0.split_at(self.span(not_text)?);
        (*rest.first()? == b'"').then(|| {
            self.0 = &rest[1..];
            text
        })
    }

    /// The digits of a whole number. Something must follow them, as it does in an object and in an array.
    #[inline]
    pub(crate) fn digits(&mut self) -> Option<&'a [u8]> {
        let (digits, rest) = self.0.split_at(self.span(not_digit)?);
        let leads_with_zero = digits.first()? == &b'0' && digits.len() > 1;
        (!leads_with_zero && digits.len() <= DIGITS_MAX).then(|| {
            self.0 = rest;
            digits
        })
    }

    /// A whole number.
    #[inline]
    pub(crate) fn number(&mut self) -> Option<u64> {
        let digits = self.digits()?;
        Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    /// `true` or `false`.
    #[inline]
    pub(crate) fn boolean(&mut self) -> Option<()> {
        self.literal(b"true").or_else(|| self.literal(b"false"))
    }

    /// How many bytes come before the first that `marks` marks in its high bit; `None` if there is no such byte. `marks` may mark
    /// bytes behind a marked one without reason: the carry of a subtraction does.
    #[inline]
    fn span(&self, marks: impl Fn(u64) -> u64) -> Option<usize> {
        let (words, rest) = self.0.as_chunks::<8>();
        for (at, word) in words.iter().enumerate() {
            let marked = marks(u64::from_le_bytes(*word));
            if marked != 0 {
                return Some(at * 8 + marked.trailing_zeros() as usize / 8);
            }
        }
        let marked = rest.iter().position(|byte| marks(u64::from(*byte)) & 0x80 != 0)?;
        Some(words.len() * 8 + marked)
    }
}

/// Marks quotes, backslashes, control characters and everything beyond ASCII.
#[inline]
fn not_text(word: u64) -> u64 {
    let (quote, backslash) = (word ^ all(b'"'), word ^ all(b'\\'));
    let zero = quote.wrapping_sub(all(1)) & !quote | backslash.wrapping_sub(all(1)) & !backslash;
    (zero | word.wrapping_sub(all(b' ')) | word) & HIGH
}

/// Marks everything but digits.
#[inline]
fn not_digit(word: u64) -> u64 {
    let value = word ^ all(b'0');
    (value.wrapping_add(all(0x80 - 10)) | value) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let mut plain = Plain::new(bytes);
        plain.text().map(|text| (text, plain.0))
    }

    fn number(text: &str) -> Option<u64> {
        let text = format!("{text},");
        let mut plain = Plain::new(text.as_bytes());
        let number = plain.number()?;
        plain.literal(b",").and(plain.end()).map(|()| number)
    }

    #[test]
    fn numbers_are_whole_and_fit() {
        for number_text in ["0", "7", "10", "12345678", "123456789", "9999999999999999999"] {
            assert_eq!(number(number_text), number_text.parse().ok(), "{number_text}");
        }
        let others =
            ["", "00", "01", "-1", "1.5", "1e5", "+1", " 1", "1 ", "10000000000000000000", "x", "\"1\""];
        for other in others {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn literals_leave_the_rest_or_everything() {
        let mut plain = Plain::new(b"[true,false]");
        assert_eq!(plain.literal(b"{"), None);
        assert_eq!(plain.literal(b"["), Some(()));
        assert_eq!((plain.boolean(), plain.literal(b","), plain.boolean()), (Some(()), Some(()), Some(())));
        assert_eq!((plain.boolean(), plain.literal(b"]]"), plain.end()), (None, None, None));
        assert_eq!((plain.literal(b"]"), plain.end()), (Some(()), Some(())));
    }

    proptest! {
        /// Against the definition, with the byte that matters anywhere in a word.
        #[test]
        fn a_text_ends_at_its_first_quote(bytes in prop::collection::vec(prop_oneof![20 => b'a'..=b'z', 1 => any::<u8>(), 1 => prop::sample::select(&b"\"\\\x1f \x7f\x80\xff"[..])], 0..40)) {
            let first = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' ' | 0x80..));
            let expected = first.filter(|at| bytes[*at] == b'"').map(|at| (&bytes[..at], &bytes[at + 1..]));
            prop_assert_eq!(text(&bytes), expected);
        }

        #[test]
        fn a_number_is_what_the_library_reads(value: u64, text in "[0-9]{1,22}") {
            prop_assert_eq!(number(&value.to_string()), Some(value).filter(|_| value.to_string().len() <= DIGITS_MAX));
            prop_assert!(number(&text).is_none_or(|number| serde_json::from_str(&text).ok() == Some(number)));
        }
    }
}
