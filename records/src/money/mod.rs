//! Exact money: satoshi, EUR, and their product.

mod amount;
mod decimal_text;
mod eur;
mod satoshi;

pub use amount::EurAmount;
pub use eur::Eur;
pub use satoshi::Satoshi;

/// An amount that cannot be, or an arithmetic that has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// The text is no decimal number.
    #[error("not a decimal number: write digits with an optional point, such as 42000.50")]
    NotANumber,
    /// Amounts here are never negative.
    #[error("negative: an amount is zero or more")]
    Negative,
    /// A price of nothing.
    #[error("zero: a price is more than nothing")]
    Zero,
    /// More satoshi than will ever exist.
    #[error("more than 21 million BTC: no such amount exists")]
    AboveMaxMoney,
    /// More EUR than [`Eur::MAX`].
    #[error("more than 9,999,999,999.99999999 EUR: no such price is accepted")]
    AboveMaxEur,
    /// A satoshi amount with a fraction.
    #[error("a fraction of a satoshi: write a whole number of satoshi")]
    Fraction,
    /// The result does not fit.
    #[error("the sum does not fit: fewer or smaller amounts are needed")]
    Overflow,
}
