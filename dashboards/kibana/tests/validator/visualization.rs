use serde_json::Value;

use super::fields::Fields;
use super::{Objects, list, named, referred, text};

const CHARTS: [&str; 3] = ["line", "histogram", "horizontal_bar"];
const FIGURES: [&str; 2] = ["metric", "table"];

pub(crate) fn check(objects: &mut Objects, object: &Value, prefix: &str) {
    let name = named(object);
    let state = objects.inner(object, "/visState");
    let kind = text(&state["type"]);
    objects.inner(object, "/uiStateJSON");
    objects.expect(state["title"] == object["attributes"]["title"], || format!("{name} has two titles"));
    let search = objects.inner(object, "/kibanaSavedObjectMeta/searchSourceJSON");
    let fields = check_source(objects, object, &search, prefix);
    match (kind, fields) {
        ("markdown", _) => {
            objects.expect(!text(&state["params"]["markdown"]).is_empty(), || format!("{name} has no text"));
        }
        ("metrics", _) => check_time_series(objects, &name, &state["params"], prefix),
        (kind, Some(fields)) if CHARTS.contains(&kind) => {
            check_aggregations(objects, &name, &state, &fields);
            check_axes(objects, &name, &state);
        }
        (kind, Some(fields)) if FIGURES.contains(&kind) => {
            check_aggregations(objects, &name, &state, &fields);
        }
        (kind, _) => objects.fault(format!("{name} is of the unknown kind {kind}, or has no index pattern")),
    }
}

/// The index pattern's fields. Search source and references name it by one name, or neither does.
fn check_source(objects: &mut Objects, object: &Value, search: &Value, prefix: &str) -> Option<Fields> {
    let name = named(object);
    let reference = text(&search["indexRefName"]);
    let names: Vec<&str> = list(&object["references"]).iter().map(|one| text(&one["name"])).collect();
    let expected = if reference.is_empty() { vec![] } else { vec![reference] };
    objects.expect(names == expected, || {
        format!("{name}: its source is {expected:?}, its references {names:?}")
    });
    let pattern = objects.get("index-pattern", referred(object, reference)?)?;
    let fields = Fields::of_pattern(text(&pattern["attributes"]["title"]), prefix)?;
    for missing in fields.missing_in_query(text(&search["query"]["query"])) {
        objects.fault(format!("{name}: its query names the missing field {missing}"));
    }
    Some(fields)
}

fn check_aggregations(objects: &mut Objects, name: &str, state: &Value, fields: &Fields) {
    let aggs = list(&state["aggs"]);
    let is_table = state["type"] == "table";
    let metrics: Vec<&str> =
        aggs.iter().filter(|agg| agg["schema"] == "metric").map(|agg| text(&agg["id"])).collect();
    objects.expect(!metrics.is_empty(), || format!("{name} measures nothing"));
    for (number, agg) in aggs.iter().enumerate() {
        let (kind, field) = (text(&agg["type"]), text(&agg["params"]["field"]));
        let schema = text(&agg["schema"]);
        let fits = match kind {
            "count" => field.is_empty(),
            "avg" | "sum" | "top_hits" => fields.is_number(field),
            "min" | "max" => fields.is_number(field) || fields.is_date(field),
            "date_histogram" => fields.is_date(field),
            "terms" => matches!(fields.kind(field), Some("keyword" | "date")),
            _ => false,
        };
        objects.expect(fits, || format!("{name}: {kind} of the field {field:?} is not possible"));
        let schema_fits = match kind {
            "terms" | "date_histogram" if is_table => schema == "bucket",
            "terms" | "date_histogram" => ["segment", "group"].contains(&schema),
            _ => schema == "metric",
        };
        objects.expect(schema_fits, || format!("{name}: {kind} cannot be a {schema}"));
        objects.expect(!aggs[..number].iter().any(|other| other["id"] == agg["id"]), || {
            format!("{name} has the aggregation {} twice", agg["id"])
        });
        if kind == "terms" {
            let order = text(&agg["params"]["orderBy"]);
            objects.expect(order == "_key" || metrics.contains(&order), || {
                format!("{name} is ordered by {order:?}, which it does not measure")
            });
        }
        if kind == "top_hits" {
            let sort = text(&agg["params"]["sortField"]);
            objects.expect(fields.is_date(sort), || format!("{name}: the newest is by {sort:?}, no date"));
        }
    }
}

/// A chart draws each of its metrics once, on an axis it has, and has one bucket along its category axis.
fn check_axes(objects: &mut Objects, name: &str, state: &Value) {
    let params = &state["params"];
    // Lying bars are bars, too: Kibana 8 knows no other word for them here.
    let shape = if state["type"] == "line" { "line" } else { "histogram" };
    objects.expect(params["type"] == shape, || format!("{name} is of two kinds"));
    let of_schema = |schema: &str| -> Vec<&Value> {
        list(&state["aggs"]).iter().filter(|agg| agg["schema"] == schema).map(|agg| &agg["id"]).collect()
    };
    let drawn: Vec<&Value> =
        list(&params["seriesParams"]).iter().map(|series| &series["data"]["id"]).collect();
    objects.expect(drawn == of_schema("metric"), || format!("{name} draws {drawn:?}"));
    objects.expect(of_schema("segment").len() == 1, || format!("{name} has not one category bucket"));
    objects.expect(list(&params["categoryAxes"]).len() == 1, || format!("{name} has not one category axis"));
    for axis in list(&params["valueAxes"]) {
        objects.expect(!text(&axis["title"]["text"]).is_empty(), || {
            format!("{name} has an axis without a unit")
        });
    }
    for series in list(&params["seriesParams"]) {
        let is_there = list(&params["valueAxes"]).iter().any(|axis| axis["id"] == series["valueAxis"]);
        objects.expect(is_there, || format!("{name} draws on the missing axis {}", series["valueAxis"]));
    }
}

fn check_time_series(objects: &mut Objects, name: &str, params: &Value, prefix: &str) {
    let pattern = text(&params["index_pattern"]);
    let Some(fields) = Fields::of_pattern(pattern, prefix) else {
        return objects.fault(format!("{name}: {pattern} matches no template"));
    };
    let time = text(&params["time_field"]);
    objects.expect(fields.is_date(time), || format!("{name}: the time field {time:?} is no date"));
    for series in list(&params["series"]) {
        let metrics = list(&series["metrics"]);
        for metric in metrics {
            let known = match text(&metric["type"]) {
                "count" => true,
                "math" => list(&metric["variables"])
                    .iter()
                    .all(|variable| metrics.iter().any(|other| other["id"] == variable["field"])),
                _ => false,
            };
            objects.expect(known, || format!("{name}: the metric {metric} is not possible"));
        }
        for filter in list(&series["split_filters"]) {
            let query = text(&filter["filter"]["query"]);
            let index = query.strip_prefix("_index:\"").and_then(|rest| rest.strip_suffix('"'));
            let is_template = index.is_some_and(|index| Fields::of_pattern(index, prefix).is_some());
            objects.expect(is_template, || format!("{name}: the filter {query} selects no index"));
        }
    }
}
