//! The bolts that understand messages. What is understood goes on, with the message as a raw document beside it; what is not
//! is a dead letter. Neither fails a tuple: the same bytes would be read again for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};

use btc_records::{BlockRecord, ChainMessage, ParseError, PoolList, parse_chain, parse_price};
use trombe::{Bolt, Emitter, Failure, StreamId, Streams};
use trombe_connectors::{Document, Record};

use crate::dead_letter::DeadLetter;
use crate::documents::{RAW_BLOCKS, RAW_BPI, RAW_TRANSACTIONS, RawBlockFields, VALUE, ValueDocument};
use crate::miners::BlockObservation;
use crate::prices::PriceObservation;
use crate::raw::{block_fields, header, raw_document};
use crate::render::document;
use crate::time::rfc3339;
use crate::transactions::SightedTransaction;

/// Documents that are ready for the index.
pub(crate) const DOCUMENTS: StreamId<Document> = StreamId::new("documents");
/// Records that were not understood.
pub(crate) const DEAD: StreamId<DeadLetter> = StreamId::new("dead");

fn declare_sides(streams: &mut Streams) {
    streams.declare(&DOCUMENTS);
    streams.declare(&DEAD);
}

/// Emits the raw document of a record that was understood.
fn emit_raw<T>(
    index: &str,
    record: &Record,
    block: Option<RawBlockFields>,
    out: &mut Emitter<T>,
) -> Result<(), Failure> {
    out.emit_to(&DOCUMENTS, raw_document(index, record, block)?);
    Ok(())
}

/// What a parser makes of a record; why not, if it makes nothing. A record that makes it panic would do so at every attempt.
fn understand<T>(parse: impl FnOnce() -> Result<T, ParseError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(parse)) {
        Ok(parsed) => parsed.map_err(|error| error.to_string()),
        Err(_) => Err("message: the parser panicked; please report this record".to_owned()),
    }
}

/// Reads the record as the chain message of its source.
fn chain_message(record: &Record, pools: &PoolList) -> Result<ChainMessage, String> {
    let message = &record.message;
    let source = header(message, "source");
    understand(|| parse_chain(&source, &message.value, message.timestamp_ms, pools))
}

/// Understands price messages; every price is also a document.
#[derive(Debug, Default)]
pub(crate) struct ParsePrices;

impl Bolt for ParsePrices {
    type In = Record;
    type Out = PriceObservation;

    fn declare(streams: &mut Streams) {
        declare_sides(streams);
    }

    fn execute(&mut self, record: Record, out: &mut Emitter<PriceObservation>) -> Result<(), Failure> {
        let message = &record.message;
        let source = header(message, "source");
        match understand(|| parse_price(&source, &message.value, message.timestamp_ms)) {
            Ok(price) => {
                emit_raw(RAW_BPI, &record, None, out)?;
                let price = PriceObservation::from(price);
                out.emit_to(&DOCUMENTS, value_document(&price)?);
                out.emit(price);
            }
            Err(error) => out.emit_to(&DEAD, DeadLetter::of_record(&record, &error)),
        }
        Ok(())
    }
}

fn value_document(price: &PriceObservation) -> Result<Document, Failure> {
    let (timestamp, eur_exact) = (rfc3339(price.time_s), price.eur.to_string());
    let id = format!("{timestamp}:{}:{eur_exact}", price.source);
    let eur = price.eur.to_chart_f64();
    let value = ValueDocument { timestamp, eur, eur_exact, source: price.source.clone() };
    document(VALUE, id, 1, price.time_s, &value)
}

/// Understands messages of the transactions' topic.
#[derive(Debug)]
pub(crate) struct ParseTransactions {
    pools: PoolList,
    /// Every message is a document too.
    keeps_raw: bool,
}

impl ParseTransactions {
    pub(crate) fn new(pools: PoolList, keeps_raw: bool) -> Self {
        Self { pools, keeps_raw }
    }

    fn emit_raw(&self, record: &Record, out: &mut Emitter<SightedTransaction>) -> Result<(), Failure> {
        if self.keeps_raw { emit_raw(RAW_TRANSACTIONS, record, None, out) } else { Ok(()) }
    }
}

impl Bolt for ParseTransactions {
    type In = Record;
    type Out = SightedTransaction;

    fn declare(streams: &mut Streams) {
        declare_sides(streams);
    }

    fn execute(&mut self, record: Record, out: &mut Emitter<SightedTransaction>) -> Result<(), Failure> {
        match chain_message(&record, &self.pools) {
            Ok(ChainMessage::Transaction(transaction)) => {
                self.emit_raw(&record, out)?;
                out.emit(transaction.into());
            }
            Ok(ChainMessage::Control) => self.emit_raw(&record, out)?,
            Ok(ChainMessage::Blocks(_)) => {
                let reason = "message: a block among the transactions: send it to the blocks' topic";
                out.emit_to(&DEAD, DeadLetter::of_record(&record, &reason));
            }
            Err(error) => out.emit_to(&DEAD, DeadLetter::of_record(&record, &error)),
        }
        Ok(())
    }
}

/// Understands messages of the blocks' topic.
#[derive(Debug)]
pub(crate) struct ParseBlocks {
    pools: PoolList,
}

impl ParseBlocks {
    pub(crate) fn new(pools: PoolList) -> Self {
        Self { pools }
    }
}

impl Bolt for ParseBlocks {
    type In = Record;
    type Out = BlockObservation;

    fn declare(streams: &mut Streams) {
        declare_sides(streams);
    }

    fn execute(&mut self, record: Record, out: &mut Emitter<BlockObservation>) -> Result<(), Failure> {
        match chain_message(&record, &self.pools) {
            Ok(ChainMessage::Blocks(blocks)) => {
                emit_raw(RAW_BLOCKS, &record, the_block(&blocks), out)?;
                for block in &blocks {
                    out.emit(block.into());
                }
            }
            Ok(ChainMessage::Control) => emit_raw(RAW_BLOCKS, &record, None, out)?,
            Ok(ChainMessage::Transaction(_)) => {
                let reason = "message: a transaction among the blocks: send it to the transactions' topic";
                out.emit_to(&DEAD, DeadLetter::of_record(&record, &reason));
            }
            Err(error) => out.emit_to(&DEAD, DeadLetter::of_record(&record, &error)),
        }
        Ok(())
    }
}

/// What was understood of a message that tells of one block.
fn the_block(blocks: &[BlockRecord]) -> Option<RawBlockFields> {
    match blocks {
        [block] => Some(block_fields(block)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_that_panics_has_not_understood() {
        assert_eq!(understand(|| Ok(1)), Ok(1));
        assert_eq!(
            understand::<()>(|| panic!("deep inside")),
            Err("message: the parser panicked; please report this record".to_owned())
        );
    }
}
