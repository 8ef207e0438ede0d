//! A log in memory that can be away, forget its answers, and refuse large messages.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::timeout;
use trombe_connectors::{ConsumerOptions, Log, LogConsumer, LogError, Message, Position, TopicOptions};

use crate::support::PATIENCE;

/// What a test sees of a stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) topic: String,
    pub(crate) message: Message,
}

impl Stored {
    pub(crate) fn key(&self) -> &str {
        std::str::from_utf8(&self.message.key).unwrap()
    }

    pub(crate) fn value(&self) -> &str {
        std::str::from_utf8(&self.message.value).unwrap()
    }

    pub(crate) fn source(&self) -> &str {
        std::str::from_utf8(self.message.header("source").unwrap()).unwrap()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.topic == "p3-btc-dead-letter"
    }
}

#[derive(Debug, Default)]
pub(crate) struct MemoryLog {
    stored: Mutex<Vec<Stored>>,
    changed: Notify,
    away: AtomicBool,
    /// Every so many appends succeed and then claim that they did not; 0 is never.
    forgets_every: AtomicU32,
    appends: AtomicU32,
    message_bytes_max: AtomicUsize,
}

impl MemoryLog {
    pub(crate) fn go_away(&self, away: bool) {
        self.away.store(away, SeqCst);
    }

    pub(crate) fn forget_every(&self, appends: u32) {
        self.forgets_every.store(appends, SeqCst);
    }

    pub(crate) fn refuse_above(&self, bytes: usize) {
        self.message_bytes_max.store(bytes, SeqCst);
    }

    pub(crate) fn stored(&self) -> Vec<Stored> {
        self.stored.lock().unwrap().clone()
    }

    /// Everything but the dead letters.
    pub(crate) fn living(&self) -> Vec<Stored> {
        self.stored().into_iter().filter(|stored| !stored.is_dead()).collect()
    }

    /// The dead letters' values.
    pub(crate) fn dead(&self) -> Vec<serde_json::Value> {
        let dead = self.stored().into_iter().filter(Stored::is_dead);
        dead.map(|stored| serde_json::from_slice(&stored.message.value).unwrap()).collect()
    }

    /// Waits until what is stored meets the condition.
    pub(crate) fn until<'a>(
        &'a self,
        what: &'a str,
        condition: impl Fn(&[Stored]) -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        let waiting = async move {
            loop {
                let changed = self.changed.notified();
                if condition(&self.stored.lock().unwrap()) {
                    return;
                }
                changed.await;
            }
        };
        async move {
            let met = timeout(PATIENCE, waiting).await.is_ok();
            assert!(met, "never came true: {what}; stored: {:#?}", self.summary());
        }
    }

    fn summary(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for stored in self.stored() {
            *counts.entry(format!("{} {}", stored.topic, stored.source())).or_default() += 1;
        }
        counts
    }
}

impl Log for MemoryLog {
    fn create_topic<'a>(&'a self, _: &'a str, _: &'a TopicOptions) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        Box::pin(async move {
            if self.away.load(SeqCst) {
                return Err(LogError::Unavailable("a test sent it away".to_owned()));
            }
            let bytes_max = self.message_bytes_max.load(SeqCst);
            if let Some(giant) =
                messages.iter().find(|message| bytes_max > 0 && message.value.len() > bytes_max)
            {
                let key = String::from_utf8_lossy(&giant.key).into_owned();
                return Err(LogError::MessageTooLarge { bytes: giant.value.len(), bytes_max, key });
            }
            let positions = {
                let mut stored = self.stored.lock().unwrap();
                let first = stored.len() as u64;
                stored
                    .extend(messages.into_iter().map(|message| Stored { topic: topic.to_owned(), message }));
                (first..stored.len() as u64)
                    .map(|offset| Position { topic: topic.to_owned(), partition: 0, offset })
                    .collect()
            };
            self.changed.notify_waiters();
            let every = self.forgets_every.load(SeqCst);
            if every > 0 && self.appends.fetch_add(1, SeqCst).is_multiple_of(every) {
                return Err(LogError::Unavailable("the answer was lost".to_owned()));
            }
            Ok(positions)
        })
    }

    fn consumer(&self, _: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        Err(LogError::Refused("tests look into the memory".to_owned()))
    }
}
