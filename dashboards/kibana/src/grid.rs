//! The dashboard: which visualization stands where.

use serde_json::{Value, json};

use crate::object::Names;

/// The dashboard's id without the prefix.
pub const DASHBOARD_ID: &str = "bitcoin-dashboard";

/// A panel's place in columns of which a dashboard has 48, and rows of about 20 pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

pub(crate) fn dashboard(names: Names<'_>, placed: &[(Value, Place)]) -> Value {
    let numbered = || placed.iter().enumerate();
    let panels: Vec<Value> = numbered()
        .map(|(number, (_, place))| {
            let index = format!("p{number}");
            json!({
                "version": "7.10.2",
                "gridData": { "x": place.x, "y": place.y, "w": place.w, "h": place.h, "i": index },
                "panelIndex": index,
                "embeddableConfig": {},
                "panelRefName": format!("panel_{number}"),
            })
        })
        .collect();
    let references: Vec<Value> = numbered()
        .map(|(number, (visualization, _))| {
            json!({ "name": format!("panel_{number}"), "type": "visualization", "id": visualization["id"] })
        })
        .collect();
    json!({
        "id": names.of(DASHBOARD_ID),
        "type": "dashboard",
        "attributes": {
            "title": "Bitcoin dashboard",
            "description": "Price in EUR, volume and largest transaction an hour, top miners, and the health of the pipeline.",
            "hits": 0,
            "version": 1,
            "timeRestore": true,
            "timeFrom": "now-24h",
            "timeTo": "now",
            "refreshInterval": { "pause": false, "value": 10_000 },
            "panelsJSON": Value::Array(panels).to_string(),
            "optionsJSON": json!({ "useMargins": true, "hidePanelTitles": false }).to_string(),
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": json!({ "query": { "query": "", "language": "kuery" }, "filter": [] }).to_string(),
            },
        },
        "references": references,
        "migrationVersion": { "dashboard": "7.9.3" },
    })
}
