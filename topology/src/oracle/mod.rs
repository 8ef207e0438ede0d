//! The documents by the rules as they stand in the design: from the whole set of messages at once, slowly, and with none of the code
//! that the topology computes them with. Property tests and simulations compare with it.

mod miners;
mod volume;

use rust_decimal::Decimal;

pub(crate) use miners::Rewards;
pub(crate) use volume::Hours;

/// An amount of EUR as a chart shows it: 16 decimals, divided as a float at the very end.
#[expect(clippy::cast_precision_loss, reason = "a chart's value")]
fn chart_f64(mut eur: Decimal) -> f64 {
    eur.rescale(16);
    eur.mantissa() as f64 / 1e16
}

/// A quotient as a chart shows it; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a chart's value")]
fn quotient(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What satoshi are worth, exactly.
fn worth(sat: u64, eur: Decimal) -> Decimal {
    Decimal::from(sat) / Decimal::from(100_000_000) * eur
}
