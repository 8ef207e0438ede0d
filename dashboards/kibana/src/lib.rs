//! The Kibana dashboard as saved objects: index patterns, visualizations and the dashboard that shows them.
//!
//! **The decision** is to write the oldest shape that is of use, Kibana 7.10's, and only kinds of panels that exist
//! without x-pack: every later Kibana migrates them by its own code, while a newer shape is refused by an older one.
//! **Its cost** is that nothing here uses Lens.
//!
//! `cargo run -p btc-dashboard-kibana` writes `dashboards/kibana/bitcoin-dashboard.ndjson` anew; a test holds the two equal.
//! Kibana itself notices neither an unknown field nor a broken `visState`, so `tests/valid.rs` does.

mod aggregation;
mod chart;
mod grid;
mod object;
mod panels;
mod pattern;
mod rate;
mod table;

use serde_json::Value;

pub use crate::grid::DASHBOARD_ID;
use crate::object::Names;

/// Every saved object of the dashboard, what is referred to first. `prefix` stands in front of the indices' names and of
/// the objects' ids, so that several dashboards can share a Kibana.
pub fn objects(prefix: &str) -> Vec<Value> {
    let names = Names { prefix };
    let placed = panels::placed(names);
    let mut objects = pattern::all(names);
    objects.extend(placed.iter().map(|(visualization, _)| visualization.clone()));
    objects.push(grid::dashboard(names, &placed));
    objects
}

/// The objects as `_import` takes them: one JSON object a line.
pub fn ndjson(objects: &[Value]) -> String {
    objects.iter().flat_map(|object| [object.to_string(), "\n".to_owned()]).collect()
}
