//! What a spout promises, on a log that a test disturbs and with bolts that do as a test says.
//!
//! The seeded driver steps the topology and holds its clock, so nothing here sleeps or races.

mod broker;
mod guarantees;
mod rebalances;
mod troubles;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use trombe::testing::Driver;
use trombe::{AsyncSink, Config, DeferredBolt, Emitter, Failure, Topology, Tuple};
use trombe_connectors::{Log, Record};

use self::broker::{Broker, TOPIC};
use super::{LogSpout, LogSpoutOptions};
use crate::backoff::Backoff;
use crate::health::{Health, Part};
use crate::signals::{Draining, FeedOver};
use crate::sinks::{Appender, DeadLetterSink};
use crate::spout::SpoutSignals;

/// A bolt whose tuples lie on a desk until the test ends them.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Vec<Tuple<Record>>>>);

impl DeferredBolt for Desk {
    type In = Record;
    type Out = ();

    fn execute(&mut self, tuple: Tuple<Record>, _: &mut Emitter<()>) -> Result<(), Failure> {
        self.0.lock().unwrap().push(tuple);
        Ok(())
    }

    fn flush(&mut self, _: &mut Emitter<()>) -> Result<(), Failure> {
        Ok(())
    }
}

/// There for its tokio runtime, which dead letters are written on.
struct Nowhere;

impl AsyncSink for Nowhere {
    type In = ();

    async fn write(&self, batch: Vec<()>) -> Vec<Result<(), Failure>> {
        vec![Ok(()); batch.len()]
    }
}

/// A topology of one spout and one desk.
struct Bench {
    broker: Broker,
    desk: Desk,
    health: Health,
    driver: Driver,
}

fn options() -> LogSpoutOptions {
    LogSpoutOptions::new("g", TOPIC)
}

fn bench(broker: &Broker, options: LogSpoutOptions) -> Bench {
    bench_of(broker, options, &Config::default())
}

fn bench_of(broker: &Broker, options: LogSpoutOptions, limits: &Config) -> Bench {
    let (health, desk) = (Health::new(), Desk::default());
    let log: Arc<dyn Log> = Arc::new(broker.clone());
    let backoff = Backoff { ms_min: 1, ms_max: 1, seed: None };
    let letters =
        DeadLetterSink::new(Appender::new(Arc::clone(&log), crate::DEAD_LETTERS, health.clone(), backoff));
    let topology = Topology::new("t");
    let signals = SpoutSignals {
        feed_over: FeedOver::new(),
        health: health.clone(),
        draining: Draining::of(1),
        pauses_for: Part::Index,
    };
    let spout = move || LogSpout::with(Arc::clone(&log), options.clone(), signals.clone(), letters.clone());
    let on_desk = desk.clone();
    topology
        .spout("read", spout)
        .global()
        .deferred("desk", move || on_desk.clone())
        .global()
        .sink("nowhere", || Nowhere);
    // One record a flight: otherwise an ack is heard of with those of its siblings.
    let limits =
        Config { batch_count_max: 1, inactivity_timeout_ms: None, attempts_max: Some(3), ..limits.clone() };
    let driver = Driver::new(&topology, limits, 7).unwrap();
    let mut bench = Bench { broker: broker.clone(), desk, health, driver };
    bench.settle();
    bench
}

impl Bench {
    /// Long enough for a poll and for a commit.
    fn settle(&mut self) {
        self.pass(2_000);
    }

    fn pass(&mut self, ms: u64) {
        self.driver.advance(Duration::from_millis(ms));
    }

    /// Partition and offset of what lies on the desk, sorted.
    fn on_desk(&self) -> Vec<(u32, u64)> {
        let place = |tuple: &Tuple<Record>| {
            let position = &tuple.value().position;
            (position.partition, position.offset)
        };
        let mut places: Vec<_> = self.desk.0.lock().unwrap().iter().map(place).collect();
        places.sort_unstable();
        places
    }

    fn take(&self, partition: u32, offset: u64) -> Tuple<Record> {
        let mut desk = self.desk.0.lock().unwrap();
        let wanted = |tuple: &Tuple<Record>| {
            let position = &tuple.value().position;
            (position.partition, position.offset) == (partition, offset)
        };
        let at = desk.iter().position(wanted).expect("it is on the desk");
        desk.remove(at)
    }

    fn ack(&mut self, partition: u32, offset: u64) {
        self.take(partition, offset).ack();
        self.settle();
    }

    fn fail(&mut self, partition: u32, offset: u64, failure: Failure) {
        self.take(partition, offset).fail(failure);
        self.settle();
    }
}
