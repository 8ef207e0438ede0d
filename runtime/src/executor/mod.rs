//! Running a topology on threads. The only module that spawns any.

mod rest;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{EndError, StartError};
use crate::flow::wake::Wake;
use crate::metrics::books::Books;
use crate::metrics::snapshot::Snapshot;
use crate::topology::Topology;
use crate::topology::assembly::Assembly;
use crate::topology::plan::Plan;
use worker::{Control, Worker};

/// How long asynchronous components have to come to an end after the tasks have.
const TOKIO_SHUTDOWN: Duration = Duration::from_secs(5);

/// A topology at work. Dropped, it is stopped at once, without draining.
#[must_use = "a topology stops when this is dropped; call `wait` or `shutdown`"]
pub struct Running {
    books: Arc<Books>,
    control: Arc<Control>,
    wakes: Vec<Arc<Wake>>,
    workers: Vec<JoinHandle<()>>,
    tokio: Option<tokio::runtime::Runtime>,
}

/// What a topology has done, when it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Spout tuples whose trees are done.
    pub acked: u64,
    /// Failures of spout tuples, one an attempt.
    pub failed: u64,
    /// Spout tuples that ended without being good; see [`ComponentSnapshot::given_up`](crate::ComponentSnapshot::given_up).
    pub given_up: u64,
    /// Tasks rebuilt after a panic.
    pub restarts: u64,
    /// Spout tuples that were still out, by spout; empty after an orderly end.
    pub unfinished: Vec<Unfinished>,
    /// How long it ran.
    pub uptime_ms: u64,
    /// Why it ended by itself, if it did.
    pub error: Option<EndError>,
}

/// A spout's tuples that were neither acked nor given up when the topology ended. A source that can be read again gives
/// them again the next time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The spout.
    pub spout: String,
    /// How many of its tuples.
    pub tuples: u64,
}

impl Summary {
    /// Whether every tuple came to an end.
    pub fn is_complete(&self) -> bool {
        self.unfinished.is_empty() && self.error.is_none()
    }

