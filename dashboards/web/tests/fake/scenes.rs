//! States that a process may be in.

use btc_dashboard_web::Status;
use serde_json::{Value, json};

/// The first second: nothing is there yet.
pub(crate) fn starting() -> Status {
    Status {
        ready: true,
        history_count: 18_240,
        history_share: Some(0.2976),
        topology: Some(topology()),
        ..Status::default()
    }
}

/// Everything is well.
pub(crate) fn running() -> Status {
    Status {
        ready: true,
        history_done: true,
        topology: Some(topology()),
        producer: Some(json!({
            "bpi": {"source": "sample", "observations": 46_080, "rejected": 0},
            "blockchain": {"state": "connected", "transactions": 812_344, "blocks": 4_611, "reconnects": 2}
        })),
        ..Status::default()
    }
}

/// The index does not answer.
pub(crate) fn broken() -> Status {
    let why = "the index has not answered for 42 s; the spouts are paused and nothing is lost";
    Status { ready: false, why: Some(why.to_owned()), ..running() }
}

fn component(name: &str, kind: &str, tasks: u64, count: u64, p50: u64) -> Value {
    let is_spout = kind == "spout";
    json!({
        "name": name, "kind": kind, "tasks": tasks, "emitted": count, "acked": count - 3, "failed": 0, "pending": 3,
        "executed": if is_spout { 0 } else { count }, "execute_us_p50": p50, "execute_us_p99": p50 * 9,
        "complete_us_p50": is_spout.then_some(1_450), "complete_us_p99": is_spout.then_some(18_200), "queue_len": 2,
        "restarts": 0, "last_error": null
    })
}

fn edge(from: &str, to: &str, stream: &str, grouping: &str, count: u64) -> Value {
    let acked = count - count.min(3);
    json!({
        "from": from, "stream": stream, "to": to, "grouping": grouping, "emitted": count, "acked": acked, "failed": 0,
        "pending": count - acked
    })
}

/// The Bitcoin topology after some hours.
pub(crate) fn topology() -> Value {
    let mut components = vec![
        component("bpi", "spout", 1, 46_080, 0),
        component("transactions", "spout", 3, 812_344, 0),
        component("blocks", "spout", 1, 4_611, 0),
        component("dead-letters", "spout", 1, 4, 0),
        component("parse-prices", "bolt", 1, 46_080, 4),
        component("parse-transactions", "bolt", 4, 812_340, 11),
        component("parse-blocks", "bolt", 1, 4_610, 38),
        component("volume-by-key", "deferred-bolt", 4, 812_340, 6),
        component("volume", "deferred-bolt", 2, 96_480, 21),
        component("miners", "deferred-bolt", 1, 50_690, 17),
        component("dead-letter", "sink", 1, 4, 900),
        component("index", "sink", 2, 1_021_377, 2_300),
    ];
    components[1]["failed"] = json!(2);
    components[7]["failed"] = json!(2);
    components[7]["restarts"] = json!(1);
    components[7]["last_error"] = json!("the task panicked: attempt to subtract with overflow");
    let edges = vec![
        edge("bpi", "parse-prices", "default", "local-or-shuffle", 46_080),
        edge("transactions", "parse-transactions", "default", "local-or-shuffle", 812_344),
        edge("blocks", "parse-blocks", "default", "local-or-shuffle", 4_611),
        edge("parse-transactions", "volume-by-key", "default", "by key", 812_340),
        edge("volume-by-key", "volume", "default", "by key", 50_400),
        edge("parse-prices", "volume", "default", "by key", 46_080),
        edge("parse-prices", "miners", "default", "global", 46_080),
        edge("parse-blocks", "miners", "default", "global", 4_610),
        edge("parse-prices", "dead-letter", "dead", "shuffle", 0),
        edge("parse-transactions", "dead-letter", "dead", "shuffle", 4),
        edge("parse-blocks", "dead-letter", "dead", "shuffle", 0),
        edge("volume", "index", "default", "by key", 96_480),
        edge("miners", "index", "default", "by key", 50_690),
        edge("parse-prices", "index", "raw", "shuffle", 46_080),
        edge("parse-transactions", "index", "raw", "shuffle", 812_340),
        edge("parse-blocks", "index", "raw", "shuffle", 4_610),
        edge("dead-letters", "index", "default", "shuffle", 4),
    ];
    json!({
        "topology": "bitcoin", "uptime_ms": 15_732_000, "components": components, "edges": edges,
        "failures": [
            {"component": "volume-by-key", "edge": "parse-transactions", "task": 2, "spout": "transactions", "id": 71_233,
             "attempt": 1, "queued_us": 310, "executed_us": 48, "kind": "retry",
             "reason": "the task panicked: attempt to subtract with overflow"},
            {"component": "volume-by-key", "edge": "parse-transactions", "task": 2, "spout": "transactions", "id": 71_234,
             "attempt": 1, "queued_us": 355, "executed_us": 0, "kind": "retry",
             "reason": "the task was rebuilt after a panic while this tuple was held"}
        ]
    })
}
