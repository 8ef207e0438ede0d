//! Transactions as the blockchain producer writes them.

use bytes::Bytes;
use trombe_connectors::Message;

const FROM_S: u64 = 1_730_412_000;

/// The transaction of that number in blockchain.info's layout, at so many seconds after the first.
pub(crate) fn transaction(number: u64, after_s: u64) -> Message {
    let hash = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4);
    let time = FROM_S + after_s;
    let sat = number * 7_919 % 1_000_000_007;
    let party = |address: &str, value: u64, n: u64| {
        format!(
            r#"{{"spent":true,"tx_index":0,"type":0,"addr":"{address}","value":{value},"n":{n},"script":"76a914"}}"#
        )
    };
    let spent = party("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", sat + 1_000, 0);
    let paid = party("1dice8EMZmqKvrGE4Qc9bUFf9PX3xaYDp", sat, 0);
    let change = party("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", 5, 1);
    let value = format!(
        r#"{{"op":"utx","x":{{"lock_time":0,"ver":2,"size":225,"inputs":[{{"sequence":4294967295,"prev_out":{spent},"script":"483045022100"}}],"time":{time},"tx_index":0,"vin_sz":1,"hash":"{hash}","vout_sz":2,"relayed_by":"0.0.0.0","out":[{paid},{change}]}}}}"#
    );
    let header = |name: &str, value: &'static str| (name.to_owned(), Bytes::from_static(value.as_bytes()));
    Message {
        key: hash.into(),
        value: value.into(),
        timestamp_ms: i64::try_from(time * 1_000).unwrap_or_default(),
        headers: vec![header("source", "blockchain-info"), header("feed", "sample")],
    }
}
