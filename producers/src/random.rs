//! `SplitMix64`: enough randomness for a sample and for jitter, the same on every machine, without floats.

/// A stream of random numbers that depends on nothing but its seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// The golden ratio's fraction of 2^64.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream that belongs to one thing (`domain`, `number`) of the seed's world, independent of all others.
    pub(crate) fn of(seed: u64, domain: u64, number: u64) -> Self {
        Self(mix(mix(seed.wrapping_add(domain.wrapping_mul(GAMMA))) ^ number.wrapping_mul(GAMMA)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number from 0 to `bound - 1`, and 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// True once in `times` on average.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// About normal with mean 0 and deviation 65,536: the sum of twelve uniform numbers (Irwin-Hall), which
    /// needs only integers. It never leaves six deviations.
    pub(crate) fn normal(&mut self) -> i64 {
        let mut sum = 0;
        for _ in 0..3 {
            let mut word = self.next();
            for _ in 0..4 {
                sum += (word & 0xffff).cast_signed();
                word >>= 16;
            }
        }
        sum - 6 * 65_536
    }

    /// Fills `bytes`.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        let mut random = Random::new(1_234_567);
        let known = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(known.map(|_| random.next()), known);
    }

    #[test]
    fn the_normal_has_its_mean_and_deviation() {
        let mut random = Random::new(7);
        let draws: Vec<i64> = (0..100_000).map(|_| random.normal()).collect();
        let mean = draws.iter().sum::<i64>() / 100_000;
        let variance = draws.iter().map(|draw| draw * draw).sum::<i64>() / 100_000;
        assert!(mean.abs() < 1_000, "{mean}");
        assert!((variance.isqrt() - 65_536).abs() < 1_000, "{variance}");
    }
}
