//! The bounded buffer between the feeds and the log.
//!
//! Whoever reads a feed sends into the outbox and waits while it is full, so that a log that is away for a
//! while stops the reading and not the program. One writer empties it: it gathers a batch, appends it topic by
//! topic, and tries the same batch again until the log has it. So nothing is lost, and nothing within a topic
//! overtakes. An append whose answer was lost is repeated: a message may be stored twice, never not at all.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, try_join_all};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use trombe_connectors::{Log, LogError, Message};

use crate::backoff::Backoff;
use crate::config::{OutboxConfig, ProducersConfig};
use crate::error::ProduceError;
use crate::message::{Event, FeedKind, Topic};
use crate::progress::Progress;
use crate::shutdown::Shutdown;

/// The wait before the second attempt to append.
const FIRST_RETRY_MS: u64 = 50;

/// The writer stopped, so that nothing can be sent any more; [`Writer::finish`] knows why.
#[derive(Debug)]
pub(crate) struct Closed;

/// The sending end. Cheap to clone; the writer ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    parcels: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
    bytes_max: usize,
    progress: Arc<Progress>,
}

#[derive(Debug)]
enum Parcel {
    /// An event and the room it takes until it is stored.
    Event(Event, OwnedSemaphorePermit),
    /// Answered when everything sent before it is stored.
    Barrier(oneshot::Sender<()>),
}

impl Outbox {
    /// Starts the writer.
    pub(crate) fn open(
        log: Arc<dyn Log>,
        config: &ProducersConfig,
        feed: FeedKind,
        progress: Arc<Progress>,
    ) -> (Self, Writer) {
        let outbox = config.outbox.clone();
        let (sender, receiver) = mpsc::channel(outbox.messages_max);
        let room = Arc::new(Semaphore::new(outbox.bytes_max));
        let bytes_max = outbox.bytes_max;
        let drain_ms_max = outbox.drain_ms_max;
        let writing =
            Writing { log, parcels: receiver, config: outbox, feed, progress: Arc::clone(&progress) };
        let task = tokio::spawn(writing.run());
        let writer = Writer { task, drain_ms_max, progress: Arc::clone(&progress) };
        (Self { parcels: sender, room, bytes_max, progress }, writer)
    }

    /// Hands over one event; waits while the buffer is full.
    pub(crate) async fn send(&self, event: Event) -> Result<(), Closed> {
        let bytes = u32::try_from(event.payload_bytes().clamp(1, self.bytes_max)).unwrap_or(u32::MAX);
        let permit = if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            permit
        } else {
            self.progress.held_back();
            Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_| Closed)?
        };
        match self.parcels.try_send(Parcel::Event(event, permit)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(parcel)) => {
                self.progress.held_back();
                self.parcels.send(parcel).await.map_err(|_| Closed)?;
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Closed),
        }
        self.progress.took();
        Ok(())
    }

    /// Waits until the writer is gone.
    pub(crate) async fn closed(&self) {
        self.parcels.closed().await;
    }

    /// Waits until everything sent so far is stored.
    pub(crate) async fn flush(&self) -> Result<(), Closed> {
        let (done, stored) = oneshot::channel();
        self.parcels.send(Parcel::Barrier(done)).await.map_err(|_| Closed)?;
        stored.await.map_err(|_| Closed)
    }
}

/// The handle of the writing task.
#[derive(Debug)]
pub(crate) struct Writer {
    task: JoinHandle<Result<(), LogError>>,
    drain_ms_max: u64,
    progress: Arc<Progress>,
}

impl Writer {
    /// Waits until the buffer is stored: for ever before the shutdown, and for the drain time after it.
    ///
    /// Every [`Outbox`] must be dropped before, or the writer would wait for more.
    pub(crate) async fn finish(mut self, shutdown: &Shutdown) -> Result<(), ProduceError> {
        let drain_ms_max = self.drain_ms_max;
        let late = async {
            shutdown.clone().await;
            sleep(Duration::from_millis(drain_ms_max)).await;
        };
        tokio::select! {
            biased;
            joined = &mut self.task => {
                Ok(joined.map_err(|error| ProduceError::Panicked(error.to_string()))??)
            }
            () = late => {
                self.task.abort();
                let undelivered = self.progress.undelivered();
                Err(ProduceError::Undelivered { undelivered, drain_ms_max })
            }
        }
    }
}

