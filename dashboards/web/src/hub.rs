//! What is shared between all readers: the watch over the index, and each view's rendering.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OnceCell, Semaphore, watch},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use trombe_connectors::{Index, IndexError};

use crate::{
    PageOptions, Status, StatusSource,
    fragment::Fragments,
    query::View,
    read::{ReadError, Reader},
    view,
};

/// A refresh takes at most one part in this many of one core's time.
const REFRESH_SHARE: u32 = 4;

/// Counts the changes of the data and of the status; a reader compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pulse {
    data: u64,
    status: u64,
}

/// A view's fragments as of one state of the data.
#[derive(Debug)]
struct Rendering {
    data: u64,
    fragments: Arc<OnceCell<Arc<Fragments>>>,
}

pub(crate) struct Hub {
    index: Arc<dyn Index>,
    source: StatusSource,
    options: PageOptions,
    /// `None` once the page is closed.
    pulse: Mutex<Option<watch::Sender<Pulse>>>,
    pulses: watch::Receiver<Pulse>,
    /// A standard mutex: nothing waits while holding it.
    status: Mutex<Arc<Status>>,
    renderings: Mutex<HashMap<View, Rendering>>,
    /// How long the slowest rendering since the last change took.
    cost: Mutex<Duration>,
    pub(crate) subscribers: Arc<Semaphore>,
}

impl Hub {
    pub(crate) fn new(index: Arc<dyn Index>, source: StatusSource, options: PageOptions) -> Self {
        let (pulse, pulses) = watch::channel(Pulse::default());
        let status = Mutex::new(Arc::new(source()));
        let subscribers = Arc::new(Semaphore::new(options.subscribers_max));
        Self {
            index,
            source,
            options,
            pulse: Mutex::new(Some(pulse)),
            pulses,
            status,
            renderings: Mutex::default(),
            cost: Mutex::default(),
            subscribers,
        }
    }

    pub(crate) fn options(&self) -> &PageOptions {
        &self.options
    }

    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&locked(&self.status))
    }

    /// As of this moment.
    pub(crate) fn fresh_status(&self) -> Status {
        (self.source)()
    }

    /// Changes whenever there may be something new to show; closed when the page closes.
    pub(crate) fn pulses(&self) -> watch::Receiver<Pulse> {
        self.pulses.clone()
    }

    /// Ends all event streams.
    pub(crate) fn close(&self) {
        locked(&self.pulse).take();
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            index: &*self.index,
            documents_max: self.options.documents_max,
            read_ms_max: self.options.read_ms_max,
        }
    }

    /// Watches the index and the status. Never returns.
    pub(crate) async fn watch(&self) {
        let mut ticks = interval(Duration::from_millis(self.options.refresh_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut revision = None;
        let mut data_at = Instant::now();
        let mut status_at = data_at;
        loop {
            let now = ticks.tick().await;
            if now >= status_at {
                status_at = now + Duration::from_millis(self.options.status_ms);
                *locked(&self.status) = Arc::new((self.source)());
                self.beat(|pulse| pulse.status += 1);
            }
            if now < data_at {
                continue;
            }
            let asked = timeout(Duration::from_millis(self.options.read_ms_max), self.index.revision()).await;
            match asked
                .unwrap_or_else(|_| Err(IndexError::Unavailable("it did not say its revision".to_owned())))
            {
                Ok(seen) if revision != Some(seen) => {
                    revision = Some(seen);
                    data_at = now + std::mem::take(&mut *locked(&self.cost)) * REFRESH_SHARE;
                    self.beat(|pulse| pulse.data += 1);
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the index was not asked for changes"),
            }
        }
    }

    fn beat(&self, change: impl FnOnce(&mut Pulse)) {
        if let Some(pulse) = &*locked(&self.pulse) {
            pulse.send_modify(change);
        }
    }

    /// A view's fragments, rendered once for all who look at it in the same state of the data.
    pub(crate) async fn market(&self, view: View) -> Result<Arc<Fragments>, ReadError> {
        let data = self.pulses.borrow().data;
        let cell = self.rendering(view, data);
        let render = async {
            let began = Instant::now();
            let market = self.reader().market(view).await?;
            let fragments = Arc::new(view::market(&market));
            let mut cost = locked(&self.cost);
            *cost = began.elapsed().max(*cost);
            Ok(fragments)
        };
        cell.get_or_try_init(|| render).await.cloned()
    }

    fn rendering(&self, view: View, data: u64) -> Arc<OnceCell<Arc<Fragments>>> {
        let mut renderings = locked(&self.renderings);
        if let Some(rendering) = renderings.get(&view).filter(|rendering| rendering.data == data) {
            return Arc::clone(&rendering.fragments);
        }
        if renderings.len() >= self.options.views_max {
            renderings.retain(|_, rendering| rendering.data == data);
        }
        if renderings.len() >= self.options.views_max {
            renderings.clear();
        }
        let fragments = Arc::default();
        renderings.insert(view, Rendering { data, fragments: Arc::clone(&fragments) });
        fragments
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A panic while such a lock was held leaves a whole value behind: each is replaced, never built up.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
