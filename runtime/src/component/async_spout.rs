//! Spouts that wait on the network.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::context::{TaskContext, TaskWaker};
use super::spout::{Next, Spout, SpoutEmitter};
use crate::failure::{Autopsy, Failure};

/// A spout on tokio. The engine keeps every item until its fate is known and replays it from memory, so an `AsyncSpout` has
/// no `replay`; `Item` should be cheap to clone.
///
/// All calls of one task are made from one tokio task, one at a time. After a panic the task is built anew by its factory and opened; what
/// was out before is not replayed from memory then, as the new instance may read it again.
pub trait AsyncSpout: Send + 'static {
    /// What it emits.
    type Item: Clone + Send + 'static;

    /// Called once before anything else; after an error it is called again, after a second.
    fn open(&mut self, context: &TaskContext) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = context;
        std::future::ready(Ok(()))
    }

    /// Waits for the next tuple and gives it an id that no other tuple that is out has; `None`: there is nothing more to come.
    ///
    /// Must be cancel safe: it is dropped when an `ack` has to be told, and called again. After an error it is called again
    /// after a second.
    fn next(&mut self) -> impl Future<Output = Result<Option<(u64, Self::Item)>, Failure>> + Send;

    /// Tuples of equal keys do not overtake one another, as by [`SpoutEmitter::emit_ordered`]; `None`: this one may. The key is a number
    /// such as [`key_hash`](crate::key_hash) makes.
    fn order_key(item: &Self::Item) -> Option<u64> {
        let _ = item;
        None
    }

    /// The tuple and everything made from it are done.
    fn ack(&mut self, id: u64);

    /// The tuple failed, for the reason given. Unless it is [`exhausted`](Self::exhausted), the engine gives it again.
    fn fail(&mut self, id: u64, autopsy: &Autopsy) {
        let _ = (id, autopsy);
    }

    /// The tuple is given up; see [`Spout::exhausted`]. Without an own implementation `ack` is called for it.
    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        let _ = autopsy;
        self.ack(id);
    }

    /// Called once at shutdown.
    fn close(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// How many items wait between the tokio task and the spout's task at most.
const BUFFERED_COUNT_MAX: usize = 1024;
/// How long the spout's task waits without being woken, should a wake-up ever be missed.
const IDLE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(1);

/// What the tokio task says to the spout's task.
enum Said<T> {
    Item(u64, T),
    Error(Failure),
    Exhausted,
}

/// What the spout's task says to the tokio task.
enum Told {
    Ack(u64),
    Fail(u64, Autopsy),
    Exhausted(u64, Autopsy),
}

/// The side of an asynchronous spout that is stepped like any other.
pub(crate) struct Bridge<S: AsyncSpout> {
    make: Arc<dyn Fn() -> S + Send + Sync>,
    link: Option<Link<S::Item>>,
    out: HashMap<u64, S::Item>,
}

struct Link<T> {
    said: mpsc::Receiver<Said<T>>,
    // Unbounded in type only: an id is told of once an attempt, the ids out are bounded by the pending limit, and their attempts
    // are paced by the backoff.
    told: mpsc::UnboundedSender<Told>,
}

impl<S: AsyncSpout> Bridge<S> {
    pub(crate) fn new(make: Arc<dyn Fn() -> S + Send + Sync>) -> Self {
        Self { make, link: None, out: HashMap::new() }
    }

    fn tell(&mut self, told: Told) {
        if let Some(link) = &self.link {
            // The other side is gone after a panic only, which `next` reports.
            drop(link.told.send(told));
        }
    }
}

impl<S: AsyncSpout> Spout for Bridge<S> {
    type Item = S::Item;

    fn open(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let tokio = context.tokio.as_ref().ok_or_else(|| Failure::retry("there is no tokio runtime"))?;
        let spout = catch_unwind(AssertUnwindSafe(|| (self.make)()));
        let spout = spout.map_err(|panic| Failure::retry(crate::emitter::panic_reason(&*panic)))?;
        let (say, said) = mpsc::channel(BUFFERED_COUNT_MAX);
        let (told, listen) = mpsc::unbounded_channel();
        // It ends by itself when this side of the channels is dropped.
        drop(tokio.spawn(drive(spout, context.clone(), say, listen)));
        self.link = Some(Link { said, told });
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<S::Item>) -> Result<Next, Failure> {
        let Some(link) = &mut self.link else {
            return Ok(Next::Exhausted);
        };
        while out.room() > 0 {
            match link.said.try_recv() {
                Ok(Said::Item(id, item)) => {
                    self.out.insert(id, item.clone());
                    match S::order_key(&item) {
                        Some(key) => out.emit_ordered(&key, id, item),
                        None => out.emit(id, item),
                    }
                }
                Ok(Said::Error(failure)) => return Err(failure),
                Ok(Said::Exhausted) => return Ok(Next::Exhausted),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(Next::Idle(IDLE)),
                #[expect(
                    clippy::panic,
                    reason = "a panic is how a task is rebuilt, and the spout has panicked"
                )]
                Err(mpsc::error::TryRecvError::Disconnected) => panic!("the asynchronous spout panicked"),
            }
        }
        Ok(Next::Emitted)
    }

    fn ack(&mut self, id: u64) {
        self.out.remove(&id);
        self.tell(Told::Ack(id));
    }

    fn fail(&mut self, id: u64, autopsy: &Autopsy) {
        self.tell(Told::Fail(id, autopsy.clone()));
    }

    fn replay(&mut self, id: u64) -> Result<Option<S::Item>, Failure> {
        Ok(self.out.get(&id).cloned())
    }

    fn exhausted(&mut self, id: u64, autopsy: &Autopsy) {
        self.out.remove(&id);
        self.tell(Told::Exhausted(id, autopsy.clone()));
    }

    fn close(&mut self) {
        // Its end of the channels tells the tokio task, which then closes the spout.
        self.link = None;
    }
}

