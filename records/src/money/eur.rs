//! The price of a bitcoin.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::{MoneyError, decimal_text};

/// An exact amount of EUR: zero or more, at most eight decimals, at most [`Eur::MAX`]. Kept normalised, so
/// that equal amounts print alike (`8164.5`, not `8164.50`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Eur(Decimal);

impl Eur {
    /// 9,999,999,999.99999999 EUR: 18 digits. It leaves room for the product with all bitcoin a hundred
    /// thousand times over ([`EurAmount`](super::EurAmount)).
    pub const MAX: Self = Self(Decimal::from_parts(2_808_348_671, 232_830_643, 0, false, 8));

    /// Reads a decimal number's text as it stands in a message: JSON's syntax, and thousands separators.
    ///
    /// More than eight decimals are rounded half to even, the rule that adds no drift to a sum of many
    /// prices.
    ///
    /// ```
    /// use btc_records::Eur;
    /// assert_eq!(Eur::parse("70009.4455389552")?.to_string(), "70009.44553896");
    /// assert_eq!(Eur::parse("8,164.5384")?.to_string(), "8164.5384");
    /// # Ok::<(), btc_records::MoneyError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        decimal_text::units(text).map(Self::from_units)
    }

    /// The decimal, normalised.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// EUR as a float, for the field that a chart draws and for nothing else.
    pub fn to_chart_f64(self) -> f64 {
        super::amount::chart_f64(i128::from(self.units()), 1e8)
    }

    /// The amount in units of 10^-8 EUR.
    pub(super) fn units(self) -> u64 {
        let mantissa = u64::try_from(self.0.mantissa()).unwrap_or_default();
        mantissa * 10_u64.pow(8 - self.0.scale())
    }

    fn from_units(units: u64) -> Self {
        Self(Decimal::from_i128_with_scale(i128::from(units), 8).normalize())
    }
}

/// A decimal of any scale, if it is an [`Eur`]; more than eight decimals are rounded half to even.
impl TryFrom<Decimal> for Eur {
    type Error = MoneyError;

    fn try_from(decimal: Decimal) -> Result<Self, MoneyError> {
        Self::parse(&decimal.to_string())
    }
}

impl FromStr for Eur {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::parse(text)
    }
}

impl fmt::Display for Eur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Eur {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Eur {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::json::Text::deserialize(deserializer)?;
        Self::parse(&text.0).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn largest() {
        assert_eq!(Eur::MAX.to_string(), "9999999999.99999999");
        assert_eq!(Eur::parse("9999999999.99999999"), Ok(Eur::MAX));
        assert_eq!(Eur::MAX.units(), 999_999_999_999_999_999);
    }

    #[test]
    fn text_is_normalised() {
        for (text, expected) in
            [("0.00", "0"), ("8882.60000", "8882.6"), ("1,000,000", "1000000"), ("1e3", "1000")]
        {
            assert_eq!(Eur::parse(text).unwrap().to_string(), expected);
        }
        assert_eq!(serde_json::to_string(&Eur::parse("8164.50").unwrap()).unwrap(), "\"8164.5\"");
        assert_eq!(serde_json::from_str::<Eur>("\"8164.5\"").unwrap(), Eur::parse("8164.50").unwrap());
        assert!(serde_json::from_str::<Eur>("\"-1\"").is_err());
    }

    proptest! {
        #[test]
        fn text_and_units_agree(units in 0_u64..=999_999_999_999_999_999) {
            let eur = Eur::from_units(units);
            prop_assert_eq!(eur.units(), units);
            prop_assert_eq!(Eur::parse(&eur.to_string()), Ok(eur));
            prop_assert_eq!(Eur::try_from(eur.decimal()), Ok(eur));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(eur) = Eur::parse(&text) {
                prop_assert!(eur <= Eur::MAX && eur >= Eur::default());
            }
        }

        /// `rust_decimal` rounds by itself: the oracle.
        #[test]
        fn rounding_is_the_decimal_librarys(whole in 0_u64..=9_999_999_998, fraction in "[0-9]{0,17}") {
            let text = format!("{whole}.{fraction}0");
            let oracle: Decimal = text.parse().unwrap();
            prop_assert_eq!(Eur::parse(&text).unwrap().decimal(), oracle.round_dp(8));
        }
    }
}
