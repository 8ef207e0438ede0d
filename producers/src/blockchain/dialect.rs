//! What is said to a provider's websocket, and as much of its answers as a natural key needs.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::{ChainProvider, ChainSource};

/// What a message is, as far as the log is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A transaction, with its id.
    Transaction(String),
    /// Blocks, in the message's order; never empty.
    Blocks(Vec<BlockName>),
    /// A greeting, a pong, statistics.
    Nothing,
    /// What nobody understands, and why.
    Garbage(String),
}

/// A block as messages name it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct BlockName {
    #[serde(alias = "id")]
    pub(super) hash: String,
    pub(super) height: u32,
}

/// The messages that subscribe.
pub(super) fn subscriptions(source: &ChainSource) -> Vec<&'static str> {
    match source.provider {
        ChainProvider::BlockchainInfo => {
            let transactions = source.transactions.then_some(r#"{"op":"unconfirmed_sub"}"#);
            let blocks = source.blocks.then_some(r#"{"op":"blocks_sub"}"#);
            transactions.into_iter().chain(blocks).collect()
        }
        ChainProvider::MempoolSpace => vec![r#"{"action":"want","data":["blocks"]}"#],
    }
}

/// The message that asks for a pong.
pub(super) fn ping(provider: ChainProvider) -> &'static str {
    match provider {
        ChainProvider::BlockchainInfo => r#"{"op":"ping"}"#,
        ChainProvider::MempoolSpace => r#"{"action":"ping"}"#,
    }
}

/// Finds out what a message is.
pub(super) fn understand(provider: ChainProvider, message: &[u8]) -> Heard {
    let text = match std::str::from_utf8(message) {
        Ok(text) => text,
        Err(error) => return Heard::Garbage(format!("not UTF-8: {error}")),
    };
    let heard = match provider {
        ChainProvider::BlockchainInfo => blockchain_info(text),
        ChainProvider::MempoolSpace => mempool_space(text),
    };
    heard.unwrap_or_else(|error| Heard::Garbage(format!("not understood: {error}")))
}

fn blockchain_info(message: &str) -> serde_json::Result<Heard> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        op: Cow<'a, str>,
        #[serde(borrow)]
        x: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Transaction {
        hash: String,
    }
    let envelope: Envelope<'_> = serde_json::from_str(message)?;
    let body = envelope.x.map_or("null", RawValue::get);
    Ok(match envelope.op.as_ref() {
        "utx" => {
            let Transaction { hash } = serde_json::from_str(body)?;
            if is_hash(&hash) { Heard::Transaction(hash) } else { no_hash(&hash) }
        }
        "block" => blocks(vec![serde_json::from_str(body)?]),
        _ => Heard::Nothing,
    })
}

fn mempool_space(message: &str) -> serde_json::Result<Heard> {
    #[derive(Deserialize)]
    struct Envelope {
        block: Option<BlockName>,
        blocks: Option<Vec<BlockName>>,
    }
    let envelope: Envelope = serde_json::from_str(message)?;
    let mut named = envelope.blocks.unwrap_or_default();
    named.extend(envelope.block);
    Ok(blocks(named))
}

fn blocks(blocks: Vec<BlockName>) -> Heard {
    if let Some(bad) = blocks.iter().find(|block| !is_hash(&block.hash)) {
        return no_hash(&bad.hash);
    }
    if blocks.is_empty() { Heard::Nothing } else { Heard::Blocks(blocks) }
}

fn no_hash(hash: &str) -> Heard {
    Heard::Garbage(format!("not understood: {hash:?} is no hash of 64 hexadecimal digits"))
}

/// Whether a text can be a natural key.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0857b9de1884eec314ecf67c040a2657b8e083e1f95e31d0b5ba3d328841fc7f";

    fn check(provider: ChainProvider, message: &str, expected: &Heard) {
        let message = message.replace("HASH", HASH);
        assert_eq!(&understand(provider, message.as_bytes()), expected, "{message}");
    }

    #[test]
    fn blockchain_info_is_understood() {
        use ChainProvider::BlockchainInfo;
        let block = Heard::Blocks(vec![BlockName { hash: HASH.to_owned(), height: 422_557 }]);
        check(
            BlockchainInfo,
            r#"{"op":"utx","x":{"time":1,"hash":"HASH"}}"#,
            &Heard::Transaction(HASH.to_owned()),
        );
        check(BlockchainInfo, r#"{"op":"block","x":{"hash":"HASH","height":422557}}"#, &block);
        check(BlockchainInfo, r#"{"op":"pong"}"#, &Heard::Nothing);
        check(BlockchainInfo, r#"{"op":"status","msg":"Connected","x":7}"#, &Heard::Nothing);
    }

    #[test]
    fn mempool_space_is_understood() {
        use ChainProvider::MempoolSpace;
        let block = Heard::Blocks(vec![BlockName { hash: HASH.to_owned(), height: 7 }]);
        check(MempoolSpace, r#"{"mempoolInfo":{},"block":{"id":"HASH","height":7}}"#, &block);
        check(MempoolSpace, r#"{"blocks":[{"id":"HASH","height":7}]}"#, &block);
        check(MempoolSpace, r#"{"pong":true}"#, &Heard::Nothing);
        check(MempoolSpace, r#"{"blocks":[]}"#, &Heard::Nothing);
    }

    #[test]
    fn garbage_says_why() {
        for message in ["<html>", r#"{"op":"utx"}"#, r#"{"op":"utx","x":{"hash":"12"}}"#, "", "[1]"] {
            let heard = understand(ChainProvider::BlockchainInfo, message.as_bytes());
            assert!(matches!(heard, Heard::Garbage(_)), "{message}: {heard:?}");
        }
    }
}
