//! Appending: one idempotent producer, and a receipt for every message.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::{Semaphore, oneshot};

use super::context::{log_client_error, log_line};
use super::error::{is_missing_topic, log_error, of_code};
use crate::{LogError, Message};

/// Where a message was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// The producer that is in use. One that has failed for good is replaced.
pub(super) struct Producer {
    settings: ClientConfig,
    current: Mutex<Arc<ThreadedProducer<Context>>>,
    rooms: Arc<Rooms>,
}

/// How many more messages, and bytes of them, may be under way.
struct Rooms {
    count: Semaphore,
    bytes: Semaphore,
    bytes_max: usize,
}

impl Producer {
    pub(super) fn new(settings: ClientConfig, count_max: u32, bytes_max: usize) -> Result<Self, KafkaError> {
        let rooms = Arc::new(Rooms {
            count: Semaphore::new(count_max as usize),
            bytes: Semaphore::new(bytes_max),
            bytes_max,
        });
        let current = Mutex::new(Arc::new(create(&settings, &rooms)?));
        Ok(Self { settings, current, rooms })
    }

    /// The producer's client, for questions about topics.
    pub(super) fn current(&self) -> Arc<ThreadedProducer<Context>> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends the messages, each to its partition, and waits until the fate of every one is known. All were written if
    /// all receipts are there; otherwise some may have been.
    pub(super) async fn send(
        &self,
        topic: &str,
        messages: &[(i32, Message)],
    ) -> Result<Vec<Receipt>, (LogError, bool)> {
        let producer = self.current();
        let (done, all_done) = oneshot::channel();
        let batch = Arc::new(Batch::new(messages.len(), done));
        let mut refused = None;
        for (index, (partition, message)) in messages.iter().enumerate() {
            let bytes = self.rooms.take(size(message)).await;
            let ticket = Box::new(Ticket { batch: Arc::clone(&batch), index, bytes });
            if let Err((error, record)) = producer.send(record(topic, *partition, message, ticket)) {
                self.rooms.give_back(record.delivery_opaque.bytes);
                batch.give_up(messages.len() - index);
                refused = Some((index, error));
                break;
            }
        }
        // The sender cannot go before it has sent: every message that was taken is reported, in time.
        let receipts = all_done.await.map_err(|_| (of_code("append", Code::DestroyBroker), false))?;
        let failures = || {
            let failed =
                |(index, receipt): (usize, &Result<_, KafkaError>)| Some((index, receipt.clone().err()?));
            refused.clone().into_iter().chain(receipts.iter().enumerate().filter_map(failed))
        };
        let Some((_, error)) = failures().next() else {
            return Ok(receipts.into_iter().flatten().collect());
        };
        let error = match too_large(failures(), messages) {
            Some(too_large) => (too_large, false),
            None => (self.explain(&producer, &error), is_missing(&error)),
        };
        Err(error)
    }

    /// Tells of a failed delivery; a producer that has failed for good makes way for a new one.
    fn explain(&self, failed: &Arc<ThreadedProducer<Context>>, error: &KafkaError) -> LogError {
        let Some((code, reason)) = failed.client().fatal_error() else {
            return log_error("append", error);
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, failed) {
            match create(&self.settings, &self.rooms) {
                Ok(producer) => *current = Arc::new(producer),
                Err(error) => return log_error("append", &error),
            }
            tracing::warn!(%code, reason, "the producer failed for good and was replaced");
        }
        LogError::Unavailable(format!(
            "append: the producer failed for good ({code}: {reason}) and was replaced"
        ))
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

impl Rooms {
    /// Waits for room. Every message under way is reported within its delivery timeout and then gives its room back.
    async fn take(&self, bytes: usize) -> u32 {
        let bytes = u32::try_from(bytes.clamp(1, self.bytes_max)).unwrap_or(u32::MAX);
        // Neither is ever closed. A caller that stops waiting in between gives back what it has.
        let count = self.count.acquire().await;
        if let (Ok(count), Ok(room)) = (count, self.bytes.acquire_many(bytes).await) {
            count.forget();
            room.forget();
        }
        bytes
    }

    fn give_back(&self, bytes: u32) {
        self.count.add_permits(1);
        self.bytes.add_permits(bytes as usize);
    }
}

fn create(settings: &ClientConfig, rooms: &Arc<Rooms>) -> Result<ThreadedProducer<Context>, KafkaError> {
    settings.create_with_context(Context { rooms: Arc::clone(rooms) })
}

fn is_missing(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(is_missing_topic)
}

/// The message that a broker, or the library for it, calls too large. Brokers judge batches, so that the messages beside it fail
/// with it: it is the largest of them.
fn too_large(
    failures: impl Iterator<Item = (usize, KafkaError)>,
    messages: &[(i32, Message)],
) -> Option<LogError> {
    let is_size = |error: &KafkaError| error.rdkafka_error_code() == Some(Code::MessageSizeTooLarge);
    let failed = failures.filter(|(_, error)| is_size(error)).map(|(index, _)| &messages[index].1);
    let message = failed.max_by_key(|message| size(message))?;
    // The broker keeps its limit to itself.
    let (bytes, bytes_max) = (size(message), size(message).saturating_sub(1));
    let key = String::from_utf8_lossy(&message.key).into_owned();
    Some(LogError::MessageTooLarge { bytes, bytes_max, key })
}

/// The bytes of a message that its limit counts.
pub(super) fn size(message: &Message) -> usize {
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len());
    message.key.len() + message.value.len() + headers.sum::<usize>()
}

fn record<'a>(
    topic: &'a str,
    partition: i32,
    message: &'a Message,
    ticket: Box<Ticket>,
) -> BaseRecord<'a, [u8], [u8], Box<Ticket>> {
    let record = BaseRecord::with_opaque_to(topic, ticket)
        .partition(partition)
        .key(&message.key[..])
        .payload(&message.value[..])
        .timestamp(message.timestamp_ms);
    if message.headers.is_empty() {
        return record;
    }
    let empty = OwnedHeaders::new_with_capacity(message.headers.len());
    record.headers(
        message
            .headers
            .iter()
            .fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(&value[..]) })),
    )
}

