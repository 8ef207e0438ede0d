//! What a component is told about itself.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::Clock;
use crate::flow::wake::Wake;
use crate::key::groups_of_task;
use crate::rng::Rng;
use crate::sync::AtomicBool;

/// A task's identity, given to `open` and `prepare`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskContext {
    /// The topology's name.
    pub topology: Arc<str>,
    /// The component's name.
    pub component: Arc<str>,
    /// This task, counted from zero.
    pub task: usize,
    /// How many tasks the component has.
    pub tasks: usize,
    /// How often this task has been rebuilt.
    pub restarts: u32,
    pub(crate) clock: Clock,
    pub(crate) waker: TaskWaker,
    pub(crate) rng: Rng,
    /// Runs asynchronous components.
    pub(crate) tokio: Option<tokio::runtime::Handle>,
}

impl TaskContext {
    /// The key groups whose tuples come to this task by a grouping by key.
    pub fn key_groups(&self) -> Range<u16> {
        groups_of_task(self.task, self.tasks)
    }

    /// Time since the topology was started.
    pub fn uptime(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Wakes this task from elsewhere, for a spout that has said [`Next::Idle`](crate::Next::Idle).
    pub fn waker(&self) -> TaskWaker {
        self.waker.clone()
    }

    /// The runtime that the topology's asynchronous components run on.
    ///
    /// Only topologies with an asynchronous component have one.
    pub fn tokio(&self) -> Option<&tokio::runtime::Handle> {
        self.tokio.as_ref()
    }
}

/// Wakes a task that waits; see [`TaskContext::waker`].
#[derive(Clone, Debug)]
pub struct TaskWaker {
    wake: Arc<Wake>,
    called: Arc<AtomicBool>,
}

impl TaskWaker {
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self { wake, called: Arc::default() }
    }

    /// There is something to do.
    pub fn wake(&self) {
        self.called.store(true, Ordering::Release);
        self.wake.notify();
    }

    /// Whether it was called since the last look.
    pub(crate) fn take(&self) -> bool {
        self.called.load(Ordering::Acquire) && self.called.swap(false, Ordering::AcqRel)
    }
}
