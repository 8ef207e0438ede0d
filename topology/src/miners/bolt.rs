//! The bolt `miners`.

use std::collections::BTreeSet;
use std::sync::Arc;

use btc_records::BlockHash;
use sha2::{Digest, Sha256};
use trombe::{Anchors, DeferredBolt, Emitter, Failure, StateChange, StateStore, TaskContext, Tuple};
use trombe_connectors::Document;

use super::BlockObservation;
use super::ledger::{Account, Ledger};
use crate::documents::MINER;
use crate::prices::PriceObservation;
use crate::render::document;
use crate::state::{Retention, decode, encode};

const NAMESPACE: &str = "miners";
/// What a row is, at the head of its key.
const BLOCK: u8 = b'b';
const PRICE: u8 = b'p';

/// What bears on what miners earn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MinersInput {
    /// What a message says of a block.
    Block(BlockObservation),
    /// A price.
    Price(PriceObservation),
}

/// Keeps the miners' books. One task does it, since a reorganisation may touch any miner.
///
/// A tuple is acked when it is durable and every document it bears on is in the index.
pub(crate) struct Miners {
    store: Arc<dyn StateStore>,
    retention: Retention,
    ledger: Ledger,
    unwritten: Vec<StateChange>,
    touched: BTreeSet<Account>,
    /// Blocks taken in since the last flush; what they touch is looked up once, when all of them are there.
    blocks: BTreeSet<BlockHash>,
    anchors: Anchors,
}

impl Miners {
    pub(crate) fn new(store: Arc<dyn StateStore>, retention: Retention, reorg_depth_max: u32) -> Self {
        Self {
            store,
            retention,
            ledger: Ledger::new(reorg_depth_max),
            unwritten: Vec::new(),
            touched: BTreeSet::new(),
            blocks: BTreeSet::new(),
            anchors: Anchors::new(),
        }
    }

    fn put_block(&mut self, block: &BlockObservation) -> Result<(), Failure> {
        let row = encode(NAMESPACE, block)?;
        if self.ledger.put_block(block) {
            let digest = Sha256::digest(&row);
            self.write([&[BLOCK], &block.hash.as_bytes()[..], &digest[..8]].concat(), row);
        }
        self.blocks.insert(block.hash);
        Ok(())
    }

    fn put_price(&mut self, price: &PriceObservation) -> Result<(), Failure> {
        let row = encode(NAMESPACE, price)?;
        if self.ledger.put_price(price) {
            self.write([&[PRICE], &price.key()[..]].concat(), row);
        }
        self.touched.extend(self.ledger.touched_by_price(price));
        Ok(())
    }

    fn write(&mut self, key: Vec<u8>, row: Vec<u8>) {
        let expires_ms = self.retention.expires_ms();
        self.unwritten.push(StateChange {
            namespace: NAMESPACE.into(),
            key,
            value: Some(row),
            expires_ms,
        });
    }
}

impl DeferredBolt for Miners {
    type In = MinersInput;
    type Out = Document;

    fn prepare(&mut self, _: &TaskContext) -> Result<(), Failure> {
        let mut damage = None;
        let ledger = &mut self.ledger;
        self.store.scan(NAMESPACE, &[], &mut |key, row| {
            let taken = match key.first() {
                Some(&BLOCK) => decode(NAMESPACE, row).map(|block| ledger.put_block(&block)),
                _ => decode(NAMESPACE, row).map(|price| ledger.put_price(&price)),
            };
            damage = damage.take().or(taken.err());
        })?;
        damage.map_or(Ok(()), |error| Err(error.into()))
    }

    fn execute(&mut self, tuple: Tuple<MinersInput>, _: &mut Emitter<Document>) -> Result<(), Failure> {
        match tuple.value() {
            MinersInput::Block(block) => self.put_block(block)?,
            MinersInput::Price(price) => self.put_price(price)?,
        }
        self.anchors.add(tuple.into());
        Ok(())
    }

    fn flush(&mut self, out: &mut Emitter<Document>) -> Result<(), Failure> {
        if !self.unwritten.is_empty() {
            self.store.apply(&self.unwritten)?;
            self.unwritten.clear();
        }
        for hash in std::mem::take(&mut self.blocks) {
            self.touched.extend(self.ledger.touched_by_block(hash));
        }
        let mut out = out.anchored(self.anchors.take());
        for account in std::mem::take(&mut self.touched) {
            if let Some((version, source)) = self.ledger.document(&account) {
                out.emit(document(
                    MINER,
                    account.id(),
                    version,
                    account.start_s(),
                    &source,
                )?);
            }
        }
        Ok(())
    }
}
