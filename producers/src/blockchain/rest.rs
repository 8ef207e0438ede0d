//! The providers' HTTP interfaces: the tip of the chain, and blocks from there downwards.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::dialect::is_hash;
use crate::config::{ChainProvider, ChainSource};
use crate::http::{Http, HttpError};

/// Blocks that mempool.space answers at once, at most. A longer answer is not believed.
const PAGE_BLOCKS_MAX: usize = 100;

/// Why a block was not fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("not understood: {0}")]
    Garbage(String),
}

impl From<serde_json::Error> for RestError {
    fn from(error: serde_json::Error) -> Self {
        Self::Garbage(error.to_string())
    }
}

/// A block as it goes into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FetchedBlock {
    pub(super) hash: String,
    pub(super) height: u32,
    pub(super) value: Bytes,
    /// The hash of the block before it, where the walk needs it.
    previous: Option<String>,
}

/// One provider's HTTP interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest<'a> {
    pub(super) http: &'a Http,
    pub(super) source: &'a ChainSource,
}

/// Where a walk down the chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// The next block to fetch has this height (mempool.space).
    Height(u32),
    /// The next block to fetch has this hash (blockchain.info).
    Hash(String),
    /// There is no block below.
    End,
}

impl Rest<'_> {
    /// The highest block: its height, and where a walk down from it starts.
    pub(super) async fn tip(&self) -> Result<(u32, Cursor), RestError> {
        let url = self.source.rest_url();
        match self.source.provider {
            ChainProvider::MempoolSpace => {
                let answer = self.http.get(&format!("{url}/api/blocks/tip/height")).await?;
                let height = serde_json::from_slice(&answer)?;
                Ok((height, Cursor::Height(height)))
            }
            ChainProvider::BlockchainInfo => {
                #[derive(Deserialize)]
                struct Latest {
                    hash: String,
                    height: u32,
                }
                let answer = self.http.get(&format!("{url}/latestblock")).await?;
                let Latest { hash, height } = serde_json::from_slice(&answer)?;
                Ok((height, Cursor::Hash(checked(hash)?)))
            }
        }
    }

    /// Where a walk starts below a height, if the provider can be asked by height.
    pub(super) fn below(&self, height: u32) -> Option<Cursor> {
        match self.source.provider {
            ChainProvider::MempoolSpace => Some(height.checked_sub(1).map_or(Cursor::End, Cursor::Height)),
            ChainProvider::BlockchainInfo => None,
        }
    }

    /// The next blocks of a walk, highest first, and where it goes on.
    pub(super) async fn walk(&self, cursor: &Cursor) -> Result<(Vec<FetchedBlock>, Cursor), RestError> {
        match cursor {
            Cursor::End => Ok((Vec::new(), Cursor::End)),
            Cursor::Height(height) => {
                let url = format!("{}/api/v1/blocks/{height}", self.source.rest_url());
                let blocks = mempool_page(&self.http.get_blocks(&url).await?)?;
                if let Some(first) = blocks.first().filter(|block| block.height > *height) {
                    let above = first.height;
                    return Err(RestError::Garbage(format!("height {above} was not asked for")));
                }
                let lowest = blocks.last().and_then(|block| block.height.checked_sub(1));
                Ok((blocks, lowest.map_or(Cursor::End, Cursor::Height)))
            }
            Cursor::Hash(hash) => {
                let mut block = self.raw_block(hash).await?;
                let previous = block.previous.take();
                Ok((vec![block], previous.map_or(Cursor::End, Cursor::Hash)))
            }
        }
    }

    /// blockchain.info's whole block, cut to its coinbase.
    pub(super) async fn raw_block(&self, hash: &str) -> Result<FetchedBlock, RestError> {
        let url = format!("{}/rawblock/{hash}", self.source.rest_url());
        let block = cut_to_coinbase(&self.http.get_blocks(&url).await?)?;
        if !block.hash.eq_ignore_ascii_case(hash) {
            return Err(RestError::Garbage(format!("block {} was not asked for", block.hash)));
        }
        Ok(block)
    }
}

fn checked(hash: String) -> Result<String, RestError> {
    if is_hash(&hash) { Ok(hash) } else { Err(RestError::Garbage(format!("{hash:?} is no hash"))) }
}

