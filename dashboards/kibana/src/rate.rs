//! Messages a minute, by index: a TSVB chart, because only that divides a count by the width of its bucket.

use serde_json::{Value, json};

use crate::object::{Look, Names};

/// One line of the chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) index: &'static str,
    pub(crate) label: &'static str,
    pub(crate) color: &'static str,
}

pub(crate) fn per_minute(names: Names<'_>, pattern: &str, lines: &[Line]) -> Look {
    let filters: Vec<Value> = lines
        .iter()
        .map(|line| {
            let query = format!("_index:\"{}\"", names.of(line.index));
            json!({
                "id": format!("rate-{}", line.index), "label": line.label, "color": line.color,
                "filter": { "query": query, "language": "lucene" },
            })
        })
        .collect();
    let series = json!({
        "id": "rate", "color": "#6092C0", "label": "", "split_mode": "filters", "split_filters": filters,
        "split_color_mode": "kibana",
        "metrics": [
            { "id": "rate-count", "type": "count" },
            {
                "id": "rate-per-minute", "type": "math",
                "variables": [{ "id": "rate-variable", "name": "count", "field": "rate-count" }],
                "script": "params.count * 60000 / params._interval",
            },
        ],
        "separate_axis": 0, "axis_position": "left", "formatter": "number", "value_template": "{{value}} / min",
        "chart_type": "line", "line_width": 2, "point_size": 0, "fill": 0.1, "stacked": "none",
    });
    let params = json!({
        "id": "rate-panel", "type": "timeseries", "series": [series],
        "time_field": "@timestamp", "index_pattern": names.of(pattern), "default_index_pattern": names.of(pattern),
        "default_timefield": "@timestamp", "interval": ">=1m", "drop_last_bucket": 1, "isModelInvalid": false,
        "axis_position": "left", "axis_formatter": "number", "axis_scale": "normal", "axis_min": "0",
        "show_legend": 1, "legend_position": "bottom", "show_grid": 1, "tooltip_mode": "show_all",
    });
    Look { kind: "metrics", params, aggs: Vec::new(), colors: Value::Null }
}