type Receipts = Vec<Result<Receipt, KafkaError>>;

/// The messages of one append and what became of each.
struct Batch {
    receipts: Mutex<Receipts>,
    /// Messages whose fate is open.
    open: AtomicUsize,
    done: Mutex<Option<oneshot::Sender<Receipts>>>,
}

impl Batch {
    fn new(count: usize, done: oneshot::Sender<Receipts>) -> Self {
        let unsent = Err(KafkaError::Canceled);
        Self {
            receipts: Mutex::new(vec![unsent; count]),
            open: AtomicUsize::new(count),
            done: Mutex::new(Some(done)),
        }
    }

    fn report(&self, index: usize, receipt: Result<Receipt, KafkaError>) {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)[index] = receipt;
        self.close(1);
    }

    /// So many of the messages are not sent.
    fn give_up(&self, count: usize) {
        self.close(count);
    }

    fn close(&self, count: usize) {
        if self.open.fetch_sub(count, Ordering::AcqRel) == count {
            let receipts = std::mem::take(&mut *self.receipts.lock().unwrap_or_else(PoisonError::into_inner));
            let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The caller may have stopped waiting.
            _ = done.map(|done| done.send(receipts));
        }
    }
}

/// What goes with a message through the library.
pub(super) struct Ticket {
    batch: Arc<Batch>,
    index: usize,
    bytes: u32,
}

pub(super) struct Context {
    rooms: Arc<Rooms>,
}

impl rdkafka::ClientContext for Context {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        log_client_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        self.rooms.give_back(ticket.bytes);
        let receipt = match delivered {
            Ok(message) => Ok(Receipt { partition: message.partition(), offset: message.offset() }),
            Err((error, _)) => Err(error.clone()),
        };
        ticket.batch.report(ticket.index, receipt);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_largest_message_of_a_batch_that_is_too_large_is_named() {
        let message = |key: &'static str, bytes| {
            (0, Message { key: key.into(), value: vec![0; bytes].into(), ..Message::default() })
        };
        let messages = [message("a", 10), message("b", 300), message("c", 200), message("d", 900)];
        let failed = |code, indices: &[usize]| {
            let error = KafkaError::MessageProduction(code);
            too_large(indices.iter().map(move |&index| (index, error.clone())), &messages)
        };
        let LogError::MessageTooLarge { bytes, key, .. } =
            failed(Code::MessageSizeTooLarge, &[0, 1, 2]).unwrap()
        else {
            panic!("another error");
        };
        assert_eq!((bytes, &*key), (301, "b"), "the last was taken");
        assert!(failed(Code::MessageTimedOut, &[0, 1]).is_none());
        assert!(failed(Code::MessageSizeTooLarge, &[]).is_none());
    }

    #[test]
    fn a_caller_that_stops_waiting_for_room_takes_none() {
        let rooms = Rooms { count: Semaphore::new(2), bytes: Semaphore::new(10), bytes_max: 10 };
        assert_eq!(rooms.take(10).now_or_never(), Some(10));
        assert_eq!(rooms.take(1).now_or_never(), None);
        rooms.give_back(10);
        assert_eq!((rooms.count.available_permits(), rooms.bytes.available_permits()), (2, 10));
    }
}
