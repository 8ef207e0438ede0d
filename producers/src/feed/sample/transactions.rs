//! The sample's transactions, in the shape of blockchain.info's `utx` message.

use btc_records::hex;
use std::sync::Arc;

use serde::Serialize;

use super::amounts::payment_sat;
use super::wallets::{Wallet, Wallets};
use super::{Domain, MINUTE_MS};
use crate::message::{Event, FeedKind, Topic};
use crate::random::Random;

/// Rates are counted in millionths.
const MICRO: u64 = 1_000_000;

/// How busy each hour of the UTC day is, in percent of the mean.
const RHYTHM_PERCENT: [u64; 24] = [
    92, 88, 86, 85, 86, 89, 93, 97, 101, 104, 106, 108, 110, 113, 115, 116, 114, 111, 107, 103, 100, 98, 94,
    84,
];

/// The transactions of each minute.
#[derive(Debug)]
pub(super) struct Transactions {
    seed: u64,
    wallets: Arc<Wallets>,
    /// Transactions a minute on average, in millionths.
    rate_micro: u64,
}

#[derive(Serialize)]
struct Utx<'a> {
    op: &'static str,
    x: Transaction<'a>,
}

#[derive(Serialize)]
struct Transaction<'a> {
    lock_time: u32,
    ver: u32,
    size: u64,
    inputs: Vec<Input<'a>>,
    time: i64,
    tx_index: u64,
    vin_sz: usize,
    hash: &'a str,
    vout_sz: usize,
    relayed_by: &'static str,
    out: Vec<Output<'a>>,
}

#[derive(Serialize)]
struct Input<'a> {
    sequence: u32,
    prev_out: Output<'a>,
    /// Always empty: a signature is most of a message's bytes, and nobody here could check a generated one.
    script: &'static str,
}

#[derive(Serialize)]
struct Output<'a> {
    spent: bool,
    tx_index: u64,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    addr: Option<&'a str>,
    value: u64,
    n: u32,
    script: &'a str,
}

impl Transactions {
    pub(super) fn new(seed: u64, per_second: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the setting is checked to lie between 0 and 100,000"
        )]
        let rate_micro = (per_second * 60.0 * 1e6).round() as u64;
        Self { seed, wallets: Arc::new(Wallets::new(seed)), rate_micro }
    }

    /// Adds the transactions of one minute.
    pub(super) fn add(&self, minute: i64, events: &mut Vec<Event>) {
        let mut random = Domain::Transactions.stream(self.seed, minute);
        let hour = usize::try_from(minute.div_euclid(60).rem_euclid(24)).unwrap_or(0);
        let count = poisson(&mut random, self.rate_micro / 100 * RHYTHM_PERCENT[hour]);
        for _ in 0..count {
            let time_ms = minute * MINUTE_MS + random.below(MINUTE_MS.unsigned_abs()).cast_signed();
            events.push(self.event(&mut random, time_ms));
        }
    }

    fn event(&self, random: &mut Random, time_ms: i64) -> Event {
        let mut txid = [0; 32];
        random.fill(&mut txid);
        let hash = hex::encode(txid);
        let transaction = self.transaction(random, &hash, time_ms);
        let mut value = Vec::with_capacity(1_536);
        serde_json::to_writer(&mut value, &Utx { op: "utx", x: transaction })
            .expect("plain strings and numbers always serialise");
        Event::new(Topic::Transactions, "blockchain-info", FeedKind::Sample, hash, value, time_ms)
    }

    fn transaction<'a>(&'a self, random: &mut Random, hash: &'a str, time_ms: i64) -> Transaction<'a> {
        let shape = Shape::draw(random);
        let spenders: Vec<&Wallet> = (0..shape.inputs).map(|_| self.wallets.any(random)).collect();
        let tx_index = random.next() >> 11;

        let mut out = Vec::with_capacity(shape.outputs + 2);
        for _ in 0..shape.outputs {
            pay(&mut out, tx_index, self.wallets.any(random), payment_sat(random));
        }
        if shape.change {
            // Four in ten wallets still use one address over and over.
            let wallet = if random.below(10) < 4 { spenders[0] } else { self.wallets.any(random) };
            pay(&mut out, tx_index, wallet, payment_sat(random));
        }
        if shape.note {
            let n = u32::try_from(out.len()).unwrap_or(u32::MAX);
            out.push(Output { spent: false, tx_index, kind: 0, addr: None, value: 0, n, script: NOTE_HEX });
        }

        let size = 11 + 148 * spenders.len() as u64 + 33 * out.len() as u64;
        let fee_sat = size * (1 + random.below(20));
        let total_sat = out.iter().map(|output| output.value).sum::<u64>() + fee_sat;
        let inputs = inputs(random, &spenders, total_sat);
        Transaction {
            lock_time: 0,
            ver: 2,
            size,
            vin_sz: inputs.len(),
            inputs,
            time: time_ms.div_euclid(1_000),
            tx_index,
            hash,
            vout_sz: out.len(),
            relayed_by: "0.0.0.0",
            out,
        }
    }
}

