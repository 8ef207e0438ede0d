//! Goal: no panel of the dashboard is empty over the documents of a run. Method: ask a real Elasticsearch what Kibana would ask for
//! each panel, over an indexed sample.

use serde_json::{Map, Value, json};

use super::servers::Names;
use crate::support::{INDICES, SHORT_SAMPLE};

#[test]
fn every_panel_has_something_to_show() {
    let Some(names) = Names::find("panels", "TROMBE_ELASTICSEARCH") else { return };
    assert!(names.setup(&["--elasticsearch"], &[]).0);
    names.bench.replay(&["sample"], &SHORT_SAMPLE);
    for index in INDICES {
        names.index(index, &names.bench.documents(index));
    }
    let letter = json!({
        "@timestamp": "2024-10-30T12:00:00.000Z", "reason": "no JSON", "source": "kraken", "feed": "live",
        "topic": "p3-btc-bpi", "partition": 0, "offset": 7, "raw_base64": "e30=", "raw_bytes": 2,
    });
    names.index("btc-dead-letter", &[json!({ "_id": "a", "_version": 1, "_source": letter })]);

    let objects = btc_dashboard_kibana::objects(&names.prefix);
    let title = |id: &Value| {
        objects.iter().find(|object| object["id"] == *id).unwrap()["attributes"]["title"].clone()
    };
    let mut asked = 0;
    for panel in objects.iter().filter(|object| object["type"] == "visualization") {
        let inner = |path: &str| -> Value {
            serde_json::from_str(panel["attributes"].pointer(path).unwrap().as_str().unwrap()).unwrap()
        };
        let (state, search) = (inner("/visState"), inner("/kibanaSavedObjectMeta/searchSourceJSON"));
        if state["type"] == "metrics" {
            let pattern = state["params"]["index_pattern"].as_str().unwrap();
            for filter in state["params"]["series"][0]["split_filters"].as_array().unwrap() {
                let answer = names.search(pattern, &filter["filter"]["query"], &json!({}));
                assert_ne!(answer["hits"]["total"]["value"], 0, "{filter}");
            }
        }
        let Some(reference) = panel["references"].get(0) else { continue };
        let pattern = title(&reference["id"]);
        let aggs = state["aggs"].as_array().unwrap();
        let (metrics, buckets): (Vec<_>, Vec<_>) = aggs.iter().partition(|agg| agg["schema"] == "metric");
        let answer =
            names.search(pattern.as_str().unwrap(), &search["query"]["query"], &nested(&buckets, &metrics));
        assert_ne!(answer["hits"]["total"]["value"], 0, "{}", panel["id"]);
        expect_values(&answer["aggregations"], &buckets, &metrics, &panel["id"]);
        asked += 1;
    }
    assert!(asked > 15, "only {asked} panels were looked at");
}

/// The aggregations as Kibana nests them: bucket in bucket, in the innermost the metrics.
fn nested(buckets: &[&Value], metrics: &[&Value]) -> Value {
    let mut inner: Map<String, Value> = metrics.iter().filter_map(|agg| metric(agg)).collect();
    for bucket in buckets.iter().rev() {
        let params = &bucket["params"];
        let order = params["orderBy"].as_str().unwrap_or_default();
        let by = metrics.iter().find(|agg| agg["id"] == order);
        let mut body = if bucket["type"] == "terms" {
            let order = if by.is_some_and(|agg| agg["type"] == "count") { "_count" } else { order };
            json!({ "terms": { "field": params["field"], "size": params["size"], "order": { order: params["order"] } } })
        } else {
            json!({ "date_histogram": { "field": params["field"], "calendar_interval": "1h", "min_doc_count": 1 } })
        };
        inner.extend(by.and_then(|agg| metric(agg)));
        body["aggs"] = inner.into();
        inner = Map::from_iter([(bucket["id"].as_str().unwrap().to_owned(), body)]);
    }
    inner.into()
}

/// A count is in every bucket already.
fn metric(agg: &Value) -> Option<(String, Value)> {
    let (kind, params) = (agg["type"].as_str().unwrap(), &agg["params"]);
    let body = match kind {
        "count" => return None,
        "top_hits" => {
            let sort = params["sortField"].as_str().unwrap();
            json!({ kind: { "size": 1, "_source": [params["field"]], "sort": [{ sort: "desc" }] } })
        }
        _ => json!({ kind: { "field": params["field"] } }),
    };
    Some((agg["id"].as_str().unwrap().to_owned(), body))
}

#[track_caller]
fn expect_values(answer: &Value, buckets: &[&Value], metrics: &[&Value], panel: &Value) {
    if let [outer, inner @ ..] = buckets {
        let first = &answer[outer["id"].as_str().unwrap()]["buckets"][0];
        assert!(first.is_object(), "{panel} has no bucket of {outer}: {answer}");
        return expect_values(first, inner, metrics, panel);
    }
    for agg in metrics.iter().filter(|agg| agg["type"] != "count") {
        let value = &answer[agg["id"].as_str().unwrap()];
        let is_there = value["value"].is_f64() || value["hits"]["hits"][0].is_object();
        assert!(is_there, "{panel} has no value of {agg}: {answer}");
    }
}
