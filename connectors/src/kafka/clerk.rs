//! Commits, on a thread of their own: the library lets a caller wait for a coordinator for as long as that takes, and tells
//! the outcome to nobody else.

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

/// The thread that commits, and what it was given.
pub(super) struct Committer {
    requests: Option<Sender<Offsets>>,
    outcomes: Receiver<(Offsets, KafkaResult<()>)>,
    /// Requests without an outcome yet.
    open: usize,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub(super) fn start(client: &Arc<BaseConsumer<Context>>, identity: &str) -> io::Result<Self> {
        let (requests, received) = mpsc::channel::<Offsets>();
        let (outcome, outcomes) = mpsc::channel();
        let (client, identity) = (Arc::clone(client), identity.to_owned());
        let run = move || {
            for offsets in received {
                let result = commit(&client, &identity, &offsets);
                if outcome.send((offsets, result)).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("kafka-commit".to_owned()).spawn(run)?;
        Ok(Self { requests: Some(requests), outcomes, open: 0, thread: Some(thread) })
    }

    /// Commits and tells `done` of all that was, late outcomes of earlier calls included.
    pub(super) fn commit(
        &mut self,
        wanted: Vec<Offsets>,
        timeout: Duration,
        mut done: impl FnMut(&[(Slot, u64)]),
    ) -> Result<(), LogError> {
        let deadline = Instant::now() + timeout;
        let late = self.open;
        // While a coordinator is away, no more is asked of it than it has to answer.
        if late == 0 {
            for offsets in &wanted {
                self.open += 1;
                let sent = self.requests.as_ref().map(|requests| requests.send(offsets.clone()));
                sent.transpose()
                    .map_err(|_| LogError::Unavailable("the thread that commits has ended".to_owned()))?;
            }
        }
        let mut failure = None;
        while self.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((offsets, result)) = self.outcomes.recv_timeout(left) else {
                return Err(LogError::Unavailable(format!("no answer to a commit in {timeout:?}")));
            };
            self.open -= 1;
            match result {
                Ok(()) => done(&offsets),
                Err(error) => failure = Some(log_error("commit", &error)),
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if late > 0 => self.commit(wanted, deadline.saturating_duration_since(Instant::now()), done),
            None => Ok(()),
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.requests = None;
        // A thread that still waits for its coordinator ends when it has an answer.
        if self.open == 0 {
            _ = self.thread.take().map(JoinHandle::join);
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
