//! Numbers and times as people read them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy};

/// Separates thousands; it neither breaks a line nor looks like a decimal point to anybody.
const THIN: char = '\u{202f}';
const MINUS: char = '\u{2212}';

/// Satoshi in one bitcoin, as decimal places.
const BTC_PLACES: u32 = 8;

/// A count that is below zero only by mistake; then it is shown as it is.
pub(crate) fn balance(number: i64) -> String {
    let sign = if number < 0 { "\u{2212}" } else { "" };
    sign.to_owned() + &count(number.unsigned_abs())
}

/// `1 234 567`
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// `61 234.50`, without a currency.
pub(crate) fn eur(amount: Decimal) -> String {
    places(amount, 2)
}

/// A price, with as many decimals as make a difference: `61 234.50`, `0.0512`.
pub(crate) fn price(amount: Decimal) -> String {
    if amount.abs() < Decimal::ONE { places(amount, 4) } else { eur(amount) }
}

/// Without cents where they say nothing: `1 234 567`, `9 999.50`.
pub(crate) fn eur_round(amount: Decimal) -> String {
    const CENTS_MATTER_BELOW: i64 = 10_000;
    if amount.abs() < Decimal::from(CENTS_MATTER_BELOW) { eur(amount) } else { places(amount, 0) }
}

/// All eight decimals: `1 234.00000001`.
pub(crate) fn btc_exact(sat: u64) -> String {
    places(bitcoin(sat), BTC_PLACES)
}

/// Two decimals, for sums: `1 234.57`.
pub(crate) fn btc(sat: u64) -> String {
    places(bitcoin(sat), 2)
}

/// Four decimals, for single amounts: `1 234.5679`.
pub(crate) fn btc_fine(sat: u64) -> String {
    places(bitcoin(sat), 4)
}

pub(crate) fn bitcoin(sat: u64) -> Decimal {
    Decimal::from_i128_with_scale(i128::from(sat), BTC_PLACES)
}

/// Three significant digits and a suffix, for axes and tiles: `1.23 M`.
pub(crate) fn short(amount: Decimal) -> String {
    let steps: [(i64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "bn"), (1_000_000, "M"), (10_000, "k")];
    for (from, suffix) in steps {
        if amount.abs() >= Decimal::from(from) {
            let unit = if suffix == "k" { Decimal::ONE_THOUSAND } else { Decimal::from(from) };
            return format!("{}{THIN}{suffix}", significant(amount / unit));
        }
    }
    significant(amount)
}

fn significant(amount: Decimal) -> String {
    let whole = amount.abs();
    let decimals = match () {
        () if whole >= Decimal::ONE_HUNDRED => 0,
        () if whole >= Decimal::TEN => 1,
        () if whole >= Decimal::ONE => 2,
        () => 4,
    };
    let rounded = amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero).normalize();
    grouped(&rounded.to_string())
}

/// `+1.24 %`
pub(crate) fn change_percent(from: Decimal, to: Decimal) -> Option<String> {
    let ratio = (to - from).checked_div(from)?;
    Some(format!("{}{THIN}%", signed(ratio * Decimal::ONE_HUNDRED)))
}

/// `+1 234.50`, `−0.10`
pub(crate) fn signed(amount: Decimal) -> String {
    let text = places(amount, 2);
    if amount > Decimal::ZERO { format!("+{text}") } else { text }
}

/// `12.3 %` of a share from 0 to 1.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}{THIN}%", share * 100.0)
}

/// A part of a whole, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Microseconds in the unit that suits them: `850 µs`, `1.25 ms`, `2.50 s`.
pub(crate) fn micros(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0}{THIN}µs"),
        us if us < 1_000_000.0 => format!("{:.2}{THIN}ms", us / 1_000.0),
        us => format!("{:.2}{THIN}s", us / 1_000_000.0),
    }
}

/// `2 d 4 h`, `3 h 12 min`, `4 min 5 s`, `6 s`
pub(crate) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// `19 Oct, 14:05`
pub(crate) fn minute(at: DateTime<Utc>) -> String {
    at.format("%-d %b, %H:%M").to_string()
}

