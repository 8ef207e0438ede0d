//! An index that is away or refuses is asked by one request at a time, and everything goes on the moment it is back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::Instant;
use trombe::{AsyncSink, SinkLimits};
use trombe_connectors::{EmbeddedStore, IndexError as Error, Range, StoredDocument};

use super::*;
use crate::health::WriteCounts;
use crate::sinks::{Appender, DeadLetterSink, IndexSink};

/// Answers as the mood of the moment is, after a second.
#[derive(Debug)]
struct Moody {
    mood: std::sync::Mutex<Mood>,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    under_way_max: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    Away,
    Refusing,
    Confused,
    /// Takes one document of each request.
    Overloaded,
    /// Puts off all documents.
    Blocked,
    /// Puts off the document 0.
    Partly,
}

impl Moody {
    fn new(mood: Mood) -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        let mood = std::sync::Mutex::new(mood);
        Arc::new(Self { mood, requests: zero(), under_way: zero(), under_way_max: zero() })
    }

    fn turn(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        self.requests.store(0, Ordering::SeqCst);
        self.under_way_max.store(0, Ordering::SeqCst);
    }

    fn seen(&self) -> (usize, usize) {
        (self.requests.load(Ordering::SeqCst), self.under_way_max.load(Ordering::SeqCst))
    }
}

impl Index for Moody {
    fn bulk(&self, documents: Vec<Document>) -> BoxFuture<'_, Result<Vec<Outcome>, Error>> {
        async move {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.under_way_max.fetch_max(under_way, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            let mood = *self.mood.lock().unwrap();
            match mood {
                Mood::Well => Ok(vec![Outcome::Indexed; documents.len()]),
                Mood::Away => Err(Error::Unavailable("connection refused".to_owned())),
                Mood::Refusing => Err(Error::Refused("401 security_exception".to_owned())),
                Mood::Confused => Ok(Vec::new()),
                Mood::Blocked => {
                    Ok(vec![Outcome::Retry("cluster_block_exception".to_owned()); documents.len()])
                }
                Mood::Partly => {
                    let later = |document: &Document| document.id == "0";
                    let red = || Outcome::Retry("unavailable_shards_exception".to_owned());
                    let outcome = |document| if later(document) { red() } else { Outcome::Indexed };
                    Ok(documents.iter().map(outcome).collect())
                }
                Mood::Overloaded => {
                    let later = vec![Outcome::Retry("429".to_owned()); documents.len() - 1];
                    Ok([vec![Outcome::Stale], later].concat())
                }
            }
        }
        .boxed()
    }

    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, Error>> {
        async { Ok(None) }.boxed()
    }

    fn range<'a>(&'a self, _: &'a Range) -> BoxFuture<'a, Result<Vec<StoredDocument>, Error>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn oldest<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<StoredDocument>, Error>> {
        async { Ok(None) }.boxed()
    }

    fn scan<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredDocument>, Error>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        async { Ok(0) }.boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, Error>> {
        async { Ok(0) }.boxed()
    }
}

/// A sink's clones share the gate, as its tasks do.
fn sink(index: &Arc<Moody>, health: &Health) -> IndexSink {
    let backoff = Backoff { ms_min: 50, ms_max: 5_000, seed: None };
    let log = Arc::new(EmbeddedStore::open_in_memory().unwrap());
    let letters = DeadLetterSink::new(Appender::new(log, crate::DEAD_LETTERS, health.clone(), backoff));
    let index: Arc<dyn Index> = Arc::clone(index) as _;
    let gate = Gate::new(index, Part::Index, health.clone(), backoff, Duration::from_secs(30));
    IndexSink::new(gate, letters, SinkLimits::default())
}

fn documents(count: usize) -> Vec<Document> {
    let document = |number| Document {
        index: "i".to_owned(),
        id: format!("{number}"),
        version: 1,
        timestamp: chrono::DateTime::UNIX_EPOCH,
        source: "{}".to_owned(),
    };
    (0..count).map(document).collect()
}

/// Ten writes at once, as of five tasks with two requests each. Gives how long all of them took after `back_at`.
async fn ten_writes(index: &Arc<Moody>, health: &Health, back_at: Duration) -> Duration {
    let sink = sink(index, health);
    let writes = join_all((0..10).map(|_| sink.write(documents(3))));
    let mend = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        index.requests.store(0, Ordering::SeqCst);
        index.under_way_max.store(0, Ordering::SeqCst);
        tokio::time::sleep(back_at).await;
        let seen = index.seen();
        let why = health.away();
        index.turn(Mood::Well);
        (Instant::now(), seen, why)
    };
    let (results, (back, seen, why)) = tokio::join!(writes, mend);
    assert!(results.iter().flatten().all(Result::is_ok) && results.len() == 10);
    assert_eq!(health.away(), None);
    let (requests, at_once) = seen;
    assert_eq!(at_once, 1, "one probe at a time");
    let why = why.expect("the health says why");
    match requests {
        0..=4 => assert!(why.contains("401") && why.contains("mend"), "{why}"),
        15..=40 => {
            let whys = ["connection refused", "match", "cluster_block_exception"];
            assert!(whys.iter().any(|known| why.contains(known)), "{why}");
        }
        other => panic!("{other} requests in two minutes"),
    }
    back.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_away_is_probed_by_one() {
    let took = ten_writes(&Moody::new(Mood::Away), &Health::new(), Duration::from_mins(2)).await;
    // The probe under way or the next one, and then all the others together.
    assert!(took <= Duration::from_secs(7), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_do_not_match_are_no_answers() {
    let took = ten_writes(&Moody::new(Mood::Confused), &Health::new(), Duration::from_mins(2)).await;
    assert!(took <= Duration::from_secs(7), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_index_that_puts_off_every_document_is_away() {
    let took = ten_writes(&Moody::new(Mood::Blocked), &Health::new(), Duration::from_mins(2)).await;
    assert!(took <= Duration::from_secs(7), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_batch_waits_without_shutting_the_way_for_others() {
    let (index, health) = (Moody::new(Mood::Partly), Health::new());
    let sink = sink(&index, &health);
    let mut write = sink.write(documents(3)).boxed();
    tokio::select! {
        _ = &mut write => panic!("one of its documents is not stored"),
        () = tokio::time::sleep(Duration::from_mins(1)) => {}
    }
    assert_eq!(health.away(), None);
    assert_eq!(sink.write(documents(3).split_off(1)).await, vec![Ok(()); 2]);
    index.turn(Mood::Well);
    assert_eq!(write.await, vec![Ok(()); 3]);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_refuses_is_asked_rarely() {
    let took = ten_writes(&Moody::new(Mood::Refusing), &Health::new(), Duration::from_mins(2)).await;
    assert!(took <= Duration::from_secs(32), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_not_stored_is_sent_again_and_all_is_counted() {
    let (index, health) = (Moody::new(Mood::Overloaded), Health::new());
    let results = sink(&index, &health).write(documents(4)).await;
    assert_eq!((results, index.seen()), (vec![Ok(()); 4], (4, 1)));
    let counts = WriteCounts { target: "index", stale: 4, retried: 3 + 2 + 1, ..WriteCounts::default() };
    assert_eq!(health.writes(), [counts]);
}
