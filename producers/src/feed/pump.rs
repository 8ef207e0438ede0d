//! Moves a feed of blocking reads into the outbox, at its pace.

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::Pace;
use crate::error::ProduceError;
use crate::message::Event;
use crate::outbox::Outbox;
use crate::progress::Progress;
use crate::shutdown::{Shutdown, or_shutdown};

/// Events read ahead of the pace at most.
const BATCH_EVENTS_MAX: usize = 1_024;

/// Bytes read ahead of the pace at most, but for the last event.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// A feed that ends, or does not, and may block while it reads or computes.
pub(crate) type Events = Box<dyn Iterator<Item = Result<Event, ProduceError>> + Send>;

/// Sends the events, each when it is due, until the feed's end or the shutdown.
///
/// One batch is read (on a thread that may block) while the one before it is sent.
pub(crate) async fn pump(
    events: Events,
    pace: Pace,
    outbox: &Outbox,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    progress.stop_reading(false);
    let pumped = send_all(events, pace, outbox, progress, shutdown).await;
    progress.stop_reading(true);
    pumped
}

async fn send_all(
    events: Events,
    mut pace: Pace,
    outbox: &Outbox,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<(), ProduceError> {
    let mut reading = read(Box::new(events.fuse()));
    let mut in_history = true;
    loop {
        let joined = or_shutdown(shutdown, reading).await;
        let Some(joined) = joined else { return Ok(()) };
        let (rest, batch) = joined.map_err(|error| ProduceError::Panicked(error.to_string()))?;
        let batch = batch?;
        if batch.is_empty() {
            break;
        }
        reading = read(rest);
        for event in batch {
            if in_history && !pace.is_history(event.message.timestamp_ms) {
                in_history = false;
                if pace.has_history() && flushed(outbox, shutdown).await {
                    progress.history_is_done();
                }
            }
            if let Some(due) = pace.due(event.message.timestamp_ms).filter(|due| *due > Instant::now())
                && or_shutdown(shutdown, sleep_until(due)).await.is_none()
            {
                return Ok(());
            }
            match or_shutdown(shutdown, outbox.send(event)).await {
                Some(Ok(())) => {}
                // The writer says why when it is joined.
                Some(Err(_)) | None => return Ok(()),
            }
        }
    }
    if flushed(outbox, shutdown).await {
        progress.history_is_done();
    }
    Ok(())
}

async fn flushed(outbox: &Outbox, shutdown: &Shutdown) -> bool {
    matches!(or_shutdown(shutdown, outbox.flush()).await, Some(Ok(())))
}

/// Reads the next batch on a thread that may block.
fn read(mut events: Events) -> JoinHandle<(Events, Result<Vec<Event>, ProduceError>)> {
    spawn_blocking(move || {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
            match events.next() {
                Some(Ok(event)) => {
                    bytes += event.payload_bytes();
                    batch.push(event);
                }
                // What was read before the error is sent first: the error comes again with the next batch.
                Some(Err(error)) if batch.is_empty() => return (events, Err(error)),
                Some(Err(error)) => {
                    let failed: Events = Box::new(std::iter::once(Err(error)));
                    return (failed, Ok(batch));
                }
                None => break,
            }
        }
        (events, Ok(batch))
    })
}
