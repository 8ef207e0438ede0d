//! The bolt `miners`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use btc_records::BlockHash;
use sha2::{Digest, Sha256};
use trombe::{
    Anchors, DeferredBolt, Emitter, Failure, StateChange, StateError, StateStore, TaskContext, Tuple,
};
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

/// How often what has expired in the store is let go of in memory, too.
const RELOAD_PERIOD: Duration = Duration::from_hours(24);

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
    reorg_depth_max: u32,
    context: Option<TaskContext>,
    reload_at: Duration,
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
            reorg_depth_max,
            context: None,
            reload_at: Duration::ZERO,
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

    /// Reads the books anew from the store, in which nothing may be unwritten.
    fn reload_when_due(&mut self) -> Result<(), StateError> {
        let uptime = self.context.as_ref().map(TaskContext::uptime).unwrap_or_default();
        if uptime < self.reload_at {
            return Ok(());
        }
        let (mut ledger, mut damage) = (Ledger::new(self.reorg_depth_max), None);
        self.store.scan(NAMESPACE, &[], &mut |key, row| {
            let taken = match key.first() {
                Some(&BLOCK) => decode(NAMESPACE, row).map(|block| ledger.put_block(&block)),
                _ => decode(NAMESPACE, row).map(|price| ledger.put_price(&price)),
            };
            damage = damage.take().or(taken.err());
        })?;
        damage.map_or(Ok(()), Err)?;
        self.ledger = ledger;
        self.reload_at = uptime + RELOAD_PERIOD;
        Ok(())
    }

    fn write(&mut self, key: Vec<u8>, row: Vec<u8>) {
        let expires_ms = self.retention.expires_ms();
        self.unwritten.push(StateChange { namespace: NAMESPACE.into(), key, value: Some(row), expires_ms });
    }
}

impl DeferredBolt for Miners {
    type In = MinersInput;
    type Out = Document;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.context = Some(context.clone());
        self.reload_when_due()?;
        Ok(())
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
        self.reload_when_due()?;
        for hash in std::mem::take(&mut self.blocks) {
            self.touched.extend(self.ledger.touched_by_block(hash));
        }
        let mut out = out.anchored(self.anchors.take());
        for account in std::mem::take(&mut self.touched) {
            if let Some((version, source)) = self.ledger.document(&account) {
                out.emit(document(MINER, account.id(), version, account.start_s(), &source)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use trombe::testing::Driver;
    use trombe::{Config, MemoryStore, Next, Spout, SpoutEmitter, Topology};

    use super::*;
    use crate::documents::MinerDocument;

    /// One block of one miner every day.
    struct Daily(Arc<Mutex<u8>>);

    impl Spout for Daily {
        type Item = MinersInput;

        fn next(&mut self, out: &mut SpoutEmitter<MinersInput>) -> Result<Next, Failure> {
            let mut day = self.0.lock().unwrap();
            *day += 1;
            let block = BlockObservation {
                hash: BlockHash::from_bytes([*day; 32]),
                prev_hash: None,
                height: None,
                time_s: 1_729_296_000,
                reward_sat: Some(1),
                slug: "antpool".into(),
                miner: "AntPool".into(),
            };
            out.emit(u64::from(*day), MinersInput::Block(block));
            Ok(Next::Idle(RELOAD_PERIOD))
        }

        fn ack(&mut self, _: u64) {}

        fn replay(&mut self, _: u64) -> Result<Option<MinersInput>, Failure> {
            Ok(None)
        }
    }

    #[test]
    fn what_expired_in_the_store_is_let_go_of_in_memory() {
        let (store, days, blocks) = (MemoryStore::new(), Arc::default(), Arc::new(Mutex::new(Vec::new())));
        let store: Arc<dyn StateStore> = Arc::new(store);
        let topology = Topology::new("t");
        let (state, seen) = (Arc::clone(&store), Arc::clone(&blocks));
        topology
            .spout("daily", move || Daily(Arc::clone(&days)))
            .global()
            .deferred("miners", move || Miners::new(Arc::clone(&state), Retention::new(Some(1)), 100))
            .shuffle()
            .for_each("see", move |document| {
                let document: MinerDocument = serde_json::from_str(&document.source).unwrap();
                if document.period.len() == "2024-10".len() {
                    seen.lock().unwrap().push(document.blocks);
                }
            });
        let mut driver = Driver::new(&topology, Config::default(), 0).unwrap();
        driver.run_until_idle();
        driver.advance(RELOAD_PERIOD);
        assert_eq!(*blocks.lock().unwrap(), [1, 2]);

        let mut rows = Vec::new();
        store.scan(NAMESPACE, &[], &mut |key, _| rows.push(key.to_vec())).unwrap();
        let expire = |key| StateChange { namespace: NAMESPACE.into(), key, value: None, expires_ms: None };
        store.apply(&rows.into_iter().map(expire).collect::<Vec<_>>()).unwrap();
        driver.advance(RELOAD_PERIOD);
        assert_eq!(*blocks.lock().unwrap(), [1, 2, 1]);
    }
}
