//! The wiring: which component reads which stream, and how its tuples are dealt to tasks.

use std::sync::Arc;
use std::time::Duration;

use trombe::{Input, Stream, Topology};
use trombe_connectors::{Document, Index, Record};

use crate::config::{ConfigError, TopologyConfig};
use crate::connections::Connections;
use crate::dead_letter::DeadLetter;
use crate::envelope;
use crate::health::{Health, Part};
use crate::miners::{BlockObservation, Miners, MinersInput};
use crate::parse::{DEAD, DOCUMENTS, ParseBlocks, ParsePrices, ParseTransactions};
use crate::prices::PriceObservation;
use crate::signals::{Draining, FeedOver};
use crate::sinks::{Appender, DeadLetterSink, DocumentSink, Gate, IndexSink};
use crate::spout::{LogSpout, SpoutSignals};
use crate::state::Retention;
use crate::topics::{self, BLOCKS, BPI, DEAD_LETTERS, TRANSACTIONS};
use crate::transactions::{SightedTransaction, SightingLimits, Transactions};
use crate::volume::{Volume, VolumeInput};

/// Spouts of every topology: three feeds and the dead letters.
const SPOUTS: usize = 4;

/// The spout that feeds the secondary index, where there is one. What it reads is no message, but a document made here.
pub const SECONDARY_SPOUT: &str = "documents";

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
    let spouts = SPOUTS + usize::from(connections.secondary.is_some());
    let draining = Draining::of(spouts * config.tasks_count);
    let signals = SpoutSignals { feed_over, health, draining, pauses_for: Part::Index };
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
            let keeps_raw = self.config.raw_transactions;
            let parse = move || ParseTransactions::new(pools.clone(), keeps_raw);
            records.local_or_shuffle().tasks(tasks).bolt("parse-transactions", parse)
        };
        let understood = [prices.side(&DOCUMENTS), blocks.side(&DOCUMENTS), transactions.side(&DOCUMENTS)];
        let dead = prices
            .side(&DEAD)
            .shuffle()
            .and(blocks.side(&DEAD).shuffle())
            .and(transactions.side(&DEAD).shuffle());

        let volume = self.volume(transactions, prices.clone());
        let miners = self.miners(blocks, prices);
        let letters = self.dead_letters();
        let documents = || {
            let [prices, blocks, transactions] = &understood;
            let raw =
                prices.clone().shuffle().and(blocks.clone().shuffle()).and(transactions.clone().shuffle());
            let computed = volume.clone().shuffle().and(miners.clone().shuffle());
            raw.and(computed).and(letters.clone().shuffle()).tasks(tasks)
        };
        let dead_letter = self.dead_letter_sink();
        dead.sink("dead-letter", move || dead_letter.clone());
        let index = self.index_sink(&self.connections.index, Part::Index);
        documents().sink("index", move || index.clone());
        if let Some(secondary) = &self.connections.secondary {
            self.secondary(documents(), secondary);
        }
    }

    /// A topic as a spout.
    fn spout(&self, name: &str, topic: &'static str) -> Stream<Record> {
        let pauses_for = if topic == topics::DOCUMENTS { Part::Secondary } else { Part::Index };
        let signals = SpoutSignals { pauses_for, ..self.signals.clone() };
        let options = self.config.spout(topic, &self.connections.identity);
        let (log, letters) = (Arc::clone(&self.connections.log), self.dead_letter_sink());
        let spout =
            move || LogSpout::with(Arc::clone(&log), options.clone(), signals.clone(), letters.clone());
        self.topology.tasks(self.config.tasks_count).spout(name, spout)
    }

    /// The second index, fed through the log so that the first one never waits for it.
    fn secondary(&self, documents: Input<Document>, index: &Arc<dyn Index>) {
        let tasks = self.config.tasks_count;
        let copy = DocumentSink::new(
            self.appender(topics::DOCUMENTS),
            self.dead_letter_sink(),
            self.config.index_limits(),
        );
        documents.sink("copy", move || copy.clone());
        let records = self.spout(SECONDARY_SPOUT, topics::DOCUMENTS);
        let documents = records.local_or_shuffle().tasks(tasks).closure("read-documents", |record, out| {
            out.emit(envelope::read(&record)?);
            Ok(())
        });
        let sink = self.index_sink(index, Part::Secondary);
        documents.shuffle().tasks(tasks).sink("secondary", move || sink.clone());
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

    fn appender(&self, topic: &'static str) -> Appender {
        let log = Arc::clone(&self.connections.log);
        Appender::new(log, topic, self.signals.health.clone(), self.config.backoff())
    }

    fn dead_letter_sink(&self) -> DeadLetterSink {
        DeadLetterSink::new(self.appender(DEAD_LETTERS))
    }

    /// The sink of an index. Its clones share one gate.
    fn index_sink(&self, index: &Arc<dyn Index>, part: Part) -> IndexSink {
        let (health, backoff) = (self.signals.health.clone(), self.config.backoff());
        let refused_wait = Duration::from_millis(self.config.index_refused_retry_ms);
        let gate = Gate::new(Arc::clone(index), part, health, backoff, refused_wait);
        IndexSink::new(gate, self.dead_letter_sink(), self.config.index_limits())
    }
}
