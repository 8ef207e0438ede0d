//! Reading a decimal number's text without a float.

use super::MoneyError;

/// Decimals that are kept; further ones are rounded half to even.
const SCALE: isize = 8;
/// Digits of a result, its [`SCALE`] decimals included.
const DIGITS_MAX: usize = 18;
/// The first number with one digit more.
const UNITS_END: u64 = 1_000_000_000_000_000_000;
/// Longer texts are no price, in bytes.
const TEXT_BYTES_MAX: usize = 64;
/// Larger exponents are no price. Small enough that adding the digits of a text cannot overflow.
const EXPONENT_MAX: isize = 1_000;

/// The number that `text` spells, in units of 10^-8, rounded half to even.
///
/// Takes JSON's numbers (RFC 8259, section 6) and, beyond them, leading zeros, a leading `+`, a bare point
/// (`.5`, `5.`) and thousands separators (`8,164.5384`) as long as every group has three digits.
pub(super) fn units(text: &str) -> Result<u64, MoneyError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(MoneyError::NotANumber);
    }
    let (negative, text) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let (number, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = match number.iter().position(|&byte| byte == b'.') {
        Some(at) => (&number[..at], &number[at + 1..]),
        None => (number, &number[..0]),
    };
    let mut digits = Digits::default();
    digits.push_grouped(whole)?;
    let whole_count = digits.count;
    digits.push(fraction)?;
    if digits.count == 0 {
        return Err(MoneyError::NotANumber);
    }
    match digits.shifted(whole_count, exponent)? {
        0 => Ok(0),
        _ if negative => Err(MoneyError::Negative),
        units => Ok(units),
    }
}

fn exponent(text: &[u8]) -> Result<isize, MoneyError> {
    let text = std::str::from_utf8(text).map_err(|_| MoneyError::NotANumber)?;
    let value: isize = text.parse().map_err(|_| MoneyError::NotANumber)?;
    Ok(value.clamp(-EXPONENT_MAX, EXPONENT_MAX))
}

/// A number's digits, the point taken out.
struct Digits {
    values: [u8; TEXT_BYTES_MAX],
    count: usize,
}

impl Default for Digits {
    fn default() -> Self {
        Self { values: [0; TEXT_BYTES_MAX], count: 0 }
    }
}

impl Digits {
    fn push(&mut self, text: &[u8]) -> Result<(), MoneyError> {
        for &byte in text {
            if !byte.is_ascii_digit() {
                return Err(MoneyError::NotANumber);
            }
            self.values[self.count] = byte - b'0';
            self.count += 1;
        }
        Ok(())
    }

    fn push_grouped(&mut self, text: &[u8]) -> Result<(), MoneyError> {
        let mut groups = text.split(|&byte| byte == b',');
        let first = groups.next().unwrap_or_default();
        self.push(first)?;
        for group in groups {
            if !(1..=3).contains(&first.len()) || group.len() != 3 {
                return Err(MoneyError::NotANumber);
            }
            self.push(group)?;
        }
        Ok(())
    }

    /// The value in units of 10^-8 when the point stands after `whole_count` digits and moves by `exponent`.
    fn shifted(&self, whole_count: usize, exponent: isize) -> Result<u64, MoneyError> {
        let digits = &self.values[..self.count];
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        let digits = &digits[zeros..];
        if digits.is_empty() {
            return Ok(0);
        }
        // At most 64 + 1,000 + 8 in magnitude.
        let kept = whole_count.cast_signed() - zeros.cast_signed() + exponent + SCALE;
        let Ok(kept) = usize::try_from(kept) else {
            return Ok(0); // less than a tenth of a unit
        };
        if kept > DIGITS_MAX {
            return Err(MoneyError::AboveMaxEur);
        }
        let (whole, rest) = digits.split_at(kept.min(digits.len()));
        let digits = whole.iter().copied().chain(std::iter::repeat(0)).take(kept);
        let mut units = digits.fold(0_u64, |units, digit| units * 10 + u64::from(digit));
        if rounds_up(rest, units % 2 == 1) {
            units += 1;
        }
        if units < UNITS_END { Ok(units) } else { Err(MoneyError::AboveMaxEur) }
    }
}

/// Whether the dropped digits round the kept number up: more than half does, half does if the number is odd.
fn rounds_up(dropped: &[u8], odd: bool) -> bool {
    match dropped {
        [] | [0..=4, ..] => false,
        [5, rest @ ..] if rest.iter().all(|&digit| digit == 0) => odd,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        use MoneyError::{AboveMaxEur, Negative, NotANumber};
        let cases: [(&str, Result<u64, MoneyError>); 43] = [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-0.0e5", Ok(0)),
            ("1", Ok(100_000_000)),
            ("+1", Ok(100_000_000)),
            ("007.50", Ok(750_000_000)),
            (".5", Ok(50_000_000)),
            ("5.", Ok(500_000_000)),
            ("0.00000001", Ok(1)),
            ("70009.4455389552", Ok(7_000_944_553_896)),
            ("0.000000005", Ok(0)),
            ("0.0000000050", Ok(0)),
            ("0.00000000500001", Ok(1)),
            ("0.000000015", Ok(2)),
            ("0.000000025", Ok(2)),
            ("0.0000000149999", Ok(1)),
            ("0.0000000009", Ok(0)),
            ("9,719.1100", Ok(971_911_000_000)),
            ("1,234,567", Ok(123_456_700_000_000)),
            ("1e0", Ok(100_000_000)),
            ("1.5E4", Ok(1_500_000_000_000)),
            ("15000e-4", Ok(150_000_000)),
            ("1e-8", Ok(1)),
            ("5e-9", Ok(0)),
            ("1e-999999999", Ok(0)),
            ("9999999999.99999999", Ok(999_999_999_999_999_999)),
            ("9999999999.999999994", Ok(999_999_999_999_999_999)),
            ("9999999999.999999995", Err(AboveMaxEur)),
            ("10000000000", Err(AboveMaxEur)),
            ("1e999999999", Err(AboveMaxEur)),
            ("1e99999999999999999999", Err(NotANumber)),
            ("-1", Err(Negative)),
            ("-0.00000001", Err(Negative)),
            ("-1e999", Err(AboveMaxEur)),
            ("", Err(NotANumber)),
            ("-", Err(NotANumber)),
            (".", Err(NotANumber)),
            ("1.2.3", Err(NotANumber)),
            ("NaN", Err(NotANumber)),
            ("8.164,53", Err(NotANumber)),
            ("81,64.53", Err(NotANumber)),
            (",123", Err(NotANumber)),
            ("1 000", Err(NotANumber)),
        ];
        for (text, expected) in cases {
            assert_eq!(units(text), expected, "{text:?}");
        }
        assert_eq!(units(&"1".repeat(65)), Err(NotANumber));
        assert_eq!(units(&format!("1.{}", "0".repeat(62))), Ok(100_000_000));
    }
}
