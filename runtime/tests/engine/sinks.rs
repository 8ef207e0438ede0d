//! Asynchronous sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trombe::{AsyncSink, Failure, SinkLimits, Topology};

use super::common::{Log, SEEDS, Seen, run, tight};

/// Remembers its batches and treats some items badly, once.
struct Index {
    batches: Seen<Vec<u64>>,
    bad: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
    in_flight_max: Arc<AtomicUsize>,
}

impl AsyncSink for Index {
    type In = u64;

    fn limits(&self) -> SinkLimits {
        SinkLimits { batch_count_max: 10, linger_ms: 50, in_flight_max: 2, ..SinkLimits::default() }
    }

    async fn write(&self, batch: Vec<u64>) -> Vec<Result<(), Failure>> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_max.fetch_max(in_flight, Ordering::Relaxed);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let bad = self.bad.fetch_add(1, Ordering::Relaxed);
        assert!(bad != 1, "the second write panics");
        let answer = |n: &u64| {
            if bad == 0 && n % 2 == 1 { Err(Failure::retry("odd")) } else { Ok(()) }
        };
        let mut answers: Vec<_> = batch.iter().map(answer).collect();
        if bad == 2 {
            answers.pop();
        }
        self.batches.add(batch);
        answers
    }
}

#[test]
fn every_item_has_its_own_outcome() {
    for seed in SEEDS {
        let (log, batches) = (Log::of(100), Seen::new());
        let (bad, in_flight, in_flight_max) = (Arc::default(), Arc::default(), Arc::<AtomicUsize>::default());
        let topology = Topology::new("t");
        let (seen, most) = (batches.clone(), Arc::clone(&in_flight_max));
        topology.spout("numbers", log.spout()).shuffle().sink("index", move || Index {
            batches: seen.clone(),
            bad: Arc::clone(&bad),
            in_flight: Arc::clone(&in_flight),
            in_flight_max: Arc::clone(&most),
        });
        let (summary, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("each by its own answer");
        assert!(summary.failed >= 3, "odd ones, a batch that panicked, an item without an answer");
        assert!(batches.all().iter().all(|batch| batch.len() <= 10));
        assert!(in_flight_max.load(Ordering::Relaxed) <= 2);
        let reasons: Vec<&str> = snapshot.failures.iter().map(|autopsy| autopsy.reason.as_str()).collect();
        for reason in ["odd", "the sink panicked", "the sink gave no answer for this item"] {
            assert!(reasons.contains(&reason), "{reason} is not in {reasons:?}");
        }
    }
}

#[test]
fn a_write_that_never_answers_fails_with_its_batch_and_frees_its_place() {
    /// Loses the answer of its first write.
    struct Lossy(Arc<AtomicUsize>);
    impl AsyncSink for Lossy {
        type In = u64;
        fn limits(&self) -> SinkLimits {
            SinkLimits { in_flight_max: 1, write_timeout_ms: Some(20), ..SinkLimits::default() }
        }
        async fn write(&self, batch: Vec<u64>) -> Vec<Result<(), Failure>> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            vec![Ok(()); batch.len()]
        }
    }
    let (log, writes) = (Log::of(3), Arc::default());
    let topology = Topology::new("t");
    let lossy = move || Lossy(Arc::clone(&writes));
    topology.spout("numbers", log.spout()).shuffle().sink("lossy", lossy);
    let (summary, snapshot) = run(&topology, tight(), 0);
    log.assert_all_acked_once("by the second write");
    assert_eq!(summary.failed, 3);
    for autopsy in &snapshot.failures {
        assert_eq!((autopsy.component.as_str(), autopsy.edge.as_str()), ("lossy", "numbers"));
        assert_eq!(autopsy.reason, "the sink gave no answer within write_timeout_ms = 20");
    }
}
