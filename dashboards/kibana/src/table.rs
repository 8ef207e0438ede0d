//! Figures in rows, single figures, and text.

use serde_json::{Value, json};

use crate::object::Look;

pub(crate) fn table(rows_per_page: u32, aggs: Vec<Value>) -> Look {
    let params = json!({
        "perPage": rows_per_page, "showPartialRows": false, "showMetricsAtAllLevels": false, "showTotal": false,
        "sort": { "columnIndex": null, "direction": null }, "totalFunc": "sum", "percentageCol": "",
    });
    Look { kind: "table", params, aggs, colors: Value::Null }
}

pub(crate) fn figure(agg: Value) -> Look {
    let params = json!({
        "addTooltip": true, "addLegend": false, "type": "metric",
        "metric": {
            "percentageMode": false, "useRanges": false, "colorSchema": "Green to Red", "metricColorMode": "None",
            "colorsRange": [{ "from": 0, "to": 10000 }], "labels": { "show": true }, "invertColors": false,
            "style": { "bgFill": "#000", "bgColor": false, "labelColor": false, "subText": "", "fontSize": 32 },
        },
    });
    Look { kind: "metric", params, aggs: vec![agg], colors: Value::Null }
}

pub(crate) fn text(markdown: &str) -> Look {
    let params = json!({ "fontSize": 12, "openLinksInNewTab": false, "markdown": markdown });
    Look { kind: "markdown", params, aggs: Vec::new(), colors: Value::Null }
}
