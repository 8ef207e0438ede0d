//! The wiring: which component reads which stream, and how its tuples are dealt to tasks.

use std::sync::Arc;

use trombe::{SinkLimits, Stream, Topology};
use trombe_connectors::{Document, Record};

use crate::config::{ConfigError, TopologyConfig};
use crate::connections::Connections;
use crate::dead_letter::DeadLetter;
use crate::miners::{BlockObservation, Miners, MinersInput};
use crate::parse::{DEAD, DOCUMENTS, ParseBlocks, ParsePrices, ParseTransactions};
use crate::prices::PriceObservation;
use crate::signals::{Draining, FeedOver, Health};
use crate::sinks::{Backoff, DeadLetterSink, IndexSink};
use crate::spout::{LogSpout, LogSpoutOptions, SpoutSignals};
use crate::state::Retention;
use crate::topics::{BLOCKS, BPI, DEAD_LETTERS, TRANSACTIONS};
use crate::transactions::{SightedTransaction, SightingLimits, Transactions};
use crate::volume::{Volume, VolumeInput};

/// Spouts whose records may become dead letters.
const PRIMARY_SPOUTS: usize = 3;

/// The Bitcoin topology, ready to start with [`TopologyConfig::engine`]'s limits.
///
/// It runs until it is shut down or, once `feed_over` is set, until the log is drained. `health` says whether it can read and
/// write.
pub fn bitcoin(
    connections: Connections,
    config: TopologyConfig,
    feed_over: FeedOver,
    health: Health,
) -> Result<Topology, ConfigError> {
    config.validate()?;
    let draining = Draining::of(PRIMARY_SPOUTS * config.tasks_count);
    let signals = SpoutSignals { feed_over, health, draining, is_primary: true };
    let wiring = Wiring { topology: Topology::new("bitcoin"), connections, config, signals };
    wiring.wire();
    Ok(wiring.topology)
}

/// What the components are made of.
struct Wiring {
    topology: Topology,
    connections: Connections,
    config: TopologyConfig,
    signals: SpoutSignals,
}

impl Wiring {
    fn wire(&self) {
        let tasks = self.config.tasks_count;
        let pools = &self.config.pools;

        let prices =
            self.spout("bpi", BPI).local_or_shuffle().tasks(tasks).bolt("parse-prices", ParsePrices::default);
        let blocks = {
            let pools = pools.clone();
            let records = self.spout("blocks", BLOCKS);
            records
                .local_or_shuffle()
                .tasks(tasks)
                .bolt("parse-blocks", move || ParseBlocks::new(pools.clone()))
        };
        let transactions = {
            let pools = pools.clone();
            let records = self.spout("transactions", TRANSACTIONS);
            let parse = move || ParseTransactions::new(pools.clone());
            records.local_or_shuffle().tasks(tasks).bolt("parse-transactions", parse)
        };
        let understood = prices
            .side(&DOCUMENTS)
            .shuffle()
            .and(blocks.side(&DOCUMENTS).shuffle())
            .and(transactions.side(&DOCUMENTS).shuffle());
        let dead = prices
            .side(&DEAD)
            .shuffle()
            .and(blocks.side(&DEAD).shuffle())
            .and(transactions.side(&DEAD).shuffle());

        let volume = self.volume(transactions, prices.clone());
        let miners = self.miners(blocks, prices);
        let letters = self.dead_letters();
        let documents = understood.and(volume.shuffle()).and(miners.shuffle()).and(letters.shuffle());

        let dead_letter = self.dead_letter_sink();
        let index = self.index_sink();
        dead.sink("dead-letter", move || dead_letter.clone());
        documents.tasks(tasks).sink("index", index);
    }

    /// A topic as a spout.
    fn spout(&self, name: &str, topic: &'static str) -> Stream<Record> {
        let is_primary = topic != DEAD_LETTERS;
        let signals = SpoutSignals { is_primary, ..self.signals.clone() };
        let options = LogSpoutOptions {
            group: self.config.consumer_group.clone(),
            topic,
            poll_bytes_max: self.config.poll_bytes_max,
            poll_interval: self.config.poll_interval(),
            commit_period: self.config.commit_period(),
        };
        let log = Arc::clone(&self.connections.log);
        let spout = move || LogSpout::new(Arc::clone(&log), options.clone(), signals.clone());
        self.topology.tasks(self.config.tasks_count).spout(name, spout)
    }

    fn volume(
        &self,
        transactions: Stream<SightedTransaction>,
        prices: Stream<PriceObservation>,
    ) -> Stream<Document> {
        let tasks = self.config.tasks_count;
        let retention = Retention::new(self.config.hours_retention_hours);
        let limits = SightingLimits {
            loaded_count_max: self.config.sightings_loaded_count_max,
            known_count_max: self.config.transactions_known_count_max,
        };
        let state = Arc::clone(&self.connections.state);
        let count = move || Transactions::new(Arc::clone(&state), retention, limits);
        let partials = transactions.by(|seen| &seen.txid).tasks(tasks).deferred("count-transactions", count);

        let hours = |price: PriceObservation| price.hours().map(move |hour| (hour, price.clone()));
        let prices = prices.local_or_shuffle().tasks(tasks).flat_map("price-hours", hours);

        let (state, rows_count_max) =
            (Arc::clone(&self.connections.state), self.config.hour_rows_loaded_count_max);
        let volume = move || Volume::new(Arc::clone(&state), retention, rows_count_max);
        partials
            .by(|partial| &partial.hour)
            .into_input(VolumeInput::Partial)
            .and(prices.by(|(hour, _)| hour).into_input(|(hour, price)| VolumeInput::Price(hour, price)))
            .tasks(tasks)
            .deferred("volume", volume)
    }

    fn miners(&self, blocks: Stream<BlockObservation>, prices: Stream<PriceObservation>) -> Stream<Document> {
        let retention = Retention::new(self.config.miners_retention_hours);
        let (state, reorg_depth_max) = (Arc::clone(&self.connections.state), self.config.reorg_depth_max);
        blocks
            .global()
            .into_input(MinersInput::Block)
            .and(prices.global().into_input(MinersInput::Price))
            .deferred("miners", move || Miners::new(Arc::clone(&state), retention, reorg_depth_max))
    }

    /// The dead letters' own topic, which the producers write to as well.
    fn dead_letters(&self) -> Stream<Document> {
        let records = self.spout("dead-letters", DEAD_LETTERS);
        records.local_or_shuffle().tasks(self.config.tasks_count).closure(
            "read-dead-letters",
            |record, out| {
                out.emit(DeadLetter::read(&record).document()?);
                Ok(())
            },
        )
    }

    fn dead_letter_sink(&self) -> DeadLetterSink {
        let backoff =
            Backoff { ms_min: self.config.retry_backoff_ms_min, ms_max: self.config.retry_backoff_ms_max };
        DeadLetterSink::new(Arc::clone(&self.connections.log), self.signals.health.clone(), backoff)
    }

    fn index_sink(&self) -> impl Fn() -> IndexSink + Send + Sync + 'static {
        let limits = SinkLimits {
            batch_count_max: self.config.index_batch_count_max,
            linger_ms: self.config.index_linger_ms,
            in_flight_max: self.config.index_in_flight_max,
        };
        let (index, dead_letters) = (Arc::clone(&self.connections.index), self.dead_letter_sink());
        move || IndexSink::new(Arc::clone(&index), dead_letters.clone(), limits)
    }
}