/// The blocks of a page of mempool.space, each as the websocket would have told it.
pub(super) fn mempool_page(page: &[u8]) -> Result<Vec<FetchedBlock>, RestError> {
    #[derive(Deserialize)]
    struct Block {
        id: String,
        height: u32,
    }
    let blocks: Vec<&RawValue> = serde_json::from_slice(page)?;
    if blocks.len() > PAGE_BLOCKS_MAX {
        return Err(RestError::Garbage(format!("{} blocks in one answer", blocks.len())));
    }
    let mut fetched = Vec::with_capacity(blocks.len());
    for block in blocks {
        let Block { id, height } = serde_json::from_str(block.get())?;
        if fetched.last().is_some_and(|above: &FetchedBlock| above.height <= height) {
            return Err(RestError::Garbage(format!("height {height} is out of order")));
        }
        let value = format!("{{\"block\":{}}}", block.get()).into();
        fetched.push(FetchedBlock { hash: checked(id)?, height, value, previous: None });
    }
    Ok(fetched)
}

/// Cuts a `rawblock`, which may have megabytes, to its first transaction. All other bytes stay as received.
pub(super) fn cut_to_coinbase(body: &Bytes) -> Result<FetchedBlock, RestError> {
    #[derive(Deserialize)]
    struct Block<'a> {
        hash: String,
        height: u32,
        #[serde(rename = "prev_block")]
        previous: Option<String>,
        #[serde(borrow)]
        tx: &'a RawValue,
    }
    // JSON is UTF-8, and what the parser passes over goes into the log as well.
    let text =
        std::str::from_utf8(body).map_err(|error| RestError::Garbage(format!("not UTF-8: {error}")))?;
    let block: Block<'_> = serde_json::from_str(text)?;
    let transactions = block.tx.get();
    let coinbase = first_element(transactions)?;

    let start = transactions.as_ptr().addr() - body.as_ptr().addr();
    let coinbase_end = coinbase.as_ptr().addr() - body.as_ptr().addr() + coinbase.len();
    let mut value = Vec::with_capacity(body.len() - transactions.len() + coinbase.len() + 2);
    value.extend_from_slice(&body[..coinbase_end]);
    value.push(b']');
    value.extend_from_slice(&body[start + transactions.len()..]);
    let previous = block.previous.filter(|hash| is_hash(hash));
    Ok(FetchedBlock { hash: checked(block.hash)?, height: block.height, value: value.into(), previous })
}

/// The first element of a JSON array.
fn first_element(array: &str) -> Result<&str, serde_json::Error> {
    struct First;
    impl<'de> Visitor<'de> for First {
        type Value = &'de RawValue;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array with the coinbase transaction")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            let first = array.next_element()?;
            while array.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            first.ok_or_else(|| serde::de::Error::invalid_length(0, &self))
        }
    }
    serde_json::Deserializer::from_str(array).deserialize_seq(First).map(RawValue::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "000000000000000000001d74687b6170827dad9bf59c4d612db3d7cd73009a5b";
    const B: &str = "000000000000000000025755ccca0a8061ac673df5c4d833bdd0b112e5947f7e";

    #[test]
    fn a_block_is_cut_to_its_coinbase_and_nothing_else_changes() {
        let body = format!(
            r#"{{"hash":"{A}", "prev_block":"{B}","tx": [ {{"out":[1,2]}}, {{"x":"]"}} ],"height":872365, "z":1}}"#
        );
        let block = cut_to_coinbase(&body.into()).unwrap();
        let expected = format!(
            r#"{{"hash":"{A}", "prev_block":"{B}","tx": [ {{"out":[1,2]}}],"height":872365, "z":1}}"#
        );
        assert_eq!(block.value, expected);
        assert_eq!((block.hash.as_str(), block.height), (A, 872_365));
        assert_eq!(block.previous.as_deref(), Some(B));
    }

    #[test]
    fn a_block_without_transactions_is_refused() {
        let body = format!(r#"{{"hash":"{A}","height":1,"tx":[]}}"#);
        let error = cut_to_coinbase(&body.into()).unwrap_err();
        assert!(error.to_string().contains("an array with the coinbase transaction"), "{error}");
    }

    #[test]
    fn a_block_that_is_no_text_is_refused_wherever_it_is_none() {
        let body = format!(r#"{{"hash":"{A}","height":1,"tx":[1],"z":"!"}}"#).replace('!', "\u{7f}");
        let body = body.bytes().map(|byte| if byte == 0x7f { 0xff } else { byte }).collect();
        let error = cut_to_coinbase(&body).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }

    #[test]
    fn a_page_becomes_messages_and_must_descend() {
        let page = format!(r#"[{{"id":"{A}","height":9}},{{"id":"{B}","height":8}}]"#);
        let blocks = mempool_page(page.as_bytes()).unwrap();
        assert_eq!(blocks[1].value, format!(r#"{{"block":{{"id":"{B}","height":8}}}}"#));
        let page = format!(r#"[{{"id":"{A}","height":9}},{{"id":"{B}","height":9}}]"#);
        assert!(mempool_page(page.as_bytes()).is_err());
    }
}
