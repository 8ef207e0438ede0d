//! The one thread that writes, and the queue before it.
//!
//! Everything that waits is put into one transaction (*group commit*): forcing a transaction to the disk costs the
//! same for one operation as for a thousand. An operation that fails undoes the transaction; those before it are
//! then done again together, it is tried alone, and those after it go on together, so that one caller's failure
//! never reaches another.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::config::EmbeddedConfig;
use super::error::Fault;
use super::retention;
use super::transaction::Transaction;
use crate::wait::wait;

/// Something to be written.
pub(super) trait Operation: Send + 'static {
    /// What the caller gets when it is durable.
    type Answer: Send + 'static;

    /// Roughly the memory it holds.
    fn bytes(&self) -> usize;

    /// Writes it. May be called again, in a new transaction, after the first one was undone.
    fn run(&self, transaction: &mut Transaction<'_>) -> Result<Self::Answer, Fault>;
}

/// The queue's near end. Dropping it waits until everything queued is written.
pub(super) struct Writer {
    queue: Option<mpsc::UnboundedSender<Box<dyn Job>>>,
    slots: Arc<Semaphore>,
    room: Arc<Semaphore>,
    room_kib: u32,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, config: &EmbeddedConfig) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::unbounded_channel();
        let slots = Arc::new(Semaphore::new(config.queue_count_max.max(1)));
        let room_kib = u32::try_from(config.queue_bytes_max / 1024).unwrap_or(u32::MAX).max(1);
        let room = Arc::new(Semaphore::new(room_kib as usize));
        let thread = WriterThread { connection, config: config.clone(), jobs, housekept: Instant::now() };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || thread.run())?;
        Ok(Self { queue: Some(queue), slots, room, room_kib, thread: Some(thread) })
    }

    /// Queues the operation, waiting for room, and then waits until it is durable. An operation once queued is
    /// written even if the caller no longer waits.
    pub(super) async fn submit<O: Operation>(&self, operation: O) -> Result<O::Answer, Fault> {
        let kib = u32::try_from(operation.bytes() / 1024 + 1).unwrap_or(u32::MAX).min(self.room_kib);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await;
        let room = room.map_err(|_| stopped())?;
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| stopped())?;
        let place = Place { slot: Some(slot), _room: room };
        self.queue(operation, Some(place))?.await.map_err(|_| stopped())?
    }

    /// Queues the operation at once and blocks the thread until it is durable. It takes no turn behind those that wait
    /// for room, since this thread may be the one that has to wake them; and a thread holds up one operation at most.
    pub(super) fn submit_blocking<O: Operation>(&self, operation: O) -> Result<O::Answer, Fault> {
        wait(self.queue(operation, None)?).map_err(|_| stopped())?
    }

    fn queue<O: Operation>(&self, operation: O, place: Option<Place>) -> Result<Answered<O>, Fault> {
        let (answer, answered) = oneshot::channel();
        let pending = Pending { bytes: operation.bytes(), operation, outcome: None, answer, place };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Box::new(pending)).map_err(|_| stopped())?;
        Ok(answered)
    }
}

fn stopped() -> Fault {
    Fault::Refused("the store's writer has stopped".into())
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("room_kib", &self.room.available_permits()).finish_non_exhaustive()
    }
}

type Answered<O> = oneshot::Receiver<Result<<O as Operation>::Answer, Fault>>;

/// What an operation takes of the queue's limits.
struct Place {
    /// Until the writer takes it from the queue.
    slot: Option<OwnedSemaphorePermit>,
    /// Until it is answered.
    _room: OwnedSemaphorePermit,
}

/// An operation of any type, as it waits in the queue.
trait Job: Send {
    fn leave_queue(&mut self);
    fn bytes(&self) -> usize;
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), Fault>;
    fn answer(self: Box<Self>, committed: Result<(), Fault>);
}

struct Pending<O: Operation> {
    operation: O,
    bytes: usize,
    outcome: Option<O::Answer>,
    answer: oneshot::Sender<Result<O::Answer, Fault>>,
    place: Option<Place>,
}