/// `OP_RETURN` and the word "sample".
const NOTE_HEX: &str = "6a0673616d706c65";

/// What a transaction is like.
struct Shape {
    inputs: usize,
    /// Payments to others.
    outputs: usize,
    /// Whether the rest returns to the spender.
    change: bool,
    /// Whether it carries a note, which has no address.
    note: bool,
}

impl Shape {
    /// Mostly a payment with change; also sweeps, double payments, and payouts to many.
    fn draw(random: &mut Random) -> Self {
        let few = |random: &mut Random| match random.below(100) {
            0..62 => 1,
            62..84 => 2,
            _ => 3 + usize::from(random.next() & 1 == 1),
        };
        let note = random.once_in(30);
        match random.below(100) {
            0..68 => Self { inputs: few(random), outputs: 1, change: true, note },
            68..82 => {
                let inputs = few(random) + usize::try_from(random.below(4)).unwrap_or(0);
                Self { inputs, outputs: 1, change: false, note }
            }
            82..95 => Self { inputs: few(random), outputs: 2, change: true, note },
            _ => {
                let outputs = 3 + usize::try_from(random.below(20)).unwrap_or(0);
                Self { inputs: few(random), outputs, change: true, note: false }
            }
        }
    }
}

fn pay<'a>(out: &mut Vec<Output<'a>>, tx_index: u64, wallet: &'a Wallet, value: u64) {
    let n = u32::try_from(out.len()).unwrap_or(u32::MAX);
    let (addr, script) = (Some(wallet.address.as_str()), wallet.script_hex.as_str());
    out.push(Output { spent: false, tx_index, kind: 0, addr, value, n, script });
}

/// Splits the total between the spenders.
fn inputs<'a>(random: &mut Random, spenders: &[&'a Wallet], total_sat: u64) -> Vec<Input<'a>> {
    let mut left_sat = total_sat;
    let mut inputs = Vec::with_capacity(spenders.len());
    for (index, wallet) in spenders.iter().enumerate() {
        let later = (spenders.len() - 1 - index) as u64;
        let value = if later == 0 { left_sat } else { 1 + random.below(left_sat - later) };
        left_sat -= value;
        let prev_out = Output {
            spent: true,
            tx_index: random.next() >> 11,
            kind: 0,
            addr: Some(&wallet.address),
            value,
            n: u32::try_from(random.below(4)).unwrap_or(0),
            script: &wallet.script_hex,
        };
        inputs.push(Input { sequence: u32::MAX - 2, prev_out, script: "" });
    }
    inputs
}

/// About a Poisson number of this mean (in millionths): a normal one, with the fraction decided by chance.
fn poisson(random: &mut Random, mean_micro: u64) -> u64 {
    let deviation_micro = (mean_micro * MICRO).isqrt().cast_signed();
    let drawn = mean_micro.cast_signed() + ((random.normal() * (deviation_micro / 256)) >> 8);
    let drawn = u64::try_from(drawn).unwrap_or(0);
    drawn / MICRO + u64::from(random.below(MICRO) < drawn % MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_a_day() {
        let transactions = Transactions::new(5, 0.1);
        let mut events = Vec::new();
        for minute in 28_840_320..28_840_320 + 1_440 {
            transactions.add(minute, &mut events);
        }
        assert!((8_300..9_000).contains(&events.len()), "{}", events.len());
        assert_eq!(RHYTHM_PERCENT.iter().sum::<u64>(), 2_400);
    }

    #[test]
    fn inputs_pay_for_outputs() {
        let transactions = Transactions::new(6, 2.0);
        let mut events = Vec::new();
        transactions.add(28_840_320, &mut events);
        assert!(events.len() > 80);
        for event in events {
            let value: serde_json::Value = serde_json::from_slice(&event.message.value).unwrap();
            let sum = |list: &serde_json::Value, pointer: &str| {
                let amounts = list.as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap());
                amounts.map(|amount| amount.as_u64().unwrap()).sum::<u64>()
            };
            let paid = sum(&value["x"]["out"], "/value");
            let spent = sum(&value["x"]["inputs"], "/prev_out/value");
            assert!(paid < spent && spent - paid < 200_000, "{value}");
        }
    }
}
