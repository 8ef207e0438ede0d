//! Serves the page with generated documents, for looking at it: `cargo run --example demo -- full|empty|reading|broken [port]`.

#[path = "../tests/fake/mod.rs"]
mod fake;

use std::{net::Ipv4Addr, sync::Arc};

use btc_dashboard_web::{PageOptions, Status, serve};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let scene = arguments.next().unwrap_or_else(|| "full".to_owned());
    let port = arguments.next().map_or(Ok(8099), |port| port.parse())?;
    let index = Arc::new(fake::Documents::default());
    if scene != "empty" {
        fake::market::fill(&index, chrono::Utc::now(), 32 * 24);
    }
    let status = match scene.as_str() {
        "empty" => fake::scenes::starting(),
        "reading" => Status { history_share: None, ..fake::scenes::starting() },
        "broken" => fake::scenes::broken(),
        _ => fake::scenes::running(),
    };
    let options = PageOptions::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let live = Arc::clone(&index);
    let feed = async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_secs(2));
        loop {
            ticks.tick().await;
            if scene != "empty" {
                fake::market::tick(&live, chrono::Utc::now());
            }
        }
    };
    tokio::select! {
        served = serve(listener, index, Arc::new(move || status.clone()), options, std::future::pending::<()>()) => served?,
        () = feed => {}
    }
    Ok(())
}