async fn drive<S: AsyncSpout>(
    mut spout: S,
    context: TaskContext,
    say: mpsc::Sender<Said<S::Item>>,
    mut listen: mpsc::UnboundedReceiver<Told>,
) {
    let waker = context.waker();
    while let Err(failure) = spout.open(&context).await {
        if !tell_of(&say, &waker, Said::Error(failure)).await {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
    let mut more = true;
    loop {
        tokio::select! {
            biased;
            told = listen.recv() => match told {
                Some(Told::Ack(id)) => spout.ack(id),
                Some(Told::Fail(id, autopsy)) => spout.fail(id, &autopsy),
                Some(Told::Exhausted(id, autopsy)) => spout.exhausted(id, &autopsy),
                None => break,
            },
            next = wait_for_room(&say, &mut spout), if more => {
                let said = match next {
                    Ok(Some((id, item))) => Said::Item(id, item),
                    Ok(None) => Said::Exhausted,
                    Err(failure) => Said::Error(failure),
                };
                more = !matches!(said, Said::Exhausted);
                let failed = matches!(said, Said::Error(_));
                if !tell_of(&say, &waker, said).await {
                    more = false;
                } else if failed {
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
    spout.close().await;
}

/// Asks for the next tuple only when there is a place for it: no tuple is in hand when this is cancelled.
async fn wait_for_room<S: AsyncSpout>(
    say: &mpsc::Sender<Said<S::Item>>,
    spout: &mut S,
) -> Result<Option<(u64, S::Item)>, Failure> {
    // Only this task sends, so a place seen free stays free.
    drop(say.reserve().await);
    spout.next().await
}

async fn tell_of<T>(say: &mpsc::Sender<Said<T>>, waker: &TaskWaker, said: Said<T>) -> bool {
    let sent = say.send(said).await.is_ok();
    waker.wake();
    sent
}