/// `19 Oct 2024, 14:05`, where the year is not obvious.
pub(crate) fn minute_of_year(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M").to_string()
}

/// `19 Oct 2024`
pub(crate) fn day(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

/// `19 Oct 2024, 14:05:09 UTC`
pub(crate) fn second(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// For a `datetime` attribute.
pub(crate) fn machine(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `0123abcd…89ef4567`; whatever is not a long ASCII word stays as it is, up to a length.
pub(crate) fn hash(hash: &str) -> String {
    const END: usize = 8;
    const WHOLE_MAX: usize = 20;
    let letters: Vec<char> = hash.chars().collect();
    if letters.len() <= WHOLE_MAX {
        return hash.to_owned();
    }
    let head: String = letters[..END].iter().collect();
    let tail: String = letters[letters.len() - END..].iter().collect();
    format!("{head}…{tail}")
}

fn places(amount: Decimal, decimals: u32) -> String {
    let rounded = amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    grouped(&format!("{rounded:.*}", decimals as usize))
}

/// Separates the thousands of a plain decimal number, and writes a real minus sign.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut text = String::with_capacity(number.len() + 8);
    if !sign.is_empty() && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        text.push(MINUS);
    }
    for (position, digit) in digits.char_indices() {
        if position > 0 && position < whole && (whole - position).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn plain(text: &str) -> String {
        text.replace(THIN, " ")
    }

    #[test]
    fn numbers() {
        let cases = [
            (count(0), "0"),
            (count(999), "999"),
            (count(1_234_567), "1 234 567"),
            (balance(1_234), "1 234"),
            (balance(-1_234), "−1 234"),
            (eur(decimal("61234.5")), "61 234.50"),
            (eur(decimal("-0.001")), "0.00"),
            (eur(decimal("-1234.005")), "−1 234.01"),
            (price(decimal("0.05123")), "0.0512"),
            (btc_exact(1), "0.00000001"),
            (btc_exact(2_100_000_000_000_000), "21 000 000.00000000"),
            (eur_round(decimal("9999.5")), "9 999.50"),
            (eur_round(decimal("12345678.5")), "12 345 679"),
            (btc_fine(123_456_789_012), "1 234.5679"),
            (btc(123_456_789_012), "1 234.57"),
            (short(decimal("999")), "999"),
            (short(decimal("1234")), "1 234"),
            (short(decimal("45678.9")), "45.7 k"),
            (short(decimal("1234567")), "1.23 M"),
            (short(decimal("5600000000")), "5.6 bn"),
            (short(decimal("0.00123")), "0.0012"),
            (signed(decimal("5")), "+5.00"),
            (change_percent(decimal("50"), decimal("49")).unwrap(), "−2.00 %"),
            (percent(0.1234), "12.3 %"),
            (micros(850.0), "850 µs"),
            (micros(1_250.0), "1.25 ms"),
            (duration(59), "59 s"),
            (duration(3_900), "1 h 5 min"),
            (duration(200_000), "2 d 7 h"),
        ];
        for (actual, expected) in cases {
            assert_eq!(plain(&actual), expected);
        }
        assert_eq!(change_percent(Decimal::ZERO, Decimal::ONE), None);
    }

    #[test]
    fn times_and_hashes() {
        let at: DateTime<Utc> = "2024-10-09T04:05:06Z".parse().unwrap();
        assert_eq!(minute(at), "9 Oct, 04:05");
        assert_eq!(second(at), "9 Oct 2024, 04:05:06 UTC");
        assert_eq!(machine(at), "2024-10-09T04:05:06Z");
        assert_eq!(hash(&"0123456789abcdef".repeat(4)), "01234567…89abcdef");
        assert_eq!(hash("short"), "short");
    }

    proptest! {
        #[test]
        fn grouping_loses_no_digit(sat in any::<u64>()) {
            let digits: String = btc_exact(sat).chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<u64>(), Ok(sat));
        }

        #[test]
        fn any_hash_is_shortened_without_panic(text in ".*") {
            prop_assert!(hash(&text).chars().count() <= 20);
        }
    }
}
