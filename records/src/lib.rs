//! Bitcoin prices, transactions, blocks and money, and the parsers of every provider's messages.
//!
//! Every feed says the same three things in its own way. This crate turns what they say into [`PriceRecord`],
//! [`TransactionRecord`] and [`BlockRecord`], and knows nothing else: it opens no file, no socket and no
//! clock.
//!
//! # Decisions
//!
//! - **Money is exact.** [`Satoshi`] is an integer, [`Eur`] a decimal, their product an integer at scale 16
//!   ([`EurAmount`]). A price is read from the JSON number's text; no float lies in between.
//! - **Missing is not wrong.** A field that providers leave out, empty or fill with nonsense in the field is
//!   an `Option`; only what a record cannot do without is an error, and that error names the place and the
//!   reason.
//! - **Input is hostile.** Every length, depth and count has a [limit](Limits); no input makes a parser
//!   panic.
//! - **The usual layout is read as such.** A transaction of blockchain.info comes in one layout, which is compared byte by byte; a
//!   message in any other goes to a JSON parser, which accepts whatever the layout does, with the same values.
//! - **One pass.** Parsers borrow from the message and skip what they do not need. A message that fails is
//!   read a second time to find the path for its [`ParseError`]: the cost is with the bad one.
//!
//! ```
//! let answer = br#"{"data":{"amount":"97000.10","base":"BTC","currency":"EUR"}}"#;
//! let price = btc_records::parse_price("coinbase", answer, 1_732_816_289_000)?;
//! assert_eq!(price.eur.to_string(), "97000.1");
//! # Ok::<(), btc_records::ParseError>(())
//! ```

mod adjusted;
pub mod blk;
mod chain;
mod error;
pub mod fuzzing;
mod hash;
pub mod hex;
mod json;
mod limits;
pub mod money;
pub mod pools;
mod price;
pub mod raw;
mod record;

pub use chain::{BlockReference, parse_block_references, parse_chain, parse_chain_with};
pub use error::{ParseError, Place, Why};
pub use hash::{BlockHash, HashError, Txid};
pub use limits::Limits;
pub use money::{Eur, EurAmount, MoneyError, Satoshi};
pub use pools::{MatchedBy, Miner, PoolList};
pub use price::{parse_price, parse_price_with};
pub use raw::{RawBlock, RawTransaction, decode_block, encode_raw_block, encode_raw_transaction};
pub use record::{BlockRecord, ChainMessage, LargestTransaction, PriceRecord, TransactionRecord};
