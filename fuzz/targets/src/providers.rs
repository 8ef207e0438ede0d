//! What providers of transactions and blocks send: frames of their websockets, answers to questions by HTTP.

use btc_producers::{ChainProvider, fuzzing};
use bytes::Bytes;
use chrono::DateTime;
use serde_json::Value;

use crate::{choose, chosen};

const PROVIDERS: [ChainProvider; 2] = [ChainProvider::BlockchainInfo, ChainProvider::MempoolSpace];

/// Every key is a hash; what goes into the log is JSON that holds the block, and no more of it than its coinbase.
pub(crate) fn check(data: &[u8]) -> bool {
    let Some((choice, bytes)) = choose(data, PROVIDERS.len() + 3) else { return false };
    match choice {
        0 | 1 => fuzzing::heard(PROVIDERS[choice], bytes).is_some_and(|keys| {
            assert!(keys.iter().all(|key| is_hash(key)), "{keys:?}");
            true
        }),
        2 => check_page(bytes),
        3 => check_whole_block(bytes),
        _ => fuzzing::retry_after(bytes, DateTime::UNIX_EPOCH).is_some(),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_page(answer: &[u8]) -> bool {
    let Some(blocks) = fuzzing::block_page(answer) else { return false };
    for pair in blocks.windows(2) {
        assert!(pair[0].1 > pair[1].1, "the walk does not descend");
    }
    for (hash, height, message) in &blocks {
        assert!(is_hash(hash), "{hash}");
        let message: Value = serde_json::from_slice(message).expect("what goes into the log is JSON");
        assert_eq!(message["block"]["height"], *height);
    }
    true
}

fn check_whole_block(answer: &[u8]) -> bool {
    let Some((hash, height, message)) = fuzzing::whole_block(&Bytes::copy_from_slice(answer)) else {
        return false;
    };
    assert!(is_hash(&hash), "{hash}");
    assert!(message.len() <= answer.len(), "what is cut is longer");
    let message: Value = serde_json::from_slice(&message).expect("what goes into the log is JSON");
    assert_eq!(message["height"], height);
    assert_eq!(message["tx"].as_array().map(Vec::len), Some(1), "{message}");
    true
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let hash = "00000000000000000000000000000000000000000000000000000000000000ab";
    let above = hash.replace("ab", "cd");
    let block = format!(r#"{{"id":"{hash}","height":890440,"extras":{{"pool":{{"name":"ViaBTC"}}}}}}"#);
    let higher = format!(r#"{{"id":"{above}","height":890441}}"#);
    let whole = format!(
        r#"{{"hash":"{hash}", "prev_block":"{above}","tx": [ {{"out":[1,2]}}, {{"x":"]"}} ],"height":872365, "z":1}}"#
    );
    vec![
        chosen(0, format!(r#"{{"op":"utx","x":{{"hash":"{hash}"}}}}"#)),
        chosen(0, format!(r#"{{"op":"block","x":{{"hash":"{hash}","height":1}}}}"#)),
        chosen(0, r#"{"op":"pong"}"#),
        chosen(1, format!(r#"{{"block":{block},"blocks":[{higher}]}}"#)),
        chosen(2, format!("[{higher},{block}]")),
        chosen(3, whole),
        chosen(4, "120"),
        chosen(4, "Wed, 21 Oct 2015 07:28:00 GMT"),
    ]
}
