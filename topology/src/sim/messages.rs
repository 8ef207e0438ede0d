//! Messages in the providers' formats, made from facts.

use bytes::Bytes;
use trombe_connectors::Message;

use crate::topics::{BLOCKS, BPI, TRANSACTIONS};

fn message(source: &str, key: String, value: String, time_s: i64) -> Message {
    let header = |name: &str, value: &str| (name.to_owned(), Bytes::copy_from_slice(value.as_bytes()));
    Message {
        key: key.into(),
        value: value.into(),
        timestamp_ms: time_s * 1_000 + 250,
        headers: vec![header("source", source), header("feed", "sample")],
    }
}

/// A price in EUR with its topic.
pub fn price(time_s: i64, eur: &str) -> (&'static str, Message) {
    let value = format!(r#"{{"time":{time_s},"eur":"{eur}"}}"#);
    (BPI, message("csv", format!("csv:{time_s}"), value, time_s))
}

/// The id of the transaction of this number.
pub fn txid(number: u64) -> String {
    format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4)
}

/// A transaction that pays `sat` away and one satoshi back, with its topic.
pub fn transaction(number: u64, time_s: i64, sat: u64) -> (&'static str, Message) {
    let hash = txid(number);
    let value = format!(
        r#"{{"op":"utx","x":{{"lock_time":0,"ver":2,"size":225,"inputs":[{{"sequence":1,"prev_out":{{"spent":true,"addr":"1From","value":{in_sat}}},"script":""}}],"time":{time_s},"vin_sz":1,"vout_sz":2,"hash":"{hash}","out":[{{"addr":"1To","value":{sat},"n":0}},{{"addr":"1From","value":1,"n":1}}]}}}}"#,
        in_sat = sat + 1_000,
    );
    (TRANSACTIONS, message("blockchain-info", hash, value, time_s))
}

/// The hash of the block of this name, which has eight bytes at most.
pub fn block_hash(name: &str) -> String {
    let number = name.bytes().fold(0_u64, |number, byte| number << 8 | u64::from(byte));
    format!("{number:064x}")
}

/// What every [`block`] pays: subsidy and fees in satoshi.
pub const BLOCK_REWARD_SAT: u64 = 312_500_007;

/// A block as mempool.space tells it, who mined it included, with its topic.
pub fn block(name: &str, parent: &str, height: u32, time_s: i64, miner: &str) -> (&'static str, Message) {
    let (hash, parent) = (block_hash(name), block_hash(parent));
    let value = format!(
        r#"{{"block":{{"id":"{hash}","height":{height},"previousblockhash":"{parent}","timestamp":{time_s},"tx_count":2,"size":500,"extras":{{"reward":{BLOCK_REWARD_SAT},"totalFees":7,"pool":{{"id":1,"name":"{miner}","slug":"x"}}}}}}}}"#,
    );
    (BLOCKS, message("mempool-space", hash, value, time_s))
}

/// A message that nobody understands.
pub fn nonsense(number: u64, time_s: i64) -> (&'static str, Message) {
    (BPI, message("coinbase", format!("bad:{number}"), format!("{{\"nonsense\":{number}"), time_s))
}
