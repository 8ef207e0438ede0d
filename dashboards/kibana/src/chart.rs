//! Charts with axes: lines and bars.

use serde_json::{Value, json};

use crate::object::Look;

/// One series: the metric it shows and how it looks. Series of one metric are told apart by a group bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    pub(crate) metric_id: &'static str,
    pub(crate) label: &'static str,
    /// `None` leaves it to Kibana.
    pub(crate) color: Option<&'static str>,
    pub(crate) line_width: u32,
}

impl Series {
    pub(crate) const fn new(
        metric_id: &'static str,
        label: &'static str,
        color: Option<&'static str>,
    ) -> Self {
        Self { metric_id, label, color, line_width: 2 }
    }

    pub(crate) const fn wide(self, line_width: u32) -> Self {
        Self { line_width, ..self }
    }
}

/// Lines over time. The axis spans the values, not zero: a price never comes near it.
pub(crate) fn lines(axis_title: &str, series: &[Series], aggs: Vec<Value>) -> Look {
    let mut chart = chart("line", ("bottom", "left"), axis_title, series, aggs);
    chart.params["addLegend"] = json!(true);
    chart.params["valueAxes"][0]["scale"]["defaultYExtents"] = json!(true);
    chart
}

/// Bars over time from zero.
pub(crate) fn bars(axis_title: &str, series: &[Series], aggs: Vec<Value>) -> Look {
    chart("histogram", ("bottom", "left"), axis_title, series, aggs)
}

/// Bars over time from zero, with a legend of the groups that they are stacked of.
pub(crate) fn stacked_bars(axis_title: &str, series: &[Series], aggs: Vec<Value>) -> Look {
    let mut chart = bars(axis_title, series, aggs);
    chart.params["addLegend"] = json!(true);
    chart
}

/// A ranking: lying bars, names on the left, and the period that it is of in the legend.
pub(crate) fn ranking(axis_title: &str, series: Series, aggs: Vec<Value>) -> Look {
    let mut chart = chart("horizontal_bar", ("left", "bottom"), axis_title, &[series], aggs);
    chart.params["addLegend"] = json!(true);
    chart.params["legendPosition"] = json!("top");
    chart.params["categoryAxes"][0]["labels"] =
        json!({ "show": true, "rotate": 0, "filter": false, "truncate": 200 });
    chart.params["valueAxes"][0]["labels"]["filter"] = json!(true);
    chart
}

fn chart(
    kind: &'static str,
    (categories_at, values_at): (&str, &str),
    axis_title: &str,
    series: &[Series],
    aggs: Vec<Value>,
) -> Look {
    let shape = if kind == "line" { "line" } else { "histogram" };
    let mode = if kind == "histogram" { "stacked" } else { "normal" };
    let series_params: Vec<Value> = series
        .iter()
        .map(|one| {
            json!({
                "show": true, "type": shape, "mode": mode, "data": { "label": one.label, "id": one.metric_id },
                "valueAxis": "ValueAxis-1", "drawLinesBetweenPoints": true, "lineWidth": one.line_width,
                "interpolate": "linear", "showCircles": false,
            })
        })
        .collect();
    let params = json!({
        "type": shape,
        "grid": { "categoryLines": false },
        "categoryAxes": [{
            "id": "CategoryAxis-1", "type": "category", "position": categories_at, "show": true, "style": {},
            "scale": { "type": "linear" }, "labels": { "show": true, "filter": true, "truncate": 100 }, "title": {},
        }],
        "valueAxes": [{
            "id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": values_at, "show": true, "style": {},
            "scale": { "type": "linear", "mode": "normal" },
            "labels": { "show": true, "rotate": 0, "filter": false, "truncate": 100 },
            "title": { "text": axis_title },
        }],
        "seriesParams": series_params,
        "addTooltip": true, "addLegend": false, "legendPosition": "right", "times": [], "addTimeMarker": false,
        "labels": { "show": false },
        "thresholdLine": { "show": false, "value": 10, "width": 1, "style": "full", "color": "#E7664C" },
    });
    let colors = series.iter().filter_map(|one| Some((one.label.to_owned(), json!(one.color?)))).collect();
    Look { kind, params, aggs, colors: Value::Object(colors) }
}
