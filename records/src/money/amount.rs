//! Satoshi times price.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Eur, MoneyError, Satoshi};

/// Decimals of a [`EurAmount`]: eight of bitcoin and eight of EUR.
const SCALE: usize = 16;

/// What a number of satoshi is worth, exactly: an integer in units of 10^-16 EUR.
///
/// 64 bits of satoshi at [`Eur::MAX`] need 124 of the 127 bits; additions are checked.
///
/// ```
/// use btc_records::{Eur, EurAmount, Satoshi};
/// let worth = EurAmount::of(Satoshi::from_sum(5_000_001), Eur::parse("70009.44553896")?);
/// assert_eq!(worth.to_string(), "3500.4729770424553896");
/// # Ok::<(), btc_records::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EurAmount(i128);

impl EurAmount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// What `satoshi` are worth at `price`.
    pub fn of(satoshi: Satoshi, price: Eur) -> Self {
        Self(i128::from(satoshi.to_sat()) * i128::from(price.units()))
    }

    /// The amount in units of 10^-16 EUR.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The sum, unless it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The difference, unless it does not fit. It may be negative.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// EUR as a float, for the field that a chart draws and for nothing else.
    pub fn to_chart_f64(self) -> f64 {
        chart_f64(self.0, 1e16)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a chart has fewer pixels than a float has digits")]
pub(super) fn chart_f64(units: i128, per_eur: f64) -> f64 {
    units as f64 / per_eur
}

/// The exact amount as a decimal without trailing zeros.
impl fmt::Display for EurAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0width$}", self.0.unsigned_abs(), width = SCALE + 1);
        let (whole, fraction) = digits.split_at(digits.len() - SCALE);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        f.pad_integral(self.0 >= 0, "", &format!("{whole}{point}{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    #[test]
    fn text() {
        for (units, text) in [
            (0, "0"),
            (1, "0.0000000000000001"),
            (-1, "-0.0000000000000001"),
            (10_000_000_000_000_000, "1"),
            (15_000_000_000_000_000, "1.5"),
            (-123_456_000_000_000_000_000, "-12345.6"),
        ] {
            assert_eq!(EurAmount(units).to_string(), text);
        }
    }

    #[test]
    fn the_largest_product_fits() {
        let worth = EurAmount::of(Satoshi::from_sum(u64::MAX), Eur::MAX);
        assert!(worth > EurAmount::ZERO);
        assert!(EurAmount(i128::MAX).checked_add(worth).is_err());
        assert!(EurAmount(i128::MIN).checked_sub(worth).is_err());
    }

    #[test]
    fn survives_serde() {
        for amount in [EurAmount(i128::MAX), EurAmount(-1), EurAmount::of(Satoshi::MAX_MONEY, Eur::MAX)] {
            let json = serde_json::to_string(&amount).unwrap();
            assert_eq!(serde_json::from_str::<EurAmount>(&json).unwrap(), amount);
        }
    }

    proptest! {
        #[test]
        fn the_decimal_library_agrees(satoshi in 0_u64..=100_000_000_000, price in 0_u64..=100_000_000_000_000) {
            let eur = Eur::try_from(Decimal::from_i128_with_scale(price.into(), 8)).unwrap();
            let oracle = Decimal::from_i128_with_scale(satoshi.into(), 8) * eur.decimal();
            let worth = EurAmount::of(Satoshi::from_sum(satoshi), eur);
            prop_assert_eq!(worth.to_string(), oracle.normalize().to_string());
        }

        #[test]
        fn sums_do_not_depend_on_order(a in any::<i64>(), b in any::<i64>(), c in any::<i64>()) {
            let [a, b, c] = [a, b, c].map(|units| EurAmount(units.into()));
            let one = a.checked_add(b).unwrap().checked_add(c).unwrap();
            let other = c.checked_add(a).unwrap().checked_add(b).unwrap();
            prop_assert_eq!(one, other);
            prop_assert_eq!(one.checked_sub(c).unwrap(), a.checked_add(b).unwrap());
        }
    }
}
