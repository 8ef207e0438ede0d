//! The wish to stop, handed to everything that waits.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

/// Ready once the run shall stop; cheap to clone.
pub(crate) type Shutdown = Shared<BoxFuture<'static, ()>>;

/// Makes one future stop many waits.
pub(crate) fn share(shutdown: impl Future<Output = ()> + Send + 'static) -> Shutdown {
    shutdown.boxed().shared()
}

/// Runs `work` until it ends or the shutdown comes; `None` for the shutdown.
pub(crate) async fn or_shutdown<T>(shutdown: &Shutdown, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown.clone() => None,
        done = work => Some(done),
    }
}