    /// The summary, unless the topology has ended itself: then the error by which it has.
    pub fn into_result(self) -> Result<Self, EndError> {
        match self.error {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn of(books: &Books) -> Self {
        let snapshot = Snapshot::of(books);
        let spouts = || snapshot.components.iter().filter(|component| component.kind.is_spout());
        let unfinished = spouts().filter(|spout| spout.pending > 0);
        Self {
            acked: spouts().map(|spout| spout.acked).sum(),
            failed: spouts().map(|spout| spout.failed).sum(),
            given_up: spouts().map(|spout| spout.given_up).sum(),
            restarts: snapshot.components.iter().map(|component| component.restarts).sum(),
            unfinished: unfinished
                .map(|spout| Unfinished { spout: spout.name.clone(), tuples: spout.pending })
                .collect(),
            uptime_ms: snapshot.uptime_ms,
            error: books.end_error().cloned(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, failed, given_up, restarts, unfinished, uptime_ms, error } = self;
        write!(f, "{acked} tuples acked, {failed} failures, {restarts} restarts in {uptime_ms} ms")?;
        if *given_up > 0 {
            write!(f, "; {given_up} given up")?;
        }
        unfinished
            .iter()
            .try_for_each(|Unfinished { spout, tuples }| write!(f, "; {tuples} of {spout} unfinished"))?;
        error.iter().try_for_each(|error| write!(f, "; {error}"))
    }
}

impl Running {
    pub(crate) fn start(topology: &Topology, config: Config) -> Result<Self, StartError> {
        let asynchronous =
            topology.plan()?.components.iter().any(|component| component.kind.is_asynchronous());
        let tokio = asynchronous.then(runtime).transpose()?;
        let (handle, workers_count) = (tokio.as_ref().map(|tokio| tokio.handle().clone()), config.workers());
        let assembly = Assembly::of(topology, config, Clock::system(), handle, None)?;
        let control = Arc::new(Control::default());
        let mut running = Self {
            books: Arc::clone(&assembly.books),
            control: Arc::clone(&control),
            wakes: assembly.wakes.clone(),
            workers: Vec::new(),
            tokio,
        };
        let mut workers: Vec<Worker> = assembly
            .wakes
            .iter()
            .enumerate()
            // The last one may be the writer's: what it does is in no book, and a write blocks.
            .map(|(number, wake)| {
                Worker::new(&control, Arc::clone(wake), &assembly.books, number < workers_count)
            })
            .collect();
        // Consumers come first, here and in every round of a worker: what makes room goes before what fills it.
        assembly.placed.into_iter().for_each(|placed| workers[placed.worker].add(placed.task));
        for (number, worker) in workers.into_iter().enumerate() {
            let name = format!("trombe-{number}");
            running.workers.push(std::thread::Builder::new().name(name).spawn(move || worker.run())?);
        }
        Ok(running)
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Plan {
        &self.books.plan
    }

    /// The books at this moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.books)
    }

    /// A handle that takes snapshots from elsewhere, for as long as one likes.
    pub fn observer(&self) -> Observer {
        Observer { books: Arc::clone(&self.books) }
    }

    /// Waits until every spout is exhausted and every tuple is done, or for `at_most`. True if there is nothing more to come, as is also so
    /// once the topology has ended by itself.
    pub fn wait_for(&self, at_most: Duration) -> bool {
        self.control.wait(Some(at_most), || self.is_over())
    }

    /// Waits until every spout is exhausted and every tuple is done, then ends the topology.
    pub fn wait(mut self) -> Summary {
        self.control.wait(None, || self.is_over());
        self.end()
    }

    fn is_over(&self) -> bool {
        self.books.end_error().is_some() || self.books.exhausted() && self.books.settled()
    }

    /// Lets the spouts emit nothing new, waits until every tuple that is out is done, or for `deadline` at most, and ends the topology.
    pub fn shutdown(mut self, deadline: Duration) -> Summary {
        self.control.drain();
        self.wakes.iter().for_each(|wake| wake.notify());
        let has_ended = || self.books.end_error().is_some();
        let drained = self.control.wait(Some(deadline), || self.books.settled() || has_ended());
        if !drained && !has_ended() {
            tracing::warn!(
                topology = self.books.plan.topology,
                ?deadline,
                "not everything was done by the deadline"
            );
        }
        self.end()
    }

    fn end(&mut self) -> Summary {
        self.stop();
        if let Err(imbalance) = self.books.audit_end() {
            tracing::error!(topology = self.books.plan.topology, "{imbalance}");
            let is_known = self.books.end_error().is_some_and(EndError::is_mistake);
            debug_assert!(is_known, "{imbalance}");
        }
        // Only now: a spout that was in the midst of `next` when all seemed done has emitted after all.
        Summary::of(&self.books)
    }

    fn stop(&mut self) {
        self.control.stop();
        self.wakes.iter().for_each(|wake| wake.notify());
        for worker in self.workers.drain(..) {
            // A worker reports its own panic.
            drop(worker.join());
        }
        if let Some(tokio) = self.tokio.take() {
            // A caller inside a task of another runtime may not wait for one to end; a thread of our own may.
            let waiter = std::thread::spawn(move || tokio.shutdown_timeout(TOKIO_SHUTDOWN));
            drop(waiter.join());
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("trombe-io")
        .enable_all()
        .build()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.books.plan.topology).finish()
    }
}

/// Looks at a topology without having a say in it; see [`Running::observer`].
#[derive(Clone)]
pub struct Observer {
    books: Arc<Books>,
}

impl Observer {
    /// The books at this moment, or at the end.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.books)
    }

    /// The plan that runs.
    pub fn plan(&self) -> &Plan {
        &self.books.plan
    }

    /// Why the topology has ended by itself, if it has. Its threads are let go of by [`Running::wait`] or [`Running::shutdown`].
    pub fn error(&self) -> Option<&EndError> {
        self.books.end_error()
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.books.plan.topology).finish()
    }
}
