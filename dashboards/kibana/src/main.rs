//! Writes the dashboard's file anew.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("bitcoin-dashboard.ndjson");
    std::fs::write(file, btc_dashboard_kibana::ndjson(&btc_dashboard_kibana::objects("")))
}
