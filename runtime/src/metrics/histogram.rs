//! A histogram of durations with a bounded relative error.

use std::sync::atomic::{AtomicU64, Ordering};

/// Eight buckets a power of two: a quantile is at most one eighth too high.
const SUB_BITS: u32 = 3;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB;

/// Counts of values from zero to `u64::MAX`, in 4 kB.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Box<[AtomicU64]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Histogram {
    /// Counts `count` values of about `value`.
    pub(crate) fn record(&self, value: u64, count: u64) {
        self.counts[bucket(value)].fetch_add(count, Ordering::Relaxed);
    }

    /// Adds the counts of another histogram.
    pub(crate) fn merge(&self, other: &Self) {
        for (mine, theirs) in self.counts.iter().zip(&other.counts) {
            mine.fetch_add(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The value below which `per_mille` thousandths of all lie, rounded up to its bucket's end; zero if there is none.
    pub(crate) fn quantile(&self, per_mille: u64) -> u64 {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let mut rank = (u128::from(total) * u128::from(per_mille)).div_ceil(1000).max(1);
        for (bucket, count) in counts.iter().enumerate() {
            let count = u128::from(*count);
            if count >= rank {
                return upper_end(bucket);
            }
            rank -= count;
        }
        0
    }
}

fn bucket(value: u64) -> usize {
    let Some(log) = value.checked_ilog2().filter(|log| *log >= SUB_BITS) else {
        return usize::try_from(value).unwrap_or(0);
    };
    let shift = log - SUB_BITS;
    let sub = usize::try_from(value >> shift).unwrap_or(0) - SUB;
    (shift as usize + 1) * SUB + sub
}

fn upper_end(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let shift = bucket / SUB - 1;
    let next = u128::from((bucket % SUB + SUB + 1) as u64) << shift;
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_ends_at_most_an_eighth_higher() {
        let powers = (0..64).map(|n| 1_u64 << n);
        for value in
            powers.flat_map(|power| [power - 1, power, power + 1, power + power / 3]).chain([u64::MAX])
        {
            let end = upper_end(bucket(value));
            assert!(end >= value && end - value <= value / 8, "{value} -> {end}");
        }
    }

    #[test]
    fn quantiles_of_one_to_a_thousand() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), 0);
        (1..=1000).for_each(|value| histogram.record(value, 1));
        let (half, most) = (histogram.quantile(500), histogram.quantile(990));
        assert!((500..563).contains(&half) && (990..1115).contains(&most), "{half} {most}");
        assert_eq!(histogram.quantile(0), 1);
    }
}
