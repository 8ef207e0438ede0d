//! The transactions that `bitcoin` reads: deterministic, in blockchain.info's layout, event times over 48 hours.
//!
//! Byte for byte what the kit's `gen.py` writes, so that everybody reads the same file: draws come from the Mersenne Twister in the
//! ways of Python's `random`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use crate::settings::Settings;

const SEED: u32 = 42;
/// 2023-11-14T22:00:00Z.
const FIRST_S: i64 = 1_699_999_200;
const SPAN_S: i64 = 48 * 3600;
const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Writes `count` messages (a million without it) to `out`.
pub(crate) fn write(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let path = settings.out.as_ref().ok_or("say out=FILE")?;
    let count = i64::try_from(settings.count.unwrap_or(1_000_000))?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut random = Random::new(SEED);
    for number in 0..count {
        file.write_all(message(&mut random, number, count)?.as_bytes())?;
    }
    Ok(file.flush()?)
}

fn message(random: &mut Random, number: i64, count: i64) -> Result<String, std::fmt::Error> {
    let time = FIRST_S + number * SPAN_S / count + i64::from(random.below(41)) - 20;
    let time = time.clamp(FIRST_S, FIRST_S + SPAN_S - 1);
    let one_to_three = |drawn: f64, one: f64, two: f64| 1 + u64::from(drawn >= one) + u64::from(drawn >= two);
    let inputs_count = one_to_three(random.unit(), 0.60, 0.88);
    let outputs_count = one_to_three(random.unit(), 0.15, 0.85);
    let amounts: Vec<u64> = (0..outputs_count).map(|_| random.log_normal(14.5, 2.2) + 546).collect();
    let mut left = amounts.iter().sum::<u64>() + 200 + u64::from(random.below(19_800));
    let mut inputs = String::new();
    for n in 0..inputs_count {
        let value = if n + 1 == inputs_count { left } else { left / 2 };
        left -= value;
        // Long signatures, unless that would make too long a message of it.
        let signature = if inputs_count == 3 || random.unit() < 0.35 {
            String::new()
        } else {
            let [r, s, key] = [random.hex::<8>(), random.hex::<8>(), random.hex::<8>()];
            format!("483045022100{r}0220{s}012103{key}")
        };
        let spent = party(random, value, n, true);
        let comma = if n == 0 { "" } else { "," };
        write!(inputs, r#"{comma}{{"sequence":4294967295,"prev_out":{spent},"script":"{signature}"}}"#)?;
    }
    let hash = random.hex::<8>();
    let outputs: Vec<String> =
        (0_u64..).zip(amounts).map(|(n, value)| party(random, value, n, false)).collect();
    let (size, outputs) = (inputs_count * 148 + outputs_count * 34 + 10, outputs.join(","));
    let head = format!(r#"{{"op":"utx","x":{{"lock_time":0,"ver":1,"size":{size},"inputs":[{inputs}]"#);
    let middle = format!(r#""time":{time},"tx_index":0,"vin_sz":{inputs_count},"hash":"{hash}""#);
    let tail = format!(r#""vout_sz":{outputs_count},"relayed_by":"0.0.0.0","out":[{outputs}]}}}}"#);
    Ok(format!("{head},{middle},{tail}\n"))
}

fn party(random: &mut Random, value: u64, n: u64, spent: bool) -> String {
    let (address, script) = if random.unit() < 0.55 {
        let symbols = random.symbols(BASE58, 16);
        (format!("1{symbols}x"), format!("76a914{}88ac", random.hex::<5>()))
    } else {
        let symbols = random.symbols(BECH32, 19);
        (format!("bc1q{symbols}"), format!("0014{}", random.hex::<5>()))
    };
    let [low, high] = [random.next(), random.next() >> 14];
    let index = u64::from(high) << 32 | u64::from(low);
    format!(
        r#"{{"spent":{spent},"tx_index":{index},"type":0,"addr":"{address}","value":{value},"n":{n},"script":"{script}"}}"#
    )
}

const STATE: usize = 624;
const SHIFT: usize = 397;

/// MT19937, and Python's ways to draw from it.
struct Random {
    state: [u32; STATE],
    at: usize,
}

impl Random {
    /// The reference's `init_by_array` with one word.
    fn new(seed: u32) -> Self {
        let mut state = [0_u32; STATE];
        state[0] = 19_650_218;
        for i in 1..STATE {
            let number = u32::try_from(i).unwrap_or(0);
            state[i] = mixed(state[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(number);
        }
        let mut i = 1;
        for round in 1..2 * STATE {
            let (before, number) = (mixed(state[i - 1]), u32::try_from(i).unwrap_or(0));
            state[i] = match round {
                ..=STATE => (state[i] ^ before.wrapping_mul(1_664_525)).wrapping_add(seed),
                _ => (state[i] ^ before.wrapping_mul(1_566_083_941)).wrapping_sub(number),
            };
            i += 1;
            if i == STATE {
                state[0] = state[STATE - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Self { state, at: STATE }
    }

    fn next(&mut self) -> u32 {
        if self.at == STATE {
            for i in 0..STATE {
                let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % STATE] & 0x7fff_ffff;
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + SHIFT) % STATE] ^ y >> 1 ^ odd;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// From zero to below one, 53 bits.
    fn unit(&mut self) -> f64 {
        let (high, low) = (self.next() >> 5, self.next() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// Draws as many bits as the bound has until they are below it.
    fn below(&mut self, bound: u32) -> u32 {
        let shift = bound.leading_zeros();
        loop {
            let drawn = self.next() >> shift;
            if drawn < bound {
                return drawn;
            }
        }
    }

    /// Kinderman and Monahan's way to a normal deviate, and its exponential.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Python's int()")]
    fn log_normal(&mut self, mu: f64, sigma: f64) -> u64 {
        let magic = 4.0 * (-0.5_f64).exp() / 2.0_f64.sqrt();
        loop {
            let (u1, u2) = (self.unit(), 1.0 - self.unit());
            let z = magic * (u1 - 0.5) / u2;
            if z * z / 4.0 <= -u2.ln() {
                return (mu + z * sigma).exp() as u64;
            }
        }
    }

    /// Words as one number, the first the lowest, in hexadecimal.
    fn hex<const WORDS: usize>(&mut self) -> String {
        let words: [u32; WORDS] = std::array::from_fn(|_| self.next());
        words.iter().rev().fold(String::new(), |text, word| format!("{text}{word:08x}"))
    }

    /// Two symbols of the alphabet for every 12 bits drawn.
    fn symbols(&mut self, alphabet: &[u8], pairs: usize) -> String {
        let bits = 12 * pairs;
        let mut words: Vec<u32> = (0..bits.div_ceil(32)).map(|_| self.next()).collect();
        if let (Some(last), surplus @ 1..) = (words.last_mut(), 32 - bits % 32)
            && surplus < 32
        {
            *last >>= surplus;
        }
        let word = |at: usize| u64::from(words.get(at).copied().unwrap_or(0));
        let pair = |n: usize| {
            let at = 12 * n;
            let both = word(at / 32) | word(at / 32 + 1) << 32;
            let drawn = usize::try_from(both >> (at % 32) & 0xfff).unwrap_or(0);
            let drawn = drawn % (alphabet.len() * alphabet.len());
            [drawn / alphabet.len(), drawn % alphabet.len()]
        };
        (0..pairs).flat_map(pair).map(|symbol| char::from(alphabet[symbol])).collect()
    }
}

fn mixed(word: u32) -> u32 {
    word ^ word >> 30
}
