//! Ctrl-C and the supervisor's SIGTERM, as one event that everybody can wait for.

use std::future::Future;

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::console::tell;

/// What a shell reports of a program that Ctrl-C has ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Completes at the first interrupt. Clones complete together.
pub(crate) type Interrupt = Shared<futures_util::future::BoxFuture<'static, ()>>;

/// Listens from now on: the first signal asks for an orderly end, the second one ends the process at once.
pub(crate) fn interrupt() -> anyhow::Result<Interrupt> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (asked, first) = oneshot::channel();
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        tell(
            "Ending: what is under way is finished and stored. Ctrl-C again ends at once, which is safe too.",
        );
        // Nobody waits any more if the end has come by itself.
        asked.send(()).ok();
        next(&mut terminate, &mut interrupt).await;
        std::process::exit(EXIT_INTERRUPTED);
    });
    let interrupted = async move { first.await.unwrap_or(()) };
    Ok(interrupted.boxed().shared())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// An interrupt that also completes when what comes with it is dropped.
pub(crate) fn or_dropped(interrupt: Interrupt) -> (oneshot::Sender<()>, Interrupt) {
    let (held, dropped) = oneshot::channel();
    let over = either(interrupt, async { dropped.await.unwrap_or(()) });
    (held, over.boxed().shared())
}

/// The interrupt or the other event, whichever comes first.
pub(crate) async fn either(interrupt: Interrupt, other: impl Future<Output = ()>) {
    tokio::select! {
        () = interrupt => {}
        () = other => {}
    }
}
