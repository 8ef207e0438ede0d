//! The event stream: it delivers changes, resumes where it broke off, and keeps within its limits.

mod fake;
mod http;

use std::sync::Arc;

use btc_dashboard_web::PageOptions;

use crate::{
    fake::{
        Documents,
        market::{fill, put_price},
        scenes::running,
    },
    http::{options, serve_page},
};

fn filled() -> Arc<Documents> {
    let index = Arc::new(Documents::default());
    fill(&index, "2024-10-19T14:25:00Z".parse().expect("a time"), 30);
    index
}

fn id(event: &str) -> String {
    let line = event.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
    line.to_owned()
}

#[tokio::test]
async fn a_change_is_delivered_and_nothing_else() {
    let index = filled();
    let served = serve_page(&index, running(), options()).await;
    let mut events = served.open("/events", "").await;
    let first = events.until("\n\n").await;
    assert!(first.contains("content-type: text/event-stream") && first.contains("\"miners\""), "{first}");

    put_price(&index, "2024-10-19T14:26:10Z".parse().unwrap());
    let change = events.until("event: fragments").await + &events.until("\n\n").await;
    assert!(change.contains("14:26:10 UTC"), "{change}");
    assert!(!change.contains("\"miners\""), "miners have not changed");
    served.stop().await;
}

#[tokio::test]
async fn a_stream_resumes_where_it_broke_off() {
    let index = filled();
    let served = serve_page(&index, running(), options()).await;
    let mut events = served.open("/events", "").await;
    events.until("event: fragments").await;
    let held = id(&events.until("\n\n").await);
    drop(events);

    // Nothing has changed: a sign of life, and no fragment.
    let mut events = served.open("/events", &format!("last-event-id: {held}\r\n")).await;
    let alive = events.until("event: pulse").await;
    assert!(!alive.contains("event: fragments"), "{alive}");
    drop(events);

    put_price(&index, "2024-10-19T14:27:10Z".parse().unwrap());
    let mut events = served.open("/events", &format!("last-event-id: {held}\r\n")).await;
    let change = events.until("14:27:10 UTC").await;
    assert!(!change.contains("\"miners\""), "what was held is not sent again");
    served.stop().await;
}

#[tokio::test]
async fn a_page_needs_nothing_that_it_was_loaded_with() {
    let served = serve_page(&filled(), running(), options()).await;
    let (_, page) = served.get("/topology").await;
    let (_, rest) = page.split_once("data-held=\"").unwrap();
    let (held, _) = rest.split_once('"').unwrap();
    let mut events = served.open(&format!("/events?page=topology&held={held}"), "").await;
    let alive = events.until("event: pulse").await;
    assert!(!alive.contains("event: fragments"), "{alive}");
    served.stop().await;
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let served = serve_page(&filled(), running(), options()).await;
    let mut events = served.open("/events?held=none", "").await;
    events.until("event: fragments").await;
    events.until("event: pulse").await;
    events.until("event: pulse").await;
    served.stop().await;
}

#[tokio::test]
async fn one_reader_too_many_is_told_so() {
    let options = PageOptions { subscribers_max: 1, ..options() };
    let served = serve_page(&filled(), running(), options).await;
    let mut events = served.open("/events", "").await;
    events.until("event: fragments").await;
    let (head, body) = served.get("/events").await;
    assert!(head.starts_with("HTTP/1.1 503") && body.contains("raise subscribers_max"), "{body}");
    served.stop().await;
}

#[tokio::test]
async fn streams_end_with_the_page() {
    let served = serve_page(&filled(), running(), options()).await;
    let mut events = served.open("/events", "").await;
    events.until("event: fragments").await;
    served.stop().await;
    assert!(events.ends().await);
}