/// The writing task.
struct Writing {
    log: Arc<dyn Log>,
    parcels: mpsc::Receiver<Parcel>,
    config: OutboxConfig,
    feed: FeedKind,
    progress: Arc<Progress>,
}

/// What is appended in one go.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    bytes: usize,
    /// Given back, all at once, when the batch is stored.
    room: Option<OwnedSemaphorePermit>,
    barrier: Option<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Event(event, permit) => {
                self.bytes += event.payload_bytes();
                self.events.push(event);
                match &mut self.room {
                    Some(room) => room.merge(permit),
                    None => self.room = Some(permit),
                }
            }
            Parcel::Barrier(done) => self.barrier = Some(done),
        }
    }

    fn is_full(&self, config: &OutboxConfig) -> bool {
        self.barrier.is_some()
            || self.events.len() >= config.batch_messages_max
            || self.bytes >= config.batch_bytes_max
    }
}

impl Writing {
    async fn run(mut self) -> Result<(), LogError> {
        while let Some(first) = self.parcels.recv().await {
            let batch = self.gather(first).await;
            self.store(batch.events).await?;
            drop(batch.room);
            if let Some(barrier) = batch.barrier {
                // Whoever asked may have gone away since.
                barrier.send(()).ok();
            }
        }
        Ok(())
    }

    /// Takes what is there, and what comes within the linger time, up to a full batch.
    async fn gather(&mut self, first: Parcel) -> Batch {
        let mut batch = Batch::default();
        batch.add(first);
        let linger_until = Instant::now() + Duration::from_millis(self.config.linger_ms);
        while !batch.is_full(&self.config) {
            if let Ok(parcel) = self.parcels.try_recv() {
                batch.add(parcel);
                continue;
            }
            match timeout_at(linger_until, self.parcels.recv()).await {
                Ok(Some(parcel)) => batch.add(parcel),
                Ok(None) | Err(_) => break,
            }
        }
        batch
    }

    /// Appends the batch: the topics side by side, each in order.
    async fn store(&self, events: Vec<Event>) -> Result<(), LogError> {
        let mut by_topic: [Vec<Event>; Topic::ALL.len()] = Default::default();
        for event in events {
            by_topic[event.topic as usize].push(event);
        }
        let appends = by_topic.into_iter().filter(|events| !events.is_empty());
        try_join_all(appends.map(|events| self.append(events))).await?;
        Ok(())
    }

    /// Appends events of one topic, in order, as often as it takes.
    ///
    /// A message that the log finds too large is found by halving, and replaced by a dead letter.
    fn append(&self, events: Vec<Event>) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async move {
            let Some(topic) = events.first().map(|event| event.topic) else {
                return Ok(());
            };
            let mut backoff = Backoff::between(FIRST_RETRY_MS, self.config.retry_ms_max);
            loop {
                let messages: Vec<Message> = events.iter().map(|event| event.message.clone()).collect();
                match self.log.append(topic.name(), messages).await {
                    Ok(_) => break,
                    Err(error) if error.is_transient() => {
                        let wait = backoff.next();
                        tracing::warn!(topic = topic.name(), %error, ?wait, "the log is away");
                        self.progress.log_retried();
                        tokio::time::sleep(wait).await;
                    }
                    Err(error @ LogError::MessageTooLarge { .. }) => {
                        return self.append_without_giants(events, error).await;
                    }
                    Err(error) => return Err(error),
                }
            }
            for event in &events {
                self.progress.stored(event);
            }
            Ok(())
        })
    }

    async fn append_without_giants(&self, mut events: Vec<Event>, error: LogError) -> Result<(), LogError> {
        if events.len() > 1 {
            let rest = events.split_off(events.len() / 2);
            self.append(events).await?;
            return self.append(rest).await;
        }
        match events.pop() {
            Some(giant) if giant.topic != Topic::DeadLetters => {
                let source = giant.message.header("source").cloned().unwrap_or_default();
                let letter = Event::dead_letter(
                    &error.to_string(),
                    &String::from_utf8_lossy(&source),
                    self.feed,
                    giant.message.timestamp_ms,
                    &giant.message.value,
                );
                self.append(vec![letter]).await
            }
            _ => Err(error),
        }
    }
}
