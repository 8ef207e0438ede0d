//! The network's unit of account.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MoneyError;

/// A number of satoshi; one bitcoin is 100,000,000 of them.
///
/// A single amount on the chain never exceeds [`Satoshi::MAX_MONEY`], which [`Satoshi::new`] checks; a sum of
/// many may (the same coin moves many times in an hour), so arithmetic only refuses what does not fit 64
/// bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Satoshi(u64);

impl Satoshi {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One bitcoin.
    pub const ONE_BTC: Self = Self(100_000_000);
    /// 21 million bitcoin, consensus' bound of any amount: `MAX_MONEY` in Bitcoin Core's
    /// `consensus/amount.h`.
    pub const MAX_MONEY: Self = Self(21_000_000 * 100_000_000);

    /// An amount on the chain.
    pub const fn new(satoshi: u64) -> Result<Self, MoneyError> {
        if satoshi <= Self::MAX_MONEY.0 { Ok(Self(satoshi)) } else { Err(MoneyError::AboveMaxMoney) }
    }

    /// A sum of amounts, which may exceed [`Satoshi::MAX_MONEY`].
    pub const fn from_sum(satoshi: u64) -> Self {
        Self(satoshi)
    }

    /// The number of satoshi.
    pub const fn to_sat(self) -> u64 {
        self.0
    }

    /// The sum, unless it leaves 64 bits.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, unless it is negative.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The sum of all `amounts`, unless it leaves 64 bits.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The exact amount in bitcoin, always with eight decimals: `"0.00000001"`.
    pub fn btc_string(self) -> String {
        format!("{}.{:08}", self.0 / Self::ONE_BTC.0, self.0 % Self::ONE_BTC.0)
    }

    /// Bitcoin as a float, for the field that a chart draws and for nothing else. Exact to the satoshi up to
    /// 90 million bitcoin.
    #[expect(clippy::cast_precision_loss, reason = "a chart has fewer pixels than a float has digits")]
    pub fn to_btc_chart_f64(self) -> f64 {
        self.0 as f64 / 1e8
    }

    /// What a block at `height` creates: 50 BTC, halved every 210,000 blocks
    /// ([BIP 42](https://github.com/bitcoin/bips/blob/master/bip-0042.mediawiki)).
    ///
    /// ```
    /// use btc_records::Satoshi;
    /// assert_eq!(Satoshi::subsidy(840_000).btc_string(), "3.12500000");
    /// ```
    pub const fn subsidy(height: u32) -> Self {
        let halvings = height / 210_000;
        if halvings < 64 { Self((50 * Self::ONE_BTC.0) >> halvings) } else { Self::ZERO }
    }
}

/// The number of satoshi, without a unit.
impl fmt::Display for Satoshi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_of_an_amount() {
        assert_eq!(Satoshi::new(2_100_000_000_000_000), Ok(Satoshi::MAX_MONEY));
        assert_eq!(Satoshi::new(2_100_000_000_000_001), Err(MoneyError::AboveMaxMoney));
        assert_eq!(Satoshi::from_sum(u64::MAX).checked_add(Satoshi::from_sum(1)), None);
        assert_eq!(Satoshi::ZERO.checked_sub(Satoshi::from_sum(1)), None);
        assert_eq!(Satoshi::checked_sum([Satoshi::from_sum(u64::MAX), Satoshi::ONE_BTC]), None);
    }

    #[test]
    fn exact_text() {
        for (satoshi, text) in [
            (0, "0.00000000"),
            (1, "0.00000001"),
            (100_000_000, "1.00000000"),
            (5_099_000_000, "50.99000000"),
            (2_100_000_000_000_000, "21000000.00000000"),
        ] {
            assert_eq!(Satoshi::from_sum(satoshi).btc_string(), text);
        }
    }

    #[test]
    fn subsidy_of_the_eras() {
        let eras = [
            (0, 5_000_000_000),
            (209_999, 5_000_000_000),
            (210_000, 2_500_000_000),
            (420_000, 1_250_000_000),
            (630_000, 625_000_000),
            (840_000, 312_500_000),
            (6_930_000, 0),
            (u32::MAX, 0),
        ];
        for (height, satoshi) in eras {
            assert_eq!(Satoshi::subsidy(height).to_sat(), satoshi, "{height}");
        }
    }

    #[test]
    fn all_subsidies_stay_below_max_money() {
        let all: u64 = (0..64).map(|era| Satoshi::subsidy(era * 210_000).to_sat() * 210_000).sum();
        assert_eq!(all, 2_099_999_997_690_000);
    }

    proptest! {
        #[test]
        fn adding_and_taking_away_undo_each_other(a: u64, b: u64) {
            if let Some(sum) = Satoshi(a).checked_add(Satoshi(b)) {
                prop_assert_eq!(sum.checked_sub(Satoshi(b)), Some(Satoshi(a)));
                prop_assert!(sum >= Satoshi(a));
            }
        }

        #[test]
        fn text_holds_every_digit(satoshi: u64) {
            let digits: String = Satoshi(satoshi).btc_string().chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<u64>().unwrap(), satoshi);
        }
    }
}
