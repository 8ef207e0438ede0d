//! Ctrl-C and the supervisor's SIGTERM, as one event that everybody can wait for.

use std::future::Future;

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::signal::unix::{SignalKind, signal};

/// Completes at the first interrupt. Clones complete together.
pub(crate) type Interrupt = Shared<futures_util::future::BoxFuture<'static, ()>>;

/// Listens from now on; the process no longer dies of SIGINT and SIGTERM by itself.
pub(crate) fn interrupt() -> anyhow::Result<Interrupt> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let interrupted = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let interrupted = interrupted.boxed().shared();
    // A shared future makes progress only while somebody polls it: without this, a signal that comes while nobody
    // waits would be seen late.
    tokio::spawn(interrupted.clone());
    Ok(interrupted)
}

/// The interrupt or the other event, whichever comes first.
pub(crate) async fn either(interrupt: Interrupt, other: impl Future<Output = ()>) {
    tokio::select! {
        () = interrupt => {}
        () = other => {}
    }
}
