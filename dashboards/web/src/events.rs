//! The event stream: the fragments that a page does not hold yet, whenever there are any.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::{
    fragment::Held,
    hub::{Hub, Pulse},
    routes::{PageParams, Query, RequestError, fragments},
    view::Page,
};

/// How soon a browser tries again after the stream broke off.
const RETRY_MS: u64 = 1_500;

/// One reader.
struct Subscriber {
    hub: Arc<Hub>,
    page: Page,
    held: Held,
    pulses: watch::Receiver<Pulse>,
    is_new: bool,
    /// Gives the place back when the reader leaves.
    _place: OwnedSemaphorePermit,
}

pub(crate) async fn events(
    State(hub): State<Arc<Hub>>,
    headers: HeaderMap,
    Query(params): Query<PageParams>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, RequestError> {
    let page = params.page()?;
    let place = Arc::clone(&hub.subscribers)
        .try_acquire_owned()
        .map_err(|_| RequestError::Crowded(hub.options().subscribers_max))?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let held = resumed.or(params.held.as_deref()).map(Held::from_id).unwrap_or_default();
    let heartbeat = Duration::from_millis(hub.options().heartbeat_ms);
    let pulses = hub.pulses();
    let subscriber = Subscriber { hub, page, held, pulses, is_new: true, _place: place };
    let stream = stream::unfold(subscriber, |mut subscriber| async {
        let event = subscriber.next().await?;
        Some((Ok(event), subscriber))
    });
    let alive = KeepAlive::new().interval(heartbeat).event(Event::default().event("pulse").data("alive"));
    Ok(Sse::new(stream).keep_alive(alive))
}

impl Subscriber {
    /// Waits until there is something that the reader does not hold; `None` when the page closes.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_new) {
            // The first event tells at once that the stream is live, even if nothing has changed.
            return Some(
                self.changes().await.unwrap_or_else(|| Event::default().event("pulse").data("alive")),
            );
        }
        loop {
            self.pulses.changed().await.ok()?;
            if let Some(event) = self.changes().await {
                return Some(event);
            }
        }
    }

    async fn changes(&mut self) -> Option<Event> {
        let fragments = fragments(&self.hub, self.page).await;
        let missing = fragments.missing(&self.held);
        if missing.is_empty() {
            return None;
        }
        let event = Event::default().event("fragments").retry(Duration::from_millis(RETRY_MS));
        let event = event.json_data(&missing).ok()?;
        self.held = fragments.held();
        Some(event.id(self.held.to_id()))
    }
}
