//! Writing state beside the tasks: they go on while what they had is made durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use super::{StateChange, StateError, StateErrorKind, StateStore};
use crate::emitter::panic_reason;
use crate::flow::flight::unpoisoned;
use crate::flow::wake::Wake;
use crate::sync::{Condvar, Mutex};
use crate::task::{Phase, Step, Task};

/// Changes of one task, written in their order.
pub(crate) type Changes = Arc<[StateChange]>;

/// Where the tasks with state leave what is to be written.
pub(crate) struct Desk {
    jobs: Mutex<Jobs>,
    /// Told of jobs, and of clients that leave, while the writer is closing.
    told: Condvar,
    writer: Arc<Wake>,
}

#[derive(Default)]
struct Jobs {
    /// One a client at most, and another when it leaves.
    waiting: Vec<Job>,
    clients: usize,
}

struct Job {
    changes: Changes,
    reply: Reply,
}

/// Who hears what became of a job.
enum Reply {
    Client(Arc<Answer>),
    /// The client has left, and this is told of a failure.
    Last(Box<dyn FnOnce(StateError) + Send>),
}

/// Where a client finds what became of its job.
struct Answer {
    result: Mutex<Option<Result<(), StateError>>>,
    wake: Arc<Wake>,
}

/// One task's way to the writer. The writer ends only when every client is dropped.
pub(crate) struct Client {
    desk: Arc<Desk>,
    answer: Arc<Answer>,
}

impl Desk {
    /// `writer` is woken when there is something to write.
    pub(crate) fn new(writer: Arc<Wake>) -> Arc<Self> {
        Arc::new(Self { jobs: Mutex::default(), told: Condvar::new(), writer })
    }

    /// A client whose task is woken by `wake` when its job is done.
    pub(crate) fn client(self: &Arc<Self>, wake: Arc<Wake>) -> Client {
        unpoisoned(&self.jobs).clients += 1;
        Client { desk: Arc::clone(self), answer: Arc::new(Answer { result: Mutex::new(None), wake }) }
    }

    fn tell(&self) {
        self.told.notify_all();
        self.writer.notify();
    }
}

impl Client {
    /// Has the changes written; the answer comes by [`take_answer`](Self::take_answer).
    pub(crate) fn write(&self, changes: Changes) {
        self.leave(changes, Reply::Client(Arc::clone(&self.answer)));
    }

    /// Has the changes written as the last ones; should that fail, `failed` is told on the writer's thread.
    pub(crate) fn write_last(self, changes: Changes, failed: impl FnOnce(StateError) + Send + 'static) {
        self.leave(changes, Reply::Last(Box::new(failed)));
    }

    fn leave(&self, changes: Changes, reply: Reply) {
        unpoisoned(&self.desk.jobs).waiting.push(Job { changes, reply });
        self.desk.tell();
    }

    /// What became of the changes, once.
    pub(crate) fn take_answer(&self) -> Option<Result<(), StateError>> {
        unpoisoned(&self.answer.result).take()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        unpoisoned(&self.desk.jobs).clients -= 1;
        self.desk.tell();
    }
}

/// Writes what lies on the desk: everything that waits goes into one [`apply`](StateStore::apply), so that tasks share what
/// durability costs. The executor gives it a thread of its own, as a write blocks.
pub(crate) struct Writer {
    desk: Arc<Desk>,
    store: Arc<dyn StateStore>,
}

impl Writer {
    pub(crate) fn new(desk: Arc<Desk>, store: Arc<dyn StateStore>) -> Self {
        Self { desk, store }
    }

    /// Writes what waits. False: nothing does.
    pub(crate) fn write(&self) -> bool {
        let jobs = std::mem::take(&mut unpoisoned(&self.desk.jobs).waiting);
        let together = match jobs.as_slice() {
            [] => return false,
            [only] => self.apply(&only.changes),
            _ => {
                let changes: Vec<_> = jobs.iter().flat_map(|job| job.changes.iter().cloned()).collect();
                self.apply(&changes)
            }
        };
        // What one task can never write must not take along what the others have.
        let is_one_to_blame =
            jobs.len() > 1 && matches!(&together, Err(error) if error.kind == StateErrorKind::Permanent);
        for Job { changes, reply } in jobs {
            let result = if is_one_to_blame { self.apply(&changes) } else { together.clone() };
            match reply {
                Reply::Client(client) => {
                    *unpoisoned(&client.result) = Some(result);
                    client.wake.notify();
                }
                Reply::Last(failed) => {
                    if let Err(error) = result {
                        failed(error);
                    }
                }
            }
        }
        true
    }

    fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        let applied = catch_unwind(AssertUnwindSafe(|| self.store.apply(changes)));
        applied.unwrap_or_else(|panic| {
            let namespace = changes.first().map_or("", |change| &change.namespace);
            Err(StateError::new(namespace, format!("the store panicked: {}", panic_reason(&*panic))))
        })
    }
}

impl Task for Writer {
    fn step(&mut self, _phase: Phase) -> Step {
        if self.write() { Step::Progress } else { Step::Wait(None) }
    }

    /// Waits for the tasks that are closing on other threads, and writes what they leave.
    fn close(&mut self) {
        loop {
            self.write();
            let mut jobs = unpoisoned(&self.desk.jobs);
            while jobs.waiting.is_empty() && jobs.clients > 0 {
                jobs = self.desk.told.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            }
            if jobs.waiting.is_empty() {
                return;
            }
        }
    }
}

#[cfg(all(test, not(trombe_loom)))]
mod tests {
    use super::*;

    /// Takes no key of more than one byte.
    struct Small;

    impl StateStore for Small {
        fn get(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
            Ok(None)
        }

        fn scan(&self, _: &str, _: &[u8], _: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StateError> {
            Ok(())
        }

        fn apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
            match changes.iter().find(|change| change.key.len() > 1) {
                None => Ok(()),
                Some(_) => Err(StateError::of(StateErrorKind::Permanent, "n", "too long")),
            }
        }
    }

    #[test]
    fn what_one_task_can_never_write_fails_that_task_alone() {
        let change = |key: &str| {
            Changes::from([StateChange {
                namespace: "n".into(),
                key: key.into(),
                value: None,
                expires_ms: None,
            }])
        };
        let desk = Desk::new(Arc::default());
        let clients = ["a", "bb", "c"].map(|key| {
            let client = desk.client(Arc::default());
            client.write(change(key));
            client
        });
        let writer = Writer::new(desk, Arc::new(Small));
        assert!(writer.write());
        let answers = clients.each_ref().map(|client| client.take_answer().map(|answer| answer.is_ok()));
        assert_eq!(answers, [true, false, true].map(Some));
        assert!(!writer.write());
    }
}
