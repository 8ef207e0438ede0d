//! Sleeping workers and how they are woken.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicBool, fence};

/// One a worker: whoever gives a worker's task something to do (data, space, news) calls [`notify`](Wake::notify).
///
/// The worker announces that it is about to sleep, looks once more for work, and only then sleeps; the notifier publishes its
/// work before it looks whether somebody sleeps. A full fence on both sides keeps the two from missing each other. While the
/// worker is awake a notification costs one load of a line that nobody writes.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    asleep: AtomicBool,
    /// Not set in tests, where one thread steps all tasks.
    sleeper: OnceLock<Sleeper>,
}

/// Who is to be woken.
#[derive(Debug)]
enum Sleeper {
    Thread(Thread),
    /// The simulator, whose one thread waits for all workers inside tokio.
    Simulator(Arc<Notify>),
}

impl Wake {
    /// Binds it to the calling thread.
    pub(crate) fn bind(&self) {
        // A second binding is ignored: a worker has one thread for life.
        let _first = self.sleeper.get_or_init(|| Sleeper::Thread(thread::current()));
    }

    /// Binds it to a simulator.
    pub(crate) fn bind_to(&self, simulator: &Arc<Notify>) {
        let _first = self.sleeper.get_or_init(|| Sleeper::Simulator(Arc::clone(simulator)));
    }

    pub(crate) fn notify(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            match self.sleeper.get() {
                Some(Sleeper::Thread(thread)) => thread.unpark(),
                Some(Sleeper::Simulator(simulator)) => simulator.notify_one(),
                None => {}
            }
        }
    }

    /// Announces sleep. The caller must look for work once more before it calls [`sleep`](Self::sleep).
    pub(crate) fn announce(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether nobody has notified it since the announcement.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Acquire)
    }

    /// Takes the announcement back.
    pub(crate) fn stay_awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Sleeps until notified or until the time is over.
    pub(crate) fn sleep(&self, at_most: Option<Duration>) {
        if self.asleep.load(Ordering::Acquire) {
            match at_most {
                Some(limit) => thread::park_timeout(limit),
                None => thread::park(),
            }
        }
        self.stay_awake();
    }
}
