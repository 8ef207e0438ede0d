//! Mutations from a seed, for where no fuzzer is at hand.

/// What breaks parsers more often than chance does.
const TOKENS: [&[u8]; 22] = [
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"9223372036854775807",
    b"0.00000000000000000000000000001",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[[[[[[[[",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b",",
    b"\n",
    b"\0",
    b"\xff\xff\xff\xff",
    b"\xf9\xbe\xb4\xd9",
    b"\xfd",
    b"%00",
    b"\xef\xbb\xbf",
];

/// Draws mutations of seeds; the same seed draws the same ones.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A stream of mutations.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// One of the seeds, changed in one to eight places.
    pub fn mutated(&mut self, seeds: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
        let mut data = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            self.mutate(&mut data, seeds);
        }
        data.truncate(bytes_max);
        data
    }

    fn mutate(&mut self, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(data.len() + 1);
        let to = at + self.below((data.len() - at).min(32) + 1);
        match self.below(8) {
            0 => drop(data.drain(at..to)),
            1 => data.truncate(at),
            2 => {
                let twice = data[at..to].to_vec();
                data.splice(at..at, twice);
            }
            3 => {
                let token = TOKENS[self.below(TOKENS.len())];
                data.splice(at..to, token.iter().copied());
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                data.splice(at..to, other[from..].iter().copied().take(64));
            }
            5 => {
                for byte in &mut data[at..to] {
                    *byte = (self.next() & 0xff) as u8;
                }
            }
            _ => {
                let bit = 1 << self.below(8);
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= bit;
                }
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
