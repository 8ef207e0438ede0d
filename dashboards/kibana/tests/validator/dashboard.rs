use serde_json::Value;

use super::{Objects, list, named, referred, text};

/// Kibana's grid.
const COLUMNS: u64 = 48;

/// A dashboard: every panel has its visualization and its own place, and every visualization its panel.
pub(crate) fn check(objects: &mut Objects, object: &Value) {
    let name = named(object);
    objects.inner(object, "/optionsJSON");
    objects.inner(object, "/kibanaSavedObjectMeta/searchSourceJSON");
    let panels = objects.inner(object, "/panelsJSON");
    let panels = list(&panels);
    for panel in panels {
        let (index, reference) = (text(&panel["panelIndex"]), text(&panel["panelRefName"]));
        objects.expect(referred(object, reference).is_some(), || {
            format!("{name}: the panel {index} has no reference {reference:?}")
        });
        objects.expect(!index.is_empty() && panel["gridData"]["i"] == index, || {
            format!("{name}: the panel {index} has no place of its own")
        });
        let [x, _, w, h] = place(panel);
        objects
            .expect(w > 0 && h > 0 && x + w <= COLUMNS, || format!("{name}: the panel {index} does not fit"));
    }
    for reference in list(&object["references"]) {
        let shown = panels.iter().filter(|panel| panel["panelRefName"] == reference["name"]).count();
        objects.expect(shown == 1, || format!("{name} shows {} {shown} times", reference["name"]));
    }
    for (number, one) in panels.iter().enumerate() {
        for other in &panels[..number] {
            objects.expect(!overlap(place(one), place(other)), || {
                format!("{name}: the panels {} and {} overlap", other["panelIndex"], one["panelIndex"])
            });
        }
    }
    let ids: Vec<String> =
        objects.by_id.keys().filter(|(kind, _)| kind == "visualization").map(|(_, id)| id.clone()).collect();
    for id in ids {
        let is_shown = list(&object["references"]).iter().any(|reference| reference["id"] == id.as_str());
        objects.expect(is_shown, || format!("{name} does not show {id}"));
    }
    let attributes = &object["attributes"];
    objects.expect(attributes["timeRestore"] == true && !text(&attributes["timeFrom"]).is_empty(), || {
        format!("{name} has no time range")
    });
}

fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|side| panel["gridData"][side].as_u64().unwrap_or(COLUMNS))
}

fn overlap([x, y, w, h]: [u64; 4], [other_x, other_y, other_w, other_h]: [u64; 4]) -> bool {
    x < other_x + other_w && other_x < x + w && y < other_y + other_h && other_y < y + h
}
