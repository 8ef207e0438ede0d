//! Amounts of money as they are spread in the real network: log-normal with a heavy tail.

use crate::random::Random;

/// Bits of the fraction in a fixed-point binary logarithm.
const FRACTION_BITS: u32 = 16;

/// A log-normal whole number, given its median's binary logarithm and its deviation in sixteenths of a bit.
///
/// Two to the power of a fixed-point number, the fraction taken linearly: within 9 % of the true power, which
/// nobody can tell in a sample, and the same on every machine.
pub(super) fn log_normal(random: &mut Random, median_log2_16ths: i64, deviation_16ths: i64) -> u64 {
    let log2 = (median_log2_16ths << FRACTION_BITS) / 16 + random.normal() * deviation_16ths / 16;
    let log2 = log2.clamp(0, 50 << FRACTION_BITS).cast_unsigned();
    let whole = log2 >> FRACTION_BITS;
    let fraction = log2 & ((1 << FRACTION_BITS) - 1);
    (1 << whole) + ((fraction << whole) >> FRACTION_BITS)
}

/// What one output pays, in satoshi: 0.01 BTC in the middle, and one in 500 of exchange size.
pub(super) fn payment_sat(random: &mut Random) -> u64 {
    let sat = if random.once_in(500) {
        // About 90 BTC in the middle.
        log_normal(random, 33 * 16, 24)
    } else {
        log_normal(random, 20 * 16, 52)
    };
    // Below it, nodes do not relay an output.
    sat.max(546)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_payment_is_about_a_hundredth_of_a_bitcoin_and_none_is_impossible() {
        let mut random = Random::new(3);
        let mut payments: Vec<u64> = (0..50_001).map(|_| payment_sat(&mut random)).collect();
        payments.sort_unstable();
        assert!((900_000..1_200_000).contains(&payments[25_000]), "{}", payments[25_000]);
        assert!(payments[50_000] < 2_000_000_000_000, "under 20,000 BTC");
        assert!(payments[49_990] > 10_000_000_000, "the tail is heavy: {}", payments[49_990]);
    }
}
