//! The aggregations of a visualization: metrics, and the buckets they are taken in.

use serde_json::{Value, json};

/// What a bucket is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// A place on the chart's axis.
    Segment,
    /// A series.
    Group,
    /// A row of a table.
    Row,
}

impl Role {
    const fn schema(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Group => "group",
            Self::Row => "bucket",
        }
    }
}

/// How wide the buckets of a time axis are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Width {
    /// As the time range asks for.
    Auto,
    /// An hour; more only where there would be too many.
    Hour,
}

pub(crate) fn metric(id: &str, kind: &str, field: &str, label: &str) -> Value {
    json!({
        "id": id, "enabled": true, "type": kind, "schema": "metric",
        "params": { "field": field, "customLabel": label },
    })
}

pub(crate) fn count(id: &str, label: &str) -> Value {
    json!({ "id": id, "enabled": true, "type": "count", "schema": "metric", "params": { "customLabel": label } })
}

/// The field's value in the newest document.
pub(crate) fn newest(id: &str, field: &str, label: &str) -> Value {
    json!({
        "id": id, "enabled": true, "type": "top_hits", "schema": "metric",
        "params": {
            "field": field, "aggregate": "average", "size": 1, "sortField": "@timestamp", "sortOrder": "desc",
            "customLabel": label,
        },
    })
}

pub(crate) fn over_time(id: &str, width: Width, label: &str) -> Value {
    let interval = match width {
        Width::Auto => "auto",
        Width::Hour => "h",
    };
    json!({
        "id": id, "enabled": true, "type": "date_histogram", "schema": "segment",
        "params": {
            "field": "@timestamp", "timeRange": { "from": "now-24h", "to": "now" }, "useNormalizedEsInterval": true,
            "scaleMetricValues": false, "interval": interval, "drop_partials": false, "min_doc_count": 1,
            "extended_bounds": {}, "customLabel": label,
        },
    })
}

/// The field's values: the `size` greatest by `order_by`, which is a metric's id or `_key`.
pub(crate) fn top(id: &str, role: Role, field: &str, order_by: &str, size: u32, label: &str) -> Value {
    terms(id, role, field, (order_by, "desc"), size, label)
}

/// The field's values in their own order.
pub(crate) fn each(id: &str, role: Role, field: &str, size: u32, label: &str) -> Value {
    terms(id, role, field, ("_key", "asc"), size, label)
}

fn terms(id: &str, role: Role, field: &str, (by, order): (&str, &str), size: u32, label: &str) -> Value {
    json!({
        "id": id, "enabled": true, "type": "terms", "schema": role.schema(),
        "params": {
            "field": field, "orderBy": by, "order": order, "size": size, "otherBucket": false,
            "otherBucketLabel": "Other", "missingBucket": false, "missingBucketLabel": "Missing", "customLabel": label,
        },
    })
}