impl<O: Operation> Job for Pending<O> {
    fn leave_queue(&mut self) {
        if let Some(place) = &mut self.place {
            place.slot = None;
        }
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), Fault> {
        self.outcome = Some(self.operation.run(transaction)?);
        Ok(())
    }

    fn answer(mut self: Box<Self>, committed: Result<(), Fault>) {
        let missing = || Fault::Refused("the operation was never run".into());
        let answer = committed.and_then(|()| self.outcome.take().ok_or_else(missing));
        // A caller that has gone away needs no answer.
        drop(self.answer.send(answer));
    }
}

/// Where a transaction failed: at one of its jobs, or as a whole.
struct Failure {
    job: Option<usize>,
    fault: Fault,
}

struct WriterThread {
    connection: Connection,
    config: EmbeddedConfig,
    jobs: mpsc::UnboundedReceiver<Box<dyn Job>>,
    housekept: Instant,
}

impl WriterThread {
    fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let jobs = self.gather(first);
            self.write(jobs);
            self.keep_house();
        }
    }

    /// What waits already, up to the limits of one transaction.
    fn gather(&mut self, mut first: Box<dyn Job>) -> Vec<Box<dyn Job>> {
        first.leave_queue();
        let mut bytes = first.bytes();
        let mut jobs = vec![first];
        while jobs.len() < self.config.batch_count_max && bytes < self.config.batch_bytes_max {
            let Ok(mut job) = self.jobs.try_recv() else { break };
            job.leave_queue();
            bytes += job.bytes();
            jobs.push(job);
        }
        jobs
    }

    fn write(&self, jobs: Vec<Box<dyn Job>>) {
        let mut groups = vec![jobs];
        while let Some(mut group) = groups.pop() {
            match self.transact(&mut group) {
                Ok(()) => answer(group, &Ok(())),
                Err(Failure { job: Some(culprit), .. }) if group.len() > 1 => {
                    let after = group.split_off(culprit + 1);
                    let culprit = group.split_off(culprit);
                    // The last one pushed is the first one done, which keeps the order of the queue.
                    groups.extend([after, culprit, group].into_iter().filter(|group| !group.is_empty()));
                }
                Err(Failure { fault, .. }) => answer(group, &Err(fault)),
            }
        }
    }

    fn transact(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let whole = |fault| Failure { job: None, fault };
        let mut transaction = self.begin().map_err(whole)?;
        for (number, job) in jobs.iter_mut().enumerate() {
            job.run(&mut transaction).map_err(|fault| Failure { job: Some(number), fault })?;
        }
        transaction.commit().map_err(whole)
    }

    /// Begins a transaction, waiting for other processes that are writing. `SQLite`'s own wait backs off to 100 ms,
    /// which leaves a process behind that competes with a busy one; a short, constant wait shares fairly.
    fn begin(&self) -> Result<Transaction<'_>, Fault> {
        const WAIT: Duration = Duration::from_micros(500);
        let deadline = Instant::now() + Duration::from_millis(u64::from(self.config.busy_timeout_ms));
        loop {
            match Transaction::begin(&self.connection, &self.config) {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && Instant::now() < deadline =>
                {
                    thread::sleep(WAIT);
                }
                begun => return Ok(begun?),
            }
        }
    }

    /// Retention and expiry follow the writes, in small steps: a store that nobody writes to does not grow.
    fn keep_house(&mut self) {
        let interval = Duration::from_millis(self.config.housekeeping_interval_ms);
        if self.housekept.elapsed() < interval {
            return;
        }
        loop {
            match self.begin().and_then(|transaction| retention::step(transaction)) {
                Ok(0) => break,
                // The rest follows after the next write.
                Ok(_) if !self.jobs.is_empty() => return,
                Ok(_) => {}
                Err(fault) => {
                    tracing::warn!(?fault, "housekeeping is put off");
                    break;
                }
            }
        }
        self.housekept = Instant::now();
    }
}

fn answer(jobs: Vec<Box<dyn Job>>, committed: &Result<(), Fault>) {
    for job in jobs {
        job.answer(committed.clone());
    }
}
