//! Made-up messages in real formats: prices, transactions and blocks of some hours, with everything that feeds do: ties,
//! repetitions, several times for one transaction, several messages for one block, forks.

use bytes::Bytes;
use trombe_connectors::Message;

use btc_topology::{BLOCKS, BPI, TRANSACTIONS};

/// 2024-10-31T22:00:00Z: the hours that follow cross a day and a month.
pub(crate) const FROM_S: i64 = 1_730_412_000;

/// A generator of the same numbers every time (Knuth's MMIX constants).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % bound
    }

    /// One of the items.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(u32::try_from(items.len()).unwrap()) as usize]
    }

    /// The items in another order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(u32::try_from(end).unwrap() + 1) as usize);
        }
    }
}

fn message(source: &str, key: String, value: String, time_s: i64) -> Message {
    let header = |name: &str, value: &str| (name.to_owned(), Bytes::copy_from_slice(value.as_bytes()));
    Message {
        key: key.into(),
        value: value.into(),
        timestamp_ms: time_s * 1_000 + 250,
        headers: vec![header("source", source), header("feed", "sample")],
    }
}

pub(crate) fn price(time_s: i64, eur: &str) -> (&'static str, Message) {
    let value = format!(r#"{{"time":{time_s},"eur":"{eur}"}}"#);
    (BPI, message("csv", format!("csv:{time_s}"), value, time_s))
}

pub(crate) fn txid(number: u64) -> String {
    format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4)
}

/// A transaction that pays `sat` away and one satoshi back.
pub(crate) fn transaction(number: u64, time_s: i64, sat: u64) -> (&'static str, Message) {
    let hash = txid(number);
    let value = format!(
        r#"{{"op":"utx","x":{{"lock_time":0,"ver":2,"size":225,"inputs":[{{"sequence":1,"prev_out":{{"spent":true,"addr":"1From","value":{in_sat}}},"script":""}}],"time":{time_s},"vin_sz":1,"vout_sz":2,"hash":"{hash}","out":[{{"addr":"1To","value":{sat},"n":0}},{{"addr":"1From","value":1,"n":1}}]}}}}"#,
        in_sat = sat + 1_000,
    );
    (TRANSACTIONS, message("blockchain-info", hash, value, time_s))
}

pub(crate) fn block_hash(name: &str) -> String {
    let number = name.bytes().fold(0_u64, |number, byte| number << 8 | u64::from(byte));
    format!("{number:064x}")
}

/// A block as mempool.space tells it, who mined it included.
pub(crate) fn block(
    name: &str,
    parent: &str,
    height: u32,
    time_s: i64,
    miner: &str,
) -> (&'static str, Message) {
    let (hash, parent) = (block_hash(name), block_hash(parent));
    let value = format!(
        r#"{{"block":{{"id":"{hash}","height":{height},"previousblockhash":"{parent}","timestamp":{time_s},"tx_count":2,"size":500,"extras":{{"reward":312500007,"totalFees":7,"pool":{{"id":1,"name":"{miner}","slug":"x"}}}}}}}}"#,
    );
    (BLOCKS, message("mempool-space", hash, value, time_s))
}

/// Four hours of everything. Some prices are missing, some blocks fork, some transactions are seen twice.
pub(crate) fn market() -> Vec<(&'static str, Message)> {
    let mut dice = Dice(7);
    let mut messages = Vec::new();
    for minute in (0..240).filter(|minute| !(100..230).contains(minute)) {
        let cents = 6_000_000 + dice.below(100_000);
        let eur = format!("{}.{:02}", cents / 100, cents % 100);
        messages.push(price(FROM_S + minute * 60 + 7, &eur));
    }
    for number in 0..600 {
        let time_s = FROM_S + i64::from(dice.below(4 * 3_600));
        let sat = dice.pick(&[1, 50_000, 100_000_000, 21_000_000_000]);
        messages.push(transaction(number, time_s, sat));
        if dice.below(5) == 0 {
            let other_s = time_s + i64::from(dice.below(7_200)) - 3_600;
            messages.push(transaction(number, other_s.max(FROM_S), sat + u64::from(dice.below(2))));
        }
    }
    let miners = ["Foundry USA", "AntPool", "F2Pool"];
    let mut parent = "root".to_owned();
    for height in 0..24_u32 {
        let time_s = FROM_S + i64::from(height) * 600 + i64::from(dice.below(300));
        let name = format!("m{height}");
        messages.push(block(&name, &parent, 868_000 + height, time_s, dice.pick(&miners)));
        if dice.below(4) == 0 {
            let rival = format!("r{height}");
            messages.push(block(&rival, &parent, 868_000 + height, time_s + 5, dice.pick(&miners)));
        }
        parent = name;
    }
    messages
}
