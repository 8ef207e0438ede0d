//! What a consumer asks of brokers beside its records, on a thread of its own: commits, and the ends of its partitions. The
//! library lets a caller wait for as long as a broker takes, and tells the outcome to nobody else.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};

use super::consumer::place;
use super::error::log_error;
use super::group::Context;
use super::start::{self, Slot};
use crate::LogError;

/// Offsets of one topic: the broker tells of partitions that failed only if all of a request did, and one topic's share
/// their fate.
type Offsets = Vec<(Slot, u64)>;

/// Hears of what is committed.
pub(super) type Done<'a> = dyn FnMut(&[(Slot, u64)]) + 'a;

enum Errand {
    Commit(Offsets),
    Ends(Vec<Slot>, Duration),
}

enum Outcome {
    Committed(Offsets, KafkaResult<()>),
    Ends(Vec<Slot>, KafkaResult<Vec<u64>>),
}

/// The thread that runs errands, and what it was given.
pub(super) struct Clerk {
    errands: Option<Sender<Errand>>,
    outcomes: Receiver<Outcome>,
    /// Commits without an outcome yet.
    open: usize,
    /// Whether it is asking for ends.
    is_asking: bool,
    ends: Offsets,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    pub(super) fn start(client: &Arc<BaseConsumer<Context>>, identity: &str) -> io::Result<Self> {
        let (errands, received) = mpsc::channel::<Errand>();
        let (outcome, outcomes) = mpsc::channel();
        let (client, identity) = (Arc::clone(client), identity.to_owned());
        let run = move || {
            for errand in received {
                if outcome.send(errand.run(&client, &identity)).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("kafka-clerk".to_owned()).spawn(run)?;
        let (errands, thread) = (Some(errands), Some(thread));
        Ok(Self { errands, outcomes, open: 0, is_asking: false, ends: Vec::new(), thread })
    }

    /// Commits and tells `done` of all that was, late outcomes of earlier calls included.
    pub(super) fn commit(
        &mut self,
        wanted: Vec<Offsets>,
        timeout: Duration,
        done: &mut Done<'_>,
    ) -> Result<(), LogError> {
        let deadline = Instant::now() + timeout;
        let late = self.open;
        // While a coordinator is away, no more is asked of it than it has to answer.
        if late == 0 {
            self.send_commits(&wanted)?;
        }
        let mut failure = None;
        while self.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(outcome) = self.outcomes.recv_timeout(left) else {
                return Err(LogError::Unavailable(format!("no answer to a commit in {timeout:?}")));
            };
            failure = self.take(outcome, done).err().or(failure);
        }
        match failure {
            Some(failure) => Err(failure),
            None if late > 0 => self.commit(wanted, deadline.saturating_duration_since(Instant::now()), done),
            None => Ok(()),
        }
    }

    /// Tells `done` of the commits that have come about since, and sends these unless earlier ones are still under way.
    pub(super) fn commit_later(&mut self, wanted: &[Offsets], done: &mut Done<'_>) -> Result<(), LogError> {
        self.take_outcomes(done)?;
        if self.is_committing() { Ok(()) } else { self.send_commits(wanted) }
    }

    /// Whether any commit has no outcome yet.
    pub(super) fn is_committing(&self) -> bool {
        self.open > 0
    }

    /// The ends that were found since the last call. Begins to look for them anew.
    pub(super) fn ends(
        &mut self,
        slots: Vec<Slot>,
        timeout: Duration,
        done: &mut Done<'_>,
    ) -> Result<Offsets, LogError> {
        let taken = self.take_outcomes(done);
        if !self.is_asking {
            self.send(Errand::Ends(slots, timeout))?;
            self.is_asking = true;
        }
        taken.map(|()| std::mem::take(&mut self.ends))
    }

    fn send_commits(&mut self, wanted: &[Offsets]) -> Result<(), LogError> {
        for offsets in wanted {
            self.send(Errand::Commit(offsets.clone()))?;
            self.open += 1;
        }
        Ok(())
    }

    fn send(&self, errand: Errand) -> Result<(), LogError> {
        let sent = self.errands.as_ref().is_some_and(|errands| errands.send(errand).is_ok());
        if sent { Ok(()) } else { Err(LogError::Unavailable("the thread that commits has ended".to_owned())) }
    }

    fn take_outcomes(&mut self, done: &mut Done<'_>) -> Result<(), LogError> {
        let mut failure = None;
        while let Ok(outcome) = self.outcomes.try_recv() {
            failure = self.take(outcome, done).err().or(failure);
        }
        failure.map_or(Ok(()), Err)
    }

    fn take(&mut self, outcome: Outcome, done: &mut Done<'_>) -> Result<(), LogError> {
        match outcome {
            Outcome::Committed(offsets, result) => {
                self.open -= 1;
                result.map_err(|error| log_error("commit", &error))?;
                done(&offsets);
            }
            Outcome::Ends(slots, found) => {
                self.is_asking = false;
                match found {
                    Ok(ends) => self.ends = slots.into_iter().zip(ends).collect(),
                    Err(error) => tracing::debug!(%error, "the ends of partitions are not known anew"),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.errands = None;
        // A thread that still waits for a broker ends when it has an answer.
        if self.open == 0 && !self.is_asking {
            _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

impl Errand {
    fn run(self, client: &BaseConsumer<Context>, identity: &str) -> Outcome {
        match self {
            Self::Commit(offsets) => {
                let result = commit(client, identity, &offsets);
                Outcome::Committed(offsets, result)
            }
            Self::Ends(slots, timeout) => {
                let ends = start::ends(client, &slots, timeout);
                Outcome::Ends(slots, ends)
            }
        }
    }
}

fn commit(client: &BaseConsumer<Context>, identity: &str, offsets: &[(Slot, u64)]) -> Result<(), KafkaError> {
    let places = start::list(offsets.iter().map(|(slot, offset)| (slot.clone(), place(*offset))))?;
    for mut element in places.elements() {
        element.set_metadata(identity);
    }
    client.commit(&places, CommitMode::Sync)
}
